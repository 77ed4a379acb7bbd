"""The only writer of attendance: who came, who was late, who did not come, and why.

Every event, and every day of an agenda with appointments, has one `AttendanceSheet`, made with its
first check-in. Each function here is one transaction that raises the sheet's version before it
reads anything, so check-ins on one sheet come one after the other, and none slips in once it is
marked as checked. A later page says what it saw of a booking (`as_seen`); what somebody else has
noted meanwhile is reported, never overwritten.
"""

import uuid
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q, QuerySet

from wagtail_agenda import callbacks, signals, workflow
from wagtail_agenda.booking import bookings_for_update
from wagtail_agenda.choices import Actor, Admission, Attendance, Trigger
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.errors import (
    BookingCancelled,
    BookingError,
    ChangedMeanwhile,
    MarkedAsChecked,
    NotBegun,
    NotConfirmed,
    NothingToUndo,
    NotOnThisList,
    ReasonNotOffered,
)
from wagtail_agenda.models import (
    Agenda,
    AttendanceReason,
    AttendanceSheet,
    Booking,
    Entry,
    Event,
)
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.workflow import CHECK_IN_UNDONE, Road, road_of

CAME = (Attendance.PRESENT, Attendance.LATE)
"""Who is late has come."""

REASON_NOTED = "attendance_reason"
"""What the history says when only the reason or the note has changed."""

NOTE_LENGTH = Booking._meta.get_field("attendance_note").max_length

_NOTED = (*(choice for choice in Attendance if choice), CHECK_IN_UNDONE, REASON_NOTED)


@dataclass(frozen=True)
class Sheet:
    """Which attendance sheet is meant: that of an event, or that of a day of an agenda."""

    agenda: Agenda
    event: Event | None = None
    day: date | None = None

    @classmethod
    def of(cls, booking: Booking) -> "Sheet":
        """The sheet that a booking stands on."""
        if booking.event is not None:
            return cls(booking.agenda, event=booking.event)
        return cls(booking.agenda, day=booking.local_start.date())

    @property
    def bookings(self) -> QuerySet[Booking]:
        """Every booking on it, cancelled ones too."""
        if self.event is not None:
            return self.agenda.bookings.filter(event=self.event)
        first, last = (instant_of(bound) for bound in day_bounds(self.day, self.agenda.zone))
        return self.agenda.bookings.filter(event=None, start__gte=first, start__lt=last)

    @property
    def row(self) -> AttendanceSheet | None:
        """What is known of it so far; None as long as nobody was checked in."""
        return self.rows.select_related("checked_by").first()

    @property
    def rows(self) -> QuerySet[AttendanceSheet]:
        return AttendanceSheet.objects.filter(agenda=self.agenda, event=self.event, day=self.day)

    def has_begun(self, now: datetime) -> bool:
        """Whether the event has started, or the day is there."""
        if self.event is not None:
            return self.event.start <= now
        return self.day <= now.astimezone(self.agenda.zone).date()


@dataclass(frozen=True)
class Outcome:
    """What became of each booking. `act` names those that were changed together."""

    act: uuid.UUID = field(default_factory=uuid.uuid4)
    done: list[Booking] = field(default_factory=list)
    unchanged: list[Booking] = field(default_factory=list)
    """Of whom the same was said already."""
    refused: list[tuple[Booking, BookingError]] = field(default_factory=list)


def as_seen(booking: Booking) -> str:
    """What a page shows of a booking's attendance, short enough to come back with its form."""
    note = zlib.crc32(booking.attendance_note.encode())
    return f"{booking.attendance}.{booking.attendance_reason_id or ''}.{note:x}"


def reasons_of(agenda: Agenda) -> QuerySet[AttendanceReason]:
    """The reasons that can be given on an agenda: its own and those of all agendas."""
    return AttendanceReason.objects.filter(Q(agenda=agenda) | Q(agenda=None), retired=False)


def reasons_for(booking: Booking, offered: Iterable[AttendanceReason]) -> list[AttendanceReason]:
    """Those of the reasons on offer that go with what is noted; what it has already is with them.

    Pass `reasons_of` its agenda.
    """
    reasons = [reason for reason in offered if reason.attendance == booking.attendance]
    given = booking.attendance_reason
    return reasons if given is None or given in reasons else [given, *reasons]


def last_noted(bookings: Iterable[Booking]) -> dict[int, Entry]:
    """By booking, the last line of its history that is about attendance. One query."""
    entries = Entry.objects.filter(booking__in=list(bookings), what__in=_NOTED)
    return {entry.booking_id: entry for entry in entries.select_related("user").order_by("pk")}


