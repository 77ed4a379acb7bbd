"""What does not balance about bookings, holds and series."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import ngettext

from wagtail_agenda import booking, series
from wagtail_agenda.booking.admission import bookings_for_update, occupied_by, occupy
from wagtail_agenda.booking.claims import bookables_of, claims_of, slot_of
from wagtail_agenda.choices import Admission, Audience, DeliveryKind
from wagtail_agenda.consistency.finding import (
    MISSED_FOR,
    Finding,
    each_under_locks,
    led_to,
    mail_actions,
    queue_anew,
    sorted_keys,
    take_anew,
)
from wagtail_agenda.mailing import Mails, recipients
from wagtail_agenda.models import (
    Bookable,
    Booking,
    Delivery,
    Entry,
    EventSeries,
    Hold,
    Occupation,
    WorkflowStatus,
)
from wagtail_agenda.series.making import MOST_AHEAD

LAPSING = (Admission.OFFERED, Admission.PENDING)

UNSETTLED_AFTER = timedelta(minutes=10)
"""How long after it has lapsed it is strange that nobody has been told."""

UNPURGED_AFTER = 2 * booking.BASKET_LIFETIME
"""How long after it was made it is strange that a lapsed hold is still there."""

BEHIND = timedelta(days=7)
"""How much later than it should a series may have been made ahead."""


# What should take something and does not


def missing(now: datetime) -> Iterator[Finding]:
    coming = _coming(now)
    without = set(coming.filter(occupations__isnull=True).values_list("pk", flat=True))
    # With a resource it takes two or more, which only few bookings do.
    needing = dict(
        coming.filter(resources__isnull=False)
        .order_by()
        .values_list("pk")
        .annotate(Count("resources"))
    )
    if needing:
        taking = dict(
            Occupation.objects.filter(booking__in=coming.filter(resources__isnull=False))
            .order_by()
            .values_list("booking_id")
            .annotate(Count("pk", distinct=True))
        )
        without |= {pk for pk, needed in needing.items() if taking.get(pk, 0) < needed + 1}
    keys = sorted_keys(without)
    text = ngettext(
        "%(count)d booking does not take the time or places that it should.",
        "%(count)d bookings do not take the time or places that they should.",
        len(keys),
    )
    mend_them = partial(_each_booking, keys, _occupy_anew)
    yield Finding("missing_occupations", text % {"count": len(keys)}, "bookings", keys, mend_them)


def wrong(now: datetime) -> Iterator[Finding]:
    undecided = Q(booking__admission__in=LAPSING, booking__decide_by__isnull=False)
    rows = Occupation.objects.filter(booking__end__gt=now).exclude(
        booking__admission=Admission.CANCELLED
    )
    wrong = rows.filter(
        ~Q(places=F("booking__places"))
        | Q(waiting=True) & ~Q(booking__admission=Admission.WAITING)
        | Q(waiting=False, booking__admission=Admission.WAITING)
        | Q(lapses_at__isnull=False) & ~undecided
        | Q(lapses_at__isnull=True) & undecided
        | ~Q(lapses_at=F("booking__decide_by")) & Q(lapses_at__isnull=False) & undecided
    )
    keys = sorted_keys(wrong.order_by("booking_id").values_list("booking_id", flat=True).distinct())
    text = ngettext(
        "%(count)d booking takes something else than it says.",
        "%(count)d bookings take something else than they say.",
        len(keys),
    )
    mend_them = partial(_each_booking, keys, _occupy_anew)
    yield Finding("wrong_occupations", text % {"count": len(keys)}, "bookings", keys, mend_them)


def _coming(now: datetime) -> QuerySet[Booking]:
    return Booking.objects.filter(end__gt=now).exclude(admission=Admission.CANCELLED)


def _occupy_anew(made: Booking, bookables: dict[int, Bookable], now: datetime) -> bool:
    """Take what the booking says, at the times that it takes already where it takes something."""
    if made.is_cancelled:
        return False
    present = list(Occupation.objects.select_for_update().filter(booking=made))
    should = occupy(
        claims_of(slot_of(made), made.desk_id),
        places=made.places,
        waiting=made.admission == Admission.WAITING,
        booking=made,
        lapses_at=made.decide_by if made.admission in LAPSING else None,
    )
    if present:
        # The buffers of its type may have been changed since it was made.
        for row in should:
            row.busy_from, row.busy_to = present[0].busy_from, present[0].busy_to
    if sorted(map(_what, present)) == sorted(map(_what, should)):
        return False
    take_anew(present, should, bookables.values())
    return True


def _what(row: Occupation) -> tuple:
    return (row.bookable_id, row.places, row.waiting, str(row.lapses_at))


# What nobody has seen to


def unsettled(now: datetime) -> Iterator[Finding]:
    late = Booking.objects.filter(admission__in=LAPSING, decide_by__lte=now - UNSETTLED_AFTER)
    keys = sorted_keys(late.values_list("pk", flat=True))
    text = ngettext(
        "%(count)d offer or request has lapsed, and nobody has been told. Does the worker run?",
        "%(count)d offers or requests have lapsed, and nobody has been told. Does the worker run?",
        len(keys),
    )
    yield Finding("lapsed_bookings", text % {"count": len(keys)}, "bookings", keys, booking.settle)


def unpurged(now: datetime) -> Iterator[Finding]:
    cutoff = now - UNPURGED_AFTER
    left = Hold.objects.filter(booking__isnull=True, created_at__lt=cutoff)
    keys = sorted_keys(left.exclude(lapses_at__gt=cutoff).values_list("pk", flat=True))
    text = ngettext(
        "%(count)d lapsed hold is still stored. Does the worker run?",
        "%(count)d lapsed holds are still stored. Does the worker run?",
        len(keys),
    )
    yield Finding("lapsed_holds", text % {"count": len(keys)}, "holds", keys, booking.purge_baskets)


def series_behind(now: datetime) -> Iterator[Finding]:
    behind = []
    for row in EventSeries.objects.select_related("agenda").order_by("pk"):
        due = min(series.last_day_made(row.agenda, now) - BEHIND, row.until or date.max)
        if due < row.first_day or (row.made_until is not None and row.made_until >= due):
            continue
        if row.events.filter(start__gt=now).count() < MOST_AHEAD:
            behind.append(row.pk)
    text = ngettext(
        "%(count)d series has not been made ahead as far as visitors can book. "
        "Does the worker run?",
        "%(count)d series have not been made ahead as far as visitors can book. "
        "Does the worker run?",
        len(behind),
    )
    yield Finding(
        "series_behind",
        text % {"count": len(behind)},
        "series",
        tuple(behind),
        partial(series.make_occurrences, None),
    )


# What should have been sent


def unsent(now: datetime) -> Iterator[Finding]:
    mailing = {
        status.pk: {value.get("to") or Audience.VISITOR for _n, value in mail_actions(status)}
        for status in WorkflowStatus.objects.all()
    }
    mails = Delivery.objects.filter(booking=OuterRef("booking"), kind=DeliveryKind.MAIL)
    reached = Entry.objects.filter(
        ~Exists(mails),
        Q(booking__user_email__gt="") | Q(booking__agenda__staff_addresses__gt=""),
        at__gte=now - MISSED_FOR,
        booking__status__in=[pk for pk, audiences in mailing.items() if audiences],
        booking__end__gt=now,
    ).select_related("booking__agenda")
    silent = {
        entry.booking_id
        for entry in reached.order_by()
        if led_to(entry, entry.booking.status_id)
        and any(recipients(entry.booking, to) for to in mailing[entry.booking.status_id])
    }
    keys = sorted_keys(silent)
    text = ngettext(
        "Of %(count)d booking somebody should have been told by mail, and no mail was queued.",
        "Of %(count)d bookings somebody should have been told by mail, and no mail was queued.",
        len(keys),
    )
    mend_them = partial(_each_booking, keys, _queue_mails)
    yield Finding("missing_deliveries", text % {"count": len(keys)}, "bookings", keys, mend_them)


def _queue_mails(made: Booking, _bookables: dict[int, Bookable], now: datetime) -> bool:
    """Queue what its status sends, as of the line of the history that led to it."""
    mails = Delivery.objects.filter(booking=made, kind=DeliveryKind.MAIL)
    if made.status is None or mails.exists():
        return False
    entries = Entry.objects.filter(booking=made).order_by("-pk")
    entry = next((row for row in entries if led_to(row, made.status_id)), None)
    if entry is None:
        return False
    queue_anew(Mails([made], now=now), made, entry)
    return True


# Under the lock


def _takes(pk: int) -> set[int]:
    made = Booking.objects.select_related("agenda", "event", "desk", "meeting_type").get(pk=pk)
    return occupied_by([made]) | bookables_of(claims_of(slot_of(made), made.desk_id))


def _for_update(pk: int) -> Booking:
    return bookings_for_update([pk])[0]


_each_booking = partial(each_under_locks, _takes, _for_update)
