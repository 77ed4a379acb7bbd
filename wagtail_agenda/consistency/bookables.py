"""What does not balance about desks, resources and events, whatever takes them."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.db.models import F, Q, QuerySet, Sum, Window
from django.db.models.functions import Lead
from django.utils.translation import ngettext

from wagtail_agenda.availability import live_at
from wagtail_agenda.choices import Admission
from wagtail_agenda.consistency.finding import Finding, count_anew, each_bookable, sorted_keys
from wagtail_agenda.models import Bookable, Booking, CalledMeeting, Hold, Occupation
from wagtail_agenda.timegrid import epoch_minutes

# What takes something and should not


def orphans(_now: datetime) -> Iterator[Finding]:
    rows = Occupation.objects.filter(
        Q(booking__admission=Admission.CANCELLED)
        | Q(hold__booking__isnull=False)
        | Q(called_meeting__in=_not_coming())
    )
    keys = sorted_keys(
        rows.order_by("bookable_id").values_list("bookable_id", flat=True).distinct()
    )
    text = ngettext(
        "%(count)d desk, resource or event is taken by what is cancelled or finished.",
        "%(count)d desks, resources or events are taken by what is cancelled or finished.",
        len(keys),
    )
    mend_them = partial(each_bookable, keys, _delete_orphans)
    yield Finding("orphaned_occupations", text % {"count": len(keys)}, "bookables", keys, mend_them)


def _not_coming() -> QuerySet[CalledMeeting]:
    """Meetings that are cancelled, or of which nobody has been told."""
    return CalledMeeting.objects.exclude(cancelled_at=None, published_at__isnull=False).order_by()


def _delete_orphans(bookable: Bookable) -> bool:
    gone = Occupation.objects.select_for_update().filter(
        Q(booking__in=Booking.objects.filter(admission=Admission.CANCELLED))
        | Q(hold__in=Hold.objects.filter(booking__isnull=False))
        | Q(called_meeting__in=_not_coming()),
        bookable=bookable,
    )
    pks = list(gone.values_list("pk", flat=True))
    Occupation.objects.filter(pk__in=pks).delete()
    count_anew(bookable)
    return bool(pks)


# What is counted


def drift(_now: datetime) -> Iterator[Finding]:
    totals = (
        Occupation.objects.filter(lapses_at__isnull=True)
        .order_by()
        .values_list("bookable_id", "waiting")
        .annotate(Sum("places"))
    )
    sums = {(bookable_id, bool(waiting)): places for bookable_id, waiting, places in totals}
    counted = Bookable.objects.order_by("pk").values_list("pk", "places_booked", "places_waiting")
    keys = tuple(
        pk
        for pk, booked, waiting in counted
        if (booked, waiting) != (sums.get((pk, False), 0), sums.get((pk, True), 0))
    )
    text = ngettext(
        "%(count)d desk, resource or event counts other places than are taken.",
        "%(count)d desks, resources or events count other places than are taken.",
        len(keys),
    )
    mend_them = partial(each_bookable, keys, count_anew)
    yield Finding("counter_drift", text % {"count": len(keys)}, "bookables", keys, mend_them)


# What only people can decide


def overlaps(now: datetime) -> Iterator[Finding]:
    live = Occupation.objects.filter(
        live_at(now), bookable__event__isnull=True, busy_to__gt=epoch_minutes(now)
    )
    # In the order of their beginnings: if any two overlap, two that follow each other do.
    begins_next = Window(
        Lead("busy_from"), partition_by=["bookable_id"], order_by=["busy_from", "busy_to"]
    )
    overlapping = live.annotate(begins_next=begins_next).filter(begins_next__lt=F("busy_to"))
    bookings: set[int | None] = set()
    meetings: set[int | None] = set()
    for bookable_id, busy_from, busy_to in overlapping.order_by().values_list(
        "bookable_id", "busy_from", "busy_to"
    ):
        beside = live.filter(bookable_id=bookable_id, busy_from__lt=busy_to, busy_to__gt=busy_from)
        for booking_id, meeting_id in beside.order_by().values_list(
            "booking_id", "called_meeting_id"
        ):
            bookings.add(booking_id)
            meetings.add(meeting_id)
    keys = sorted_keys(bookings - {None})
    text = ngettext(
        "%(count)d booking is at the same time as something else at its desk or resource. Move "
        "or cancel it.",
        "%(count)d bookings are at the same time as others at their desk or resource. Move or "
        "cancel some of them.",
        len(keys),
    )
    yield Finding("overlaps", text % {"count": len(keys)}, "bookings", keys)
    keys = sorted_keys(meetings - {None})
    text = ngettext(
        "%(count)d meeting is at the same time as something else at its desk or resource. Move "
        "or cancel it.",
        "%(count)d meetings are at the same time as others at their desk or resource. Move or "
        "cancel some of them.",
        len(keys),
    )
    yield Finding("overlaps", text % {"count": len(keys)}, "meetings", keys)


def oversold(now: datetime) -> Iterator[Finding]:
    kept: dict[tuple[int, bool], int] = {}
    lapsing = Occupation.objects.filter(lapses_at__gt=now).order_by()
    for bookable_id, waiting, places in lapsing.values_list("bookable_id", "waiting", "places"):
        kept[bookable_id, waiting] = kept.get((bookable_id, waiting), 0) + places
    events = Bookable.objects.filter(event__end__gt=now).order_by("pk")
    keys = tuple(
        pk
        for pk, places, booked, waiting_places, waiting in events.values_list(
            "pk", "places", "places_booked", "waiting_places", "places_waiting"
        )
        if booked + kept.get((pk, False), 0) > places
        or waiting + kept.get((pk, True), 0) > waiting_places
    )
    text = ngettext(
        "Of %(count)d event more places are taken than there are. Give it more, or cancel "
        "bookings.",
        "Of %(count)d events more places are taken than there are. Give them more, or cancel "
        "bookings.",
        len(keys),
    )
    yield Finding("oversold", text % {"count": len(keys)}, "bookables", keys)
