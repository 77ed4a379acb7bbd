"""What makes a view a step of the visitor's way: their basket, in the language of their form."""

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from wagtail_agenda import availability, booking, throttle
from wagtail_agenda.errors import AgendaClosed, BookingError, HoldUsed
from wagtail_agenda.forms import form_of, typed
from wagtail_agenda.models import FormVersion, Hold
from wagtail_agenda.views.basket import refused_for, step_url
from wagtail_agenda.views.pages import form_is_stale, refused, see_other, visitor_page

DIGEST = re.compile(r"[0-9a-f]{64}")
LOCK_CODE = re.compile(r"[A-Za-z0-9_-]{22}")


def step(*methods: str) -> Callable:
    """Makes a view a step of the way: it gets the visitor's basket, in the form's language.

    A booking that is made already leads to its confirmation, whatever the step.
    """

    def decorate(view: Callable) -> Callable:
        @visitor_page(*methods)
        @wraps(view)
        def page(request: HttpRequest, digest: str, lock_code: str) -> HttpResponse:
            now = timezone.now()
            basket = _basket(digest, lock_code, now)
            if basket is None:
                return _basket_is_gone(request, digest, now)
            with override(basket.form_version.definition["language"] or None):
                try:
                    if basket.booking_id and view.__name__ != "confirmed":
                        return see_other(url_of("confirmed", basket))
                    if not basket.booking_id and not availability.is_open(basket.agenda, now):
                        if "user_name" in request.POST and not form_is_stale(request):
                            # It may open again.
                            booking.keep_answers(basket, typed(asked_of(basket), request.POST))
                        raise AgendaClosed()
                    return view(request, basket, now)
                except HoldUsed:
                    return see_other(url_of("confirmed", basket))
                except BookingError as error:
                    return refused_for(request, error, basket.return_path)

        return page

    return decorate


def _basket(digest: str, lock_code: str, now: datetime) -> Hold | None:
    if not (DIGEST.fullmatch(digest) and LOCK_CODE.fullmatch(lock_code)):
        return None
    basket = (
        Hold.objects.filter(lock_code=lock_code, form_version__digest=digest)
        .select_related(
            "agenda",
            "form_version",
            "meeting_type",
            "desk__agenda",
            "event",
            "booking__agenda",
            "booking__meeting_type",
            "booking__event",
        )
        .first()
    )
    if basket is None or basket.booking_id or booking.is_held(basket, now):
        return basket
    # Purged soon: what its form asks may have changed since.
    return basket if now - basket.created_at < booking.BASKET_LIFETIME else None


def asked_of(basket: Hold) -> dict:
    return basket.form_version.definition


def url_of(name: str, basket: Hold, **query: str | Sequence[str]) -> str:
    return step_url(name, basket.form_version.digest, basket.lock_code, **query)


def next_step(held: Hold) -> str:
    """Where to go on once something is held: to what is still missing."""
    complete = form_of(asked_of(held), held.answers, judged=True).is_valid()
    return url_of("summary" if complete else "details", held)


def held_of(basket: Hold, now: datetime) -> dict[str, Any]:
    """What the template `held.html` needs: whether the time is held, and until when."""
    return {
        "basket": basket,
        "held": booking.is_held(basket, now),
        "held_until": basket.lapses_at and basket.lapses_at.astimezone(basket.agenda.zone),
        "now": now,
    }


def _basket_is_gone(request: HttpRequest, digest: str, now: datetime) -> HttpResponse:
    """No such basket. What a form brings along is not lost: it goes into a basket of its own."""
    version = (
        FormVersion.objects.filter(digest=digest).select_related("agenda").first()
        if DIGEST.fullmatch(digest)
        else None
    )
    brings_answers = request.method == "POST" and "user_name" in request.POST
    if version is None or not brings_answers or form_is_stale(request):
        return refused(
            request,
            _("This booking is no longer waiting for you"),
            _(
                "What was begun here was left for more than a day and has been deleted, or the "
                "address is incomplete. Start again from the page with the booking form."
            ),
            status=404,
        )
    with override(version.definition["language"] or None):
        try:
            if not availability.is_open(version.agenda, now):
                raise AgendaClosed()
            throttle.count(throttle.basket_limits(request), now)
        except (AgendaClosed, throttle.TooMany, throttle.CannotCount) as error:
            return refused_for(request, error, "")
        basket = booking.open_basket(
            version.agenda,
            lock_code=secrets.token_urlsafe(16),
            form_version=version,
            return_path="",
            now=now,
        )
        booking.keep_answers(basket, typed(version.definition, request.POST))
        return see_other(url_of("picker", basket, notice="restored"))
