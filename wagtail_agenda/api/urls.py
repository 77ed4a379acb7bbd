"""The addresses that other systems call, and the interface that describes them."""

from django.urls import URLPattern

from wagtail_agenda import __version__
from wagtail_agenda.api.calls import called
from wagtail_agenda.api.description import TEXT, Described
from wagtail_agenda.api.errors import handle
from wagtail_agenda.api.reading import StrictParser
from wagtail_agenda.api.routers import agendas, booking, bookings, events, hooks, slots

interface = Described(
    title="wagtail-agenda",
    version=__version__,
    description=TEXT,
    # Under the names of this add-on: its patterns stand among those of `wagtail_agenda.urls`.
    urls_namespace="wagtail_agenda",
    # What ninja would show loads its scripts from elsewhere, which a strict policy stops.
    docs_url=None,
    parser=StrictParser(),
)
handle(interface)
interface.add_router("", agendas.router)
interface.add_router("", slots.router)
interface.add_router("", booking.router)
interface.add_router("", bookings.router)
interface.add_router("", events.router)
interface.add_router("", hooks.router)


OPEN = frozenset({"openapi-json", "api-root"})
"""What nobody has to be known for: how the interface is used is no secret."""


def _patterns() -> list[URLPattern]:
    patterns, _app_name, _namespace = interface.urls
    for pattern in patterns:
        if pattern.name not in OPEN:
            pattern.callback = called(pattern.callback)
    return patterns


urlpatterns = _patterns()
