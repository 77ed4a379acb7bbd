"""Another system that books here: the forms of the town, with a key to try the interface with."""

from datetime import datetime

from wagtail.models import Site

from example_site.home.demo_bookings import deliver, mails_go_nowhere
from example_site.home.demo_town_hall import TownHall
from wagtail_agenda import availability, booking, clients
from wagtail_agenda.booking import Details
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Agenda, ApiClient

NAME = "Forms of the town"


def load(town_hall: TownHall, now: datetime) -> None:
    """Lets the forms in, and books what one of them has booked, unless that was done before."""
    if ApiClient.objects.filter(label=NAME).exists():
        return
    client, _told = clients.add(NAME, scopes=clients.Scope.values, now=now)
    with mails_go_nowhere():
        book(client, town_hall.workshops, town_hall.site, now)


def book(client: ApiClient, agenda: Agenda, site: Site, now: datetime) -> None:
    slot = next(iter(availability.next_free(agenda, now=now, limit=1)), None)
    if slot is None:
        return
    form = f"{site.root_url}/demo/back-office/4711/"
    details = Details(
        user_name="Ada Okonkwo",
        user_email="ada.okonkwo@post.example",
        user_external_id="citizen-815",
        label=f"Form 4711: {slot.event}",
        backoffice_url=form,
        form_url=form,
        extra_data={"district": "North"},
        client=client,
        site=site,
        language="en",
    )
    deliver(booking.book(slot, details, now=now, actor=Actor.CLIENT), now)


def new_key() -> str:
    """A key for the forms of the town; the one before is nobody's from now on."""
    return clients.new_key(ApiClient.objects.get(label=NAME))