def name_of(user: AbstractBaseUser | None) -> str:
    """A colleague by name; empty for nobody, or somebody whose account is gone."""
    return (user.get_full_name() or user.get_username()) if user is not None else ""


# Checking in


def check_in(
    booking: Booking,
    attendance: str,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: AttendanceReason | None = None,
    note: str | None = None,
    seen: str | None = None,
    actor: str = Actor.AGENT,
) -> Booking:
    """Note that somebody came, came late or did not come; `Attendance.UNKNOWN` undoes it.

    Saying the same twice changes nothing; with neither `reason` nor `note`, those that were given
    stay. Undoing puts the booking back into the status it had, without running that status's
    actions again: nobody is to be mailed for a slip of the hand. Whoever was late has come: where
    the booking workflow has no rule for it, the one of “present” applies. `note` is for colleagues,
    never for the visitor, at most `NOTE_LENGTH` characters.

    Raises `BookingCancelled`, `NotConfirmed`, `MarkedAsChecked`, `ReasonNotOffered`,
    `ChangedMeanwhile` if `seen` is not what is there, or `Overloaded`.
    """
    asked = _Asked.checked(booking.agenda, attendance, reason, note, actor)

    def guess() -> tuple[Sheet, Road]:
        known = Booking.objects.select_related("agenda__workflow", "event").get(pk=booking.pk)
        return Sheet.of(known), road_of(known.agenda)

    def work(known: tuple[Sheet, Road]) -> Booking:
        sheet, road = known
        _require_unchecked(_locked(sheet), sheet)
        outcome = _note(sheet, {booking.pk: seen}, asked, Outcome(), road, now, user)
        for _booking, refusal in outcome.refused:
            raise Outpaced() if isinstance(refusal, NotOnThisList) else refusal
        return (outcome.done + outcome.unchanged)[0]

    return retried(work, guess)


def check_in_all(
    sheet: Sheet,
    seen: Mapping[int, str | None],
    attendance: str,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    reason: AttendanceReason | None = None,
    note: str | None = None,
) -> Outcome:
    """`check_in` for the bookings of a sheet whose keys are in `seen`, each with what was seen.

    Who cannot be checked in is in the outcome with the reason; the others are. What was changed can
    be undone together (`undo_act`). What is not on this agenda is left out.

    Raises `MarkedAsChecked`, `ReasonNotOffered` or `Overloaded`.
    """
    asked = _Asked.checked(sheet.agenda, attendance, reason, note)

    def work(road: Road) -> Outcome:
        row = _locked(sheet)
        _require_unchecked(row, sheet)
        outcome = _note(sheet, seen, asked, Outcome(), road, now, user)
        _remember(row, outcome)
        return outcome

    return retried(work, lambda: road_of(sheet.agenda))


def undo_act(
    sheet: Sheet, act: uuid.UUID, *, now: datetime, user: AbstractBaseUser | None = None
) -> Outcome:
    """Take back what was noted together last: everybody is as before, no action runs again.

    Whom somebody has checked in once more since, or who is not confirmed any more, is in the
    outcome with the reason.

    Raises `NothingToUndo` if something else was noted together since, `MarkedAsChecked` or
    `Overloaded`.
    """

    def work(_nothing: None) -> Outcome:
        row = _locked(sheet)
        _require_unchecked(row, sheet)
        if row.last_act != act:
            raise NothingToUndo()
        outcome = _taken_back(sheet, act, now, user)
        AttendanceSheet.objects.filter(pk=row.pk).update(last_act=None)
        return outcome

    return retried(work)


# Marking as checked


def mark_as_checked(
    sheet: Sheet,
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    rest: str = Attendance.UNKNOWN,
    of: Collection[int] = (),
    reason: AttendanceReason | None = None,
    actor: str = Actor.AGENT,
) -> Outcome:
    """Lock the attendance of a sheet until it is unmarked.

    Of the bookings whose keys are in `of`, those that are confirmed and that nobody has checked in
    are noted as `rest` before; with none, they stay as they are. Of everybody with a place, that it
    was checked is noted and moves the booking workflow on, and the systems that bookings came from
    are told who was there (see `callbacks`); marked once more, only of those whose attendance has
    changed since. Sends `signals.attendance_checked` once committed.

    Raises `NotBegun`, `MarkedAsChecked`, `ReasonNotOffered` or `Overloaded`.
    """
    asked = _Asked.checked(sheet.agenda, rest, reason, None, actor)

    def work(road: Road) -> Outcome:
        row = _locked(sheet)
        _require_unchecked(row, sheet)
        outcome = Outcome()
        if asked.attendance:
            waiting = sheet.bookings.filter(pk__in=list(of), attendance=Attendance.UNKNOWN)
            pks = waiting.filter(admission=Admission.CONFIRMED).values_list("pk", flat=True)
            outcome = _note(sheet, dict.fromkeys(pks), asked, outcome, road, now, user)
            _remember(row, outcome)
        row.checked_at, row.checked_by = now, user
        row.save(update_fields=["checked_at", "checked_by"])
        _note_checked(sheet, road, now, actor, user)
        _announce(row, now, user)
        return outcome

    if not sheet.has_begun(now):
        raise NotBegun()
    return retried(work, lambda: road_of(sheet.agenda))


