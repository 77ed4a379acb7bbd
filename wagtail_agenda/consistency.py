"""Whether the books balance, and how what does not is mended.

Admission keeps bookings, occupations and counters in step, so there is nothing to find unless
somebody wrote to the database by hand, restored half of it, or met a bug. Looking reads whole
tables in a few queries and locks nothing: what is being written at this moment may look wrong and
be right a moment later. Each repair therefore locks what it is about and looks again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import Lead
from django.utils.translation import ngettext

from wagtail_agenda import booking, series, workflow
from wagtail_agenda.availability import live_at
from wagtail_agenda.booking.admission import bookings_for_update, lock, occupied_by, occupy
from wagtail_agenda.booking.claims import bookables_of, claims_of, slot_of
from wagtail_agenda.choices import Admission, Audience, DeliveryKind
from wagtail_agenda.contention import Outpaced, retried
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
from wagtail_agenda.timegrid import epoch_minutes

LAPSING = (Admission.OFFERED, Admission.PENDING)

UNSETTLED_AFTER = timedelta(minutes=10)
"""How long after it has lapsed it is strange that nobody has been told."""

UNPURGED_AFTER = 2 * booking.BASKET_LIFETIME
"""How long after it was made it is strange that a lapsed hold is still there."""

MISSED_FOR = timedelta(days=7)
"""How far back mails are missed: a confirmation that comes later helps nobody."""

BEHIND = timedelta(days=7)
"""How much later than it should a series may have been made ahead."""


@dataclass(frozen=True)
class Finding:
    """Something that does not balance.

    `code` is stable English, `message` a sentence in the active language. `keys` are the primary
    keys of what is concerned: ``bookings``, ``bookables``, ``holds`` or ``series``, as `of` says.
    `mend` repairs what it can at a moment and answers how many of them it changed; None where only
    people can decide.
    """

    code: str
    message: str
    of: str
    keys: tuple[int, ...]
    mend: Callable[[datetime], int] | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "code": self.code,
            "message": self.message,
            "of": self.of,
            "keys": list(self.keys),
            "can_be_mended": self.mend is not None,
        }


def findings(now: datetime) -> list[Finding]:
    """All that does not balance, in the order in which it is mended. About fifteen queries."""
    return [found for look in LOOKS for found in look(now) if found.keys]


def mend(now: datetime) -> int:
    """Mend what can be, each row under its lock; answers how many were changed.

    Raises `Overloaded` if a lock was not to be had: what was mended until then stays so.
    """
    changed = 0
    for look in LOOKS:
        # Looked for anew each time: one repair may be all that the next one needs.
        for found in look(now):
            if found.keys and found.mend is not None:
                changed += found.mend(now)
    return changed


# What takes something and should not


def _orphans(_now: datetime) -> Iterator[Finding]:
    rows = Occupation.objects.filter(
        Q(booking__admission=Admission.CANCELLED) | Q(hold__booking__isnull=False)
    )
    keys = _keys(rows.order_by("bookable_id").values_list("bookable_id", flat=True).distinct())
    text = ngettext(
        "%(count)d desk, resource or event is taken by what is cancelled or finished.",
        "%(count)d desks, resources or events are taken by what is cancelled or finished.",
        len(keys),
    )
    mend_them = partial(_each_bookable, keys, _delete_orphans)
    yield Finding("orphaned_occupations", text % {"count": len(keys)}, "bookables", keys, mend_them)


def _delete_orphans(bookable: Bookable) -> bool:
    gone = Occupation.objects.select_for_update().filter(
        Q(booking__in=Booking.objects.filter(admission=Admission.CANCELLED))
        | Q(hold__in=Hold.objects.filter(booking__isnull=False)),
        bookable=bookable,
    )
    pks = list(gone.values_list("pk", flat=True))
    Occupation.objects.filter(pk__in=pks).delete()
    _count_anew(bookable)
    return bool(pks)


# What should take something and does not


def _missing(now: datetime) -> Iterator[Finding]:
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
    keys = _keys(without)
    text = ngettext(
        "%(count)d booking does not take the time or places that it should.",
        "%(count)d bookings do not take the time or places that they should.",
        len(keys),
    )
    mend_them = partial(_each_booking, keys, _occupy_anew)
    yield Finding("missing_occupations", text % {"count": len(keys)}, "bookings", keys, mend_them)


def _wrong(now: datetime) -> Iterator[Finding]:
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
    keys = _keys(wrong.order_by("booking_id").values_list("booking_id", flat=True).distinct())
    text = ngettext(
        "%(count)d booking takes something else than it says.",
        "%(count)d bookings take something else than they say.",
        len(keys),
    )
    mend_them = partial(_each_booking, keys, _occupy_anew)
    yield Finding("wrong_occupations", text % {"count": len(keys)}, "bookings", keys, mend_them)


def _coming(now: datetime) -> QuerySet[Booking]:
    return Booking.objects.filter(end__gt=now).exclude(admission=Admission.CANCELLED)


def _occupy_anew(made: Booking, bookables: dict[int, Bookable], _now: datetime) -> bool:
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
    Occupation.objects.filter(pk__in=[row.pk for row in present]).delete()
    Occupation.objects.bulk_create(should)
    for bookable in bookables.values():
        _count_anew(bookable)
    return True


def _what(row: Occupation) -> tuple:
    return (row.bookable_id, row.places, row.waiting, str(row.lapses_at))


# What is counted


def _drift(_now: datetime) -> Iterator[Finding]:
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
    mend_them = partial(_each_bookable, keys, _count_anew)
    yield Finding("counter_drift", text % {"count": len(keys)}, "bookables", keys, mend_them)


def _count_anew(bookable: Bookable) -> bool:
    sums = [0, 0]
    rows = Occupation.objects.select_for_update().filter(
        bookable_id=bookable.pk, lapses_at__isnull=True
    )
    for waiting, places in rows.order_by().values_list("waiting", "places"):
        sums[waiting] += places
    if [bookable.places_booked, bookable.places_waiting] == sums:
        return False
    bookable.places_booked, bookable.places_waiting = sums
    bookable.save(update_fields=["places_booked", "places_waiting"])
    return True


# What nobody has seen to


def _unsettled(now: datetime) -> Iterator[Finding]:
    late = Booking.objects.filter(admission__in=LAPSING, decide_by__lte=now - UNSETTLED_AFTER)
    keys = _keys(late.values_list("pk", flat=True))
    text = ngettext(
        "%(count)d offer or request has lapsed, and nobody has been told. Does the worker run?",
        "%(count)d offers or requests have lapsed, and nobody has been told. Does the worker run?",
        len(keys),
    )
    yield Finding("lapsed_bookings", text % {"count": len(keys)}, "bookings", keys, booking.settle)


def _unpurged(now: datetime) -> Iterator[Finding]:
    cutoff = now - UNPURGED_AFTER
    left = Hold.objects.filter(booking__isnull=True, created_at__lt=cutoff)
    keys = _keys(left.exclude(lapses_at__gt=cutoff).values_list("pk", flat=True))
    text = ngettext(
        "%(count)d lapsed hold is still stored. Does the worker run?",
        "%(count)d lapsed holds are still stored. Does the worker run?",
        len(keys),
    )
    yield Finding("lapsed_holds", text % {"count": len(keys)}, "holds", keys, booking.purge_baskets)


def _series_behind(now: datetime) -> Iterator[Finding]:
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


def _unsent(now: datetime) -> Iterator[Finding]:
    mailing = {
        status.pk: {value.get("to") or Audience.VISITOR for _n, value in _mail_actions(status)}
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
        if _led_to(entry, entry.booking.status_id)
        and any(recipients(entry.booking, to) for to in mailing[entry.booking.status_id])
    }
    keys = _keys(silent)
    text = ngettext(
        "Of %(count)d booking somebody should have been told by mail, and no mail was queued.",
        "Of %(count)d bookings somebody should have been told by mail, and no mail was queued.",
        len(keys),
    )
    mend_them = partial(_each_booking, keys, _queue_mails)
    yield Finding("missing_deliveries", text % {"count": len(keys)}, "bookings", keys, mend_them)


def _mail_actions(status: WorkflowStatus) -> Iterator[tuple[int, dict[str, Any]]]:
    for name, position, value in workflow.rows_of(status.actions):
        if name == "send_email":
            yield position, value


def _led_to(entry: Entry, status: int | None) -> bool:
    """Whether a line of the history says that the booking reached this status.

    What a line about a failed call has for a status is where the failure was to lead.
    """
    return entry.data.get("status") == status and "delivery" not in entry.data


def _queue_mails(made: Booking, _bookables: dict[int, Bookable], now: datetime) -> bool:
    """Queue what its status sends, as of the line of the history that led to it."""
    mails = Delivery.objects.filter(booking=made, kind=DeliveryKind.MAIL)
    if made.status is None or mails.exists():
        return False
    entries = Entry.objects.filter(booking=made).order_by("-pk")
    entry = next((row for row in entries if _led_to(row, made.status_id)), None)
    if entry is None:
        return False
    mails = Mails([made], now=now)
    for position, value in _mail_actions(made.status):
        mails.add(made, entry, position, value)
    mails.write()
    return True


# What only people can decide


def _overlaps(now: datetime) -> Iterator[Finding]:
    live = Occupation.objects.filter(
        live_at(now), bookable__event__isnull=True, busy_to__gt=epoch_minutes(now)
    )
    # In the order of their beginnings: if any two overlap, two that follow each other do.
    begins_next = Window(
        Lead("busy_from"), partition_by=["bookable_id"], order_by=["busy_from", "busy_to"]
    )
    overlapping = live.annotate(begins_next=begins_next).filter(begins_next__lt=F("busy_to"))
    involved: set[int | None] = set()
    for bookable_id, busy_from, busy_to in overlapping.order_by().values_list(
        "bookable_id", "busy_from", "busy_to"
    ):
        beside = live.filter(bookable_id=bookable_id, busy_from__lt=busy_to, busy_to__gt=busy_from)
        involved.update(beside.order_by().values_list("booking_id", flat=True))
    keys = _keys(pk for pk in involved if pk is not None)
    text = ngettext(
        "%(count)d booking is at the same time as something else at its desk or resource. Move "
        "or cancel it.",
        "%(count)d bookings are at the same time as others at their desk or resource. Move or "
        "cancel some of them.",
        len(keys),
    )
    yield Finding("overlaps", text % {"count": len(keys)}, "bookings", keys)


def _oversold(now: datetime) -> Iterator[Finding]:
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


LOOKS: tuple[Callable[[datetime], Iterator[Finding]], ...] = (
    _orphans,
    _missing,
    _wrong,
    _drift,
    _unsettled,
    _unpurged,
    _series_behind,
    _unsent,
    _overlaps,
    _oversold,
)
"""Each looks for one thing. What is taken is put right before it is counted."""


def _keys(pks: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(pks))


# Under the lock


def _each_bookable(keys: Iterable[int], repair: Callable[[Bookable], bool], _now: datetime) -> int:
    return sum(retried(lambda _nothing, pk=pk: repair(lock([pk])[pk])) for pk in keys)


def _each_booking(keys: Iterable[int], repair: Callable[..., bool], now: datetime) -> int:
    return sum(_mended(pk, repair, now) for pk in keys)


def _mended(pk: int, repair: Callable[..., bool], now: datetime) -> bool:
    def guess() -> set[int]:
        known = Booking.objects.select_related("agenda", "event", "desk", "meeting_type").get(pk=pk)
        return occupied_by([known]) | bookables_of(claims_of(slot_of(known), known.desk_id))

    def work(known: set[int]) -> bool:
        bookables = lock(known)
        (made,) = bookings_for_update([pk])
        if guess() != known:
            raise Outpaced()
        return repair(made, bookables, now)

    return retried(work, guess)
