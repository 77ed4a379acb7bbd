"""Where visitors choose how long it takes: when what begins at the chosen time is to end."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from wagtail_agenda import booking, throttle
from wagtail_agenda.availability import Slot
from wagtail_agenda.errors import SoldOut
from wagtail_agenda.models import Hold
from wagtail_agenda.views.basket import (
    REFUSALS,
    Choice,
    choice_in,
    hold_for,
    name_in,
    refusal_of,
    refused_for,
    require_type,
)
from wagtail_agenda.views.on_offer import Wish
from wagtail_agenda.views.pages import form_is_stale, see_other, show, stale_notice
from wagtail_agenda.views.steps import asked_of, next_step, step, url_of


def chooses_length(wish: Wish, choice: Choice) -> bool:
    """Whether the end of what was chosen is still to be chosen. Raises what `Wish.find` does."""
    if not wish.agenda.takes_appointments:
        return False
    return wish.find(choice.keys[0]).meeting_type.free_range


@step("GET", "POST")
def until(request: HttpRequest, basket: Hold, now: datetime) -> HttpResponse:
    """When it ends, of all the ends that are possible; its POST holds it."""
    wish = Wish(basket.agenda, now, lock_code=basket.lock_code)
    start = name_in(request.POST.get("start", "") or request.GET.get("start", ""))
    choice = choice_in(request.POST, basket.agenda)
    notice, status = "", 200
    try:
        if request.method == "POST":
            if form_is_stale(request):
                notice, status = stale_notice(), 403
            elif not choice.keys:
                notice = _("Choose an end first.")
            else:
                throttle.count(throttle.basket_limits(request), now)
                held = hold_for(
                    request, basket.form_version, basket.agenda, basket.lock_code, choice, now, ""
                )
                return see_other(next_step(held))
        if not start:
            return see_other(url_of("picker", basket))
        first = wish.find(start)
        require_type(basket.form_version, first)
        ends = wish.ends(first)
        if not ends:
            raise SoldOut(appointment=True)
    except REFUSALS as error:
        gone = choice if choice.keys else Choice((start,))
        return see_other(url_of("picker", basket, **refusal_of(error, gone, wish)))
    except (throttle.TooMany, throttle.CannotCount) as error:
        return refused_for(request, error, url_of("picker", basket))
    return show(
        request,
        "until",
        {
            "basket": basket,
            "texts": asked_of(basket)["texts"],
            "notice": notice,
            "is_error": bool(notice),
            "start": start,
            "first": ends[0],
            "ends": ends,
            "preselected": _preselected(basket, ends, choice),
            "action": url_of("until", basket),
            "picker_url": url_of("picker", basket, wanted=start),
            "zone": basket.agenda.timezone,
        },
        status,
    )


def _preselected(basket: Hold, ends: list[Slot], choice: Choice) -> str:
    """The end that was chosen before, or the first one."""
    held = booking.slot_of(basket).key if basket.start is not None else ""
    for key in (*choice.keys, held):
        if any(slot.key == key for slot in ends):
            return key
    return ends[0].key