def unmark(sheet: Sheet, *, now: datetime, user: AbstractBaseUser | None = None) -> None:
    """Let attendance change again. Raises `NothingToUndo` if it can already, or `Overloaded`."""

    def work(_nothing: None) -> None:
        row = _locked(sheet)
        if row.checked_at is None:
            raise NothingToUndo()
        row.checked_at = row.checked_by = None
        row.save(update_fields=["checked_at", "checked_by"])
        _announce(row, now, user)

    retried(work)


def _announce(row: AttendanceSheet, now: datetime, user: AbstractBaseUser | None) -> None:
    send = signals.attendance_checked.send_robust
    transaction.on_commit(
        partial(send, sender=AttendanceSheet, sheet=row, now=now, user=user), robust=True
    )


# The parts of a transaction


@dataclass(frozen=True)
class _Asked:
    """What is to be noted, and who set it in motion."""

    attendance: Attendance
    reason: AttendanceReason | None
    note: str | None
    actor: str

    @classmethod
    def checked(
        cls,
        agenda: Agenda,
        attendance: str,
        reason: AttendanceReason | None,
        note: str | None,
        actor: str = Actor.AGENT,
    ) -> "_Asked":
        asked = cls(Attendance(attendance), reason, note, actor)
        if len(note or "") > NOTE_LENGTH:
            raise ValueError(f"A note has at most {NOTE_LENGTH} characters")
        if reason is not None and (
            reason.attendance != attendance or reason.agenda_id not in (None, agenda.pk)
        ):
            raise ReasonNotOffered()
        return asked

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "attendance": self.attendance,
            "attendance_reason": self.reason,
            "attendance_note": self.note or "",
        }

    def is_said_of(self, booking: Booking) -> bool:
        if booking.attendance != self.attendance:
            return False
        if not self.attendance or (self.reason is None and self.note is None):
            return True
        reason_id = self.reason.pk if self.reason else None
        return (booking.attendance_reason_id, booking.attendance_note) == (
            reason_id,
            self.note or "",
        )


def _locked(sheet: Sheet) -> AttendanceSheet:
    """The sheet's row, made if need be. The first statement writes, as SQLite wants it."""
    if not sheet.rows.update(version=F("version") + 1):
        AttendanceSheet.objects.create(agenda=sheet.agenda, event=sheet.event, day=sheet.day)
    return sheet.rows.select_for_update().get()


def _require_unchecked(row: AttendanceSheet, sheet: Sheet) -> None:
    if row.checked_at is not None:
        who = name_of(row.checked_by)
        raise MarkedAsChecked(who, row.checked_at.astimezone(sheet.agenda.zone))


def _remember(row: AttendanceSheet, outcome: Outcome) -> None:
    if outcome.done:
        row.last_act = outcome.act
        row.save(update_fields=["last_act"])


def _note(
    sheet: Sheet,
    seen: Mapping[int, str | None],
    asked: _Asked,
    outcome: Outcome,
    road: Road,
    now: datetime,
    user: AbstractBaseUser | None,
) -> Outcome:
    """Note the same of many bookings of a locked sheet: as many queries as for one."""
    overtaken = []
    for booking in bookings_for_update(seen):
        if booking.agenda_id != sheet.agenda.pk:
            continue
        if booking.is_cancelled:
            outcome.refused.append((booking, BookingCancelled()))
        elif booking.admission != Admission.CONFIRMED:
            outcome.refused.append((booking, NotConfirmed()))
        elif Sheet.of(booking) != sheet:
            outcome.refused.append((booking, NotOnThisList()))
        elif asked.is_said_of(booking):
            outcome.unchanged.append(booking)
        elif seen[booking.pk] not in (None, as_seen(booking)):
            overtaken.append(booking)
        else:
            outcome.done.append(booking)
    outcome.refused.extend(_who_was_quicker(overtaken))
    if not outcome.done:
        return outcome
    history = {booking.pk: _history(booking, asked, outcome.act) for booking in outcome.done}
    only_reason = [one for one in outcome.done if one.attendance == asked.attendance]
    moved = [one for one in outcome.done if one.attendance != asked.attendance]
    _write(outcome.done, asked.columns)
    _note_reasons([(one, history[one.pk]) for one in only_reason], now, asked.actor, user)
    noted = [(one, history[one.pk]) for one in moved]
    if not noted:
        return outcome
    if asked.attendance == Attendance.UNKNOWN:
        workflow.go_back(noted, now=now, user=user, actor=asked.actor, road=road)
    else:
        trigger = Trigger(asked.attendance)
        workflow.advance_all(noted, trigger, road=road, actor=asked.actor, now=now, user=user)
    return outcome


