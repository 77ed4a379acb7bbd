"""Where every booking form posts to, from the page it stands on to the visitor's own pages."""

import secrets
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import override

from wagtail_agenda import availability, booking, form_definition, throttle
from wagtail_agenda.errors import AgendaClosed, BookingError
from wagtail_agenda.form_definition import Definition, FormDefinitionError
from wagtail_agenda.models import Agenda
from wagtail_agenda.views.basket import (
    REFUSALS,
    choice_in,
    hold_for,
    name_in,
    refusal_of,
    refused_for,
    step_url,
)
from wagtail_agenda.views.on_offer import Wish
from wagtail_agenda.views.pages import (
    HONEYPOT,
    refused,
    see_other,
    visitor_page,
)
from wagtail_agenda.views.until import chooses_length


@visitor_page("POST", csrf=False)
def choose(request: HttpRequest) -> HttpResponse:
    """Where every booking form posts to: starts a basket, with the chosen time if there is one.

    The form stands in pages that are cached, so it has no CSRF token. The signed definition, the
    browser's word on where the request comes from, and the limits stand in its place.
    """
    now = timezone.now()
    return_path = _return_path(request)
    if not _comes_from_here(request):
        return refused(
            request,
            _("This booking form is not on our site"),
            _("Open the page with the booking form on our own site and choose from there."),
            status=403,
        )
    if request.POST.get(HONEYPOT):
        return refused(
            request,
            _("This was not sent"),
            _("A field that must stay empty was filled in. Go back, reload the page, try again."),
            status=400,
            return_path=return_path,
        )
    try:
        definition = form_definition.read(request.POST.get("definition", ""), now)
        if _is_inside_admin(request):
            raise FormDefinitionError("preview")
    except FormDefinitionError as error:
        return refused(
            request,
            _("This form cannot be used"),
            str(error),
            status=400,
            return_path=return_path if error.code != "preview" else "",
        )
    with override(definition.language or None):
        return _start(request, definition, return_path, now)


def _start(
    request: HttpRequest, definition: Definition, return_path: str, now: datetime
) -> HttpResponse:
    agenda = Agenda.objects.filter(pk=definition.agenda_id).first()
    lock_code = secrets.token_urlsafe(16)
    try:
        if agenda is None or not availability.is_open(agenda, now):
            raise AgendaClosed()
        throttle.count(throttle.basket_limits(request), now)
        version = form_definition.keep(definition)
        choice = choice_in(request.POST, agenda)
        step, query = "picker", {"type": name_in(request.POST.get("type", ""))}
        if "more" in request.POST:
            query["places"] = choice.typed_places
            if agenda.several_events:
                query["wanted"] = [name for name in map(name_in, choice.keys) if name]
        elif choice.keys:
            wish = Wish(agenda, now, lock_code=lock_code, places=choice.places or 1)
            try:
                if not chooses_length(wish, choice):
                    hold_for(request, version, agenda, lock_code, choice, now, return_path)
                    return see_other(step_url("details", version.digest, lock_code))
                step, query = "until", {"start": choice.keys[0]}
            except REFUSALS as error:
                query = refusal_of(error, choice, wish)
        elif agenda.several_events and not agenda.takes_appointments:
            # Boxes to tick cannot be required as radio buttons are.
            query |= {"notice": "nothing", "places": choice.typed_places}
        basket = booking.open_basket(
            agenda, lock_code=lock_code, form_version=version, return_path=return_path, now=now
        )
        return see_other(step_url(step, version.digest, basket.lock_code, **query))
    except (BookingError, throttle.TooMany, throttle.CannotCount) as error:
        return refused_for(request, error, return_path)


def _comes_from_here(request: HttpRequest) -> bool:
    """Whether the browser says that the form stands on this site.

    Fetch Metadata decides where it is sent, because a page with ``Referrer-Policy: no-referrer``
    makes the browser write ``Origin: null``. Old browsers that send neither are let through:
    nothing is booked here, and the limits hold.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or _split(origin).netloc == request.get_host()


def _is_inside_admin(request: HttpRequest) -> bool:
    """Whether the form stood in a preview, as far as its template could not tell."""
    try:
        admin = reverse("wagtailadmin_home")
    except NoReverseMatch:
        return False
    return _referring_path(request).startswith(admin)


def _referring_path(request: HttpRequest) -> str:
    """The path of the page on this site that the request comes from, or ""."""
    parts = _split(request.headers.get("Referer", ""))
    return parts.path if parts.netloc == request.get_host() else ""


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Not a URL, for instance “http://[broken”.
        return urlsplit("")


def _return_path(request: HttpRequest) -> str:
    """The page to go back to, if it is safe to link to."""
    path = _referring_path(request)
    safe = url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if safe and path.startswith("/") and len(path) <= 1000 else ""