def _note_checked(
    sheet: Sheet, road: Road, now: datetime, actor: str, user: AbstractBaseUser | None
) -> None:
    """Note of each booking with a place how it was checked, unless that was noted before."""
    with_a_place = sheet.bookings.filter(admission=Admission.CONFIRMED)
    present = bookings_for_update(list(with_a_place.values_list("pk", flat=True)))
    earlier = Entry.objects.filter(
        booking__in=[booking.pk for booking in present], what=Trigger.CHECKED
    )
    told = {
        booking_id: data.get("attendance", "")
        for booking_id, data in earlier.order_by("pk").values_list("booking_id", "data")
    }
    noted = [
        (booking, {"attendance": str(booking.attendance)})
        for booking in present
        if told.get(booking.pk) != booking.attendance
    ]
    if noted:
        checked = workflow.advance_all(
            noted, Trigger.CHECKED, road=road, actor=actor, now=now, user=user
        )
        callbacks.tell_attendance(checked, told, now=now)


def _write(bookings: Iterable[Booking], columns: dict[str, Any]) -> None:
    Booking.objects.filter(pk__in=[booking.pk for booking in bookings]).update(**columns)
    for booking in bookings:
        for name, value in columns.items():
            setattr(booking, name, value)


def _history(booking: Booking, asked: _Asked, act: uuid.UUID) -> dict[str, Any]:
    """What the history keeps: the reason in the words of today, and how to undo it."""
    return {
        "reason": asked.reason.label if asked.reason else "",
        "note": asked.note or "",
        "act": str(act),
        "before": {
            "attendance": booking.attendance,
            "attendance_reason_id": booking.attendance_reason_id,
            "attendance_note": booking.attendance_note,
        },
    }


def _note_reasons(
    noted: list[tuple[Booking, dict[str, Any]]],
    now: datetime,
    actor: str,
    user: AbstractBaseUser | None,
) -> None:
    Entry.objects.bulk_create(
        Entry(booking=one, what=REASON_NOTED, actor=actor, user=user, at=now, data=data)
        for one, data in noted
    )


def _who_was_quicker(bookings: list[Booking]) -> list[tuple[Booking, BookingError]]:
    if not bookings:
        return []
    last = last_noted(bookings)
    return [
        (booking, ChangedMeanwhile(said, name_of(last[booking.pk].user)))
        if booking.pk in last
        else (booking, ChangedMeanwhile(said))
        for booking in bookings
        for said in [booking.get_attendance_display()]
    ]


def _taken_back(
    sheet: Sheet, act: uuid.UUID, now: datetime, user: AbstractBaseUser | None
) -> Outcome:
    acted = sheet.bookings.filter(entries__data__act=str(act)).values_list("pk", flat=True)
    bookings = bookings_for_update(set(acted))
    last = last_noted(bookings)
    outcome, overtaken, moved, reasons = Outcome(), [], [], []
    before = {}
    for booking in bookings:
        entry = last[booking.pk]
        if booking.is_cancelled:
            outcome.refused.append((booking, BookingCancelled()))
        elif booking.admission != Admission.CONFIRMED:
            outcome.refused.append((booking, NotConfirmed()))
        elif entry.data.get("act") != str(act):
            overtaken.append(booking)
        else:
            before[booking.pk] = entry.data["before"]
            outcome.done.append(booking)
            was = entry.data["before"]["attendance"]
            data = {"attendance": was, "act": str(outcome.act)}
            (reasons if was == booking.attendance else moved).append((booking, data))
    outcome.refused.extend(_who_was_quicker(overtaken))
    keys = {columns["attendance_reason_id"] for columns in before.values()} - {None}
    reasons_left = AttendanceReason.objects.in_bulk(keys)
    for booking in outcome.done:
        columns = dict(before[booking.pk])
        booking.attendance_reason = reasons_left.get(columns.pop("attendance_reason_id"))
        booking.attendance = columns["attendance"]
        booking.attendance_note = columns["attendance_note"]
    if outcome.done:
        columns = ["attendance", "attendance_reason", "attendance_note"]
        Booking.objects.bulk_update(outcome.done, columns)
        _note_reasons(reasons, now, Actor.AGENT, user)
    if moved:
        workflow.go_back(moved, now=now, user=user)
    return outcome
