"""Why no appointment can begin at a moment."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda.availability.appointments import horizon_of, lasts
from wagtail_agenda.availability.delays import window_by
from wagtail_agenda.availability.desks import DeskRow
from wagtail_agenda.availability.occupied import live_at
from wagtail_agenda.availability.offers import Offer, offers_of, real_agendas
from wagtail_agenda.availability.openings import closures_of_calendars
from wagtail_agenda.availability.reasons.reason import (
    Reason,
    of_being_open,
    of_delays,
    unless_one_is_clear,
)
from wagtail_agenda.choices import Admission
from wagtail_agenda.models import Agenda, Desk, MeetingType, Occupation, Resource
from wagtail_agenda.schedule import opening_intervals
from wagtail_agenda.timegrid import (
    CELL_MINUTES,
    Grid,
    Interval,
    aligned_starts,
    epoch_minutes,
    instant_of,
    merge,
    runs,
)
from wagtail_agenda.wording import moment_text, time_text


def reasons_of_appointments(
    agenda: Agenda, instant: datetime, meeting_type: MeetingType | None, now: datetime
) -> list[Reason]:
    """What is in the way of one appointment type, or of all that the agenda offers."""
    agendas = real_agendas(agenda)
    if not agendas:
        text = _("There is no agenda behind “%(agenda)s”.") % {"agenda": agenda.label}
        return [Reason("no agenda", text, agenda=agenda)]
    if meeting_type is not None and meeting_type.agenda_id not in {each.pk for each in agendas}:
        names = {"type": meeting_type.label, "agenda": agenda.label}
        text = _("“%(type)s” is not an appointment type of “%(agenda)s”.") % names
        return [Reason("type of another agenda", text, meeting_type=meeting_type)]
    if meeting_type is not None and meeting_type.retired:
        text = _("The appointment type “%(type)s” is retired.") % {"type": meeting_type.label}
        return [Reason("type retired", text, meeting_type=meeting_type)]
    offers = [offer for offers in offers_of(agenda, meeting_type) for offer in offers]
    if not offers:
        return _of_no_offer(agendas, meeting_type)
    return _Moment(agenda, instant, offers, now).reasons()


def _of_no_offer(agendas: Sequence[Agenda], meeting_type: MeetingType | None) -> list[Reason]:
    types = MeetingType.objects.filter(agenda__in=agendas, retired=False)
    if meeting_type is not None:
        types = types.filter(slug=meeting_type.slug)
    types = list(types.prefetch_related("resources", "desks", "agenda__desks"))
    if not types:
        return [Reason("no type", _("No appointment type is offered."))]
    reasons = []
    for each in types:
        for resource in each.resources.all():
            if resource.retired:
                names = {"type": each.label, "resource": resource.label}
                text = _("“%(type)s” needs “%(resource)s”, which is retired.") % names
                about = {"meeting_type": each, "resource": resource}
                reasons.append(Reason("resource retired", text, **about))
        given_by = each.desks.all() or each.agenda.desks.all()
        if all(desk.retired for desk in given_by):
            text = _("No desk in service gives “%(type)s”.") % {"type": each.label}
            reasons.append(Reason("no desk", text, meeting_type=each))
    return reasons


class _Moment:
    """One moment, and all that has to do with appointments that begin there."""

    def __init__(
        self, agenda: Agenda, instant: datetime, offers: Sequence[Offer], now: datetime
    ) -> None:
        self.agenda, self.instant, self.offers, self.now = agenda, instant, offers, now
        self.minute = epoch_minutes(instant)
        self.on_grid = instant == instant_of(self.minute // CELL_MINUTES * CELL_MINUTES)
        types = [offer.meeting_type for offer in offers]
        self.longest = max(each.duration for each in types)
        begin = self.minute - max(each.buffer_before for each in types)
        end = self.minute + self.longest + max(each.buffer_after for each in types)
        self.grid = Grid.covering(begin, end)
        self.cell = 1 << self.grid.cell_of(self.minute)
        self.hours = offers[0].hours
        owners = [row for offer in offers for row in (*offer.desks, *offer.resources)]
        self.taken: dict[int, list[Occupation]] = {}
        for occupation in (
            Occupation.objects.filter(
                live_at(now),
                bookable_id__in={owner.bookable_id for owner in owners},
                busy_to__gt=begin,
                busy_from__lt=end,
            )
            .select_related("booking__agenda", "called_meeting__agenda")
            .order_by("busy_from", "pk")
        ):
            self.taken.setdefault(occupation.bookable_id, []).append(occupation)

    def reasons(self) -> list[Reason]:
        reasons = self._of_closures_of_a_virtual_agenda() if self.agenda.is_virtual else []
        return reasons + unless_one_is_clear(self._of_offer(offer) for offer in self.offers)

    def _of_offer(self, offer: Offer) -> list[Reason]:
        reasons = []
        if offer.agenda.pk != self.agenda.pk:
            calendars = self.hours.calendars_of(offer.agenda).values()
            window = window_by(offer.agenda, self.now, calendars)
            reasons += of_being_open(offer.agenda, self.now)
            reasons += of_delays(offer.agenda, self.instant, window, self.now)
        for resource in offer.resources:
            reasons += self._of_resource(offer, resource)
        return reasons + unless_one_is_clear(self._of_desk(offer, row) for row in offer.desks)

    def _of_desk(self, offer: Offer, row: DeskRow) -> list[Reason]:
        zone, name, desk = offer.agenda.zone, row.label, row.desk(offer.agenda, offer.database)
        if self.agenda.is_virtual:
            # Each of the agendas behind it may have a desk of that name.
            name = f"{offer.agenda.label} – {name}"
        named = Reason("", name, agenda=offer.agenda, desk=desk)
        openings = self.hours.of_desk(offer.agenda, desk, *self._days(zone))
        if self._is_open(openings):
            reasons = self._of_length(offer, openings, named) + self._of_step(offer, openings)
        else:
            schedule_id = desk.schedule_id or offer.agenda.schedule_id
            by_agenda = Reason("", offer.agenda.label, agenda=offer.agenda)
            reasons = [
                *self._of_calendars(offer.agenda, zone, by_agenda),
                *self._of_calendars(desk, zone, named),
                *self._of_hours(schedule_id, zone, named),
            ]
        return reasons + self._of_occupations(offer, desk.bookable_id, named)

    def _of_resource(self, offer: Offer, resource: Resource) -> list[Reason]:
        named = Reason("", resource.label, resource=resource)
        reasons = []
        if not lasts(resource, offer.meeting_type.duration):
            text = ngettext(
                "“%(type)s” takes longer than the %(most)d minute for which “%(name)s” can be had.",
                "“%(type)s” takes longer than the %(most)d minutes for which “%(name)s” can be "
                "had.",
                resource.maximum_duration,
            )
            names = {"type": offer.meeting_type.label, "most": resource.maximum_duration}
            reasons.append(_said(named, "resource too long", text, names))
        horizon = horizon_of(resource, self.now)
        if self.minute >= horizon:
            latest = instant_of(horizon - 1).astimezone(self.agenda.zone)
            text = _("“%(name)s” can be booked until %(moment)s.")
            names = {"moment": moment_text(latest)}
            reasons.append(_said(named, "resource horizon", text, names))
        openings = self.hours.of_resource(resource, *self._days(resource.zone))
        if self._is_open(openings):
            reasons += self._of_length(offer, openings, named)
        else:
            reasons += self._of_calendars(resource, resource.zone, named)
            if resource.schedule_id is not None:
                reasons += self._of_hours(resource.schedule_id, resource.zone, named)
        return reasons + self._of_occupations(offer, resource.bookable_id, named)

    # Hours

    def _days(self, zone: ZoneInfo) -> tuple[date, date]:
        """The local days on which appointments begin and end."""
        last = instant_of(self.minute + self.longest)
        return self.instant.astimezone(zone).date(), last.astimezone(zone).date()

    def _is_open(self, openings: Iterable[Interval]) -> bool:
        return bool(self.grid.inward_mask(openings) & self.cell)

    def _fits(self, openings: Iterable[Interval], minutes: int) -> bool:
        return bool(runs(self.grid.inward_mask(openings), minutes // CELL_MINUTES) & self.cell)

    def _of_closures_of_a_virtual_agenda(self) -> list[Reason]:
        zone = self.agenda.zone
        openings = self.hours.outside_closures(self.agenda, *self._days(zone))
        named = Reason("", self.agenda.label, agenda=self.agenda)
        if self._is_open(openings):
            # Going on into a day that is closed is no reason for those that end before.
            return unless_one_is_clear(
                self._of_length(offer, openings, named) for offer in self.offers
            )
        return self._of_calendars(self.agenda, zone, named)

    def _of_calendars(
        self, owner: Agenda | Desk | Resource, zone: ZoneInfo, named: Reason
    ) -> list[Reason]:
        day = self.instant.astimezone(zone).date()
        with_label = _(
            "“%(name)s” is closed that day by the closure calendar “%(calendar)s”: %(label)s."
        )
        without = _("“%(name)s” is closed that day by the closure calendar “%(calendar)s”.")
        return [
            _said(
                named,
                "closure",
                with_label if closure.label else without,
                {"calendar": calendar.label, "label": closure.label},
            )
            for calendar in self.hours.calendars_of(owner).values()
            for closure in closures_of_calendars([calendar], day, day)
        ]

    def _of_hours(self, schedule_id: int | None, zone: ZoneInfo, named: Reason) -> list[Reason]:
        """Outside the hours, or in a break of theirs; nothing if only a closure is in the way."""
        periods = self.hours.periods_of(schedule_id)
        if periods is None:
            return [_said(named, "no hours", _("“%(name)s” has no published opening hours."))]
        day = self.instant.astimezone(zone).date()
        if self._is_open(opening_intervals(periods, (), zone, day, day)):
            return []
        without_breaks = [replace(period, breaks=()) for period in periods]
        around = opening_intervals(without_breaks, (), zone, day, day)
        if self._is_open(around):
            return [_said(named, "break", _("“%(name)s” has a break at this time."))]
        return [_said(named, "closed", _("“%(name)s” is closed at this time."))]

    def _of_length(self, offer: Offer, openings: Sequence[Interval], named: Reason) -> list[Reason]:
        minutes = offer.meeting_type.duration
        if self._fits(openings, minutes):
            return []
        closes = next(end for begin, end in merge(openings) if begin <= self.minute < end)
        text = ngettext(
            "“%(type)s” takes %(minutes)d minute, and “%(name)s” closes at %(time)s.",
            "“%(type)s” takes %(minutes)d minutes, and “%(name)s” closes at %(time)s.",
            minutes,
        )
        names = {
            "type": offer.meeting_type.label,
            "minutes": minutes,
            "time": time_text(instant_of(closes).astimezone(self.agenda.zone)),
        }
        return [_said(named, "too short", text, names, meeting_type=offer.meeting_type)]

    def _of_step(self, offer: Offer, openings: Sequence[Interval]) -> list[Reason]:
        step = offer.meeting_type.start_step
        starts = aligned_starts(self.grid, openings, step // CELL_MINUTES)
        if self.on_grid and starts & self.cell:
            return []
        opens = max(begin for begin, _end in openings if begin <= self.minute)
        before = opens + (self.minute - opens) // step * step
        text = ngettext(
            "“%(type)s” begins every %(step)d minute, counted from the opening: at %(time)s, "
            "for instance.",
            "“%(type)s” begins every %(step)d minutes, counted from the opening: at %(time)s, "
            "for instance.",
            step,
        )
        names = {
            "type": offer.meeting_type.label,
            "step": step,
            "time": time_text(instant_of(before).astimezone(self.agenda.zone)),
        }
        about = Reason("", "", agenda=offer.agenda, meeting_type=offer.meeting_type)
        return [_said(about, "off the step", text, names)]

    # What is taken

    def _of_occupations(self, offer: Offer, bookable_id: int, named: Reason) -> list[Reason]:
        begin = self.minute - offer.meeting_type.buffer_before
        end = self.minute + offer.meeting_type.duration + offer.meeting_type.buffer_after
        return [
            self._of_occupation(occupation, named)
            for occupation in self.taken.get(bookable_id, ())
            if occupation.busy_from < end and occupation.busy_to > begin
        ]

    def _of_occupation(self, occupation: Occupation, named: Reason) -> Reason:
        until = instant_of(occupation.busy_to).astimezone(self.agenda.zone)
        names = {"until": moment_text(until)}
        booking, meeting = occupation.booking, occupation.called_meeting
        if meeting is not None:
            names |= {"agenda": meeting.agenda.label}
            text = _("“%(name)s” is taken until %(until)s by a meeting of “%(agenda)s”.")
            return _said(named, "busy", text, names, meeting=meeting, until=until)
        if booking is None:
            lapses = occupation.lapses_at or instant_of(occupation.busy_to)
            names["lapses"] = time_text(lapses.astimezone(self.agenda.zone))
            text = _(
                "“%(name)s” is held until %(until)s for a visitor who is filling in the form; "
                "that lapses at %(lapses)s."
            )
            return _said(named, "held", text, names, until=lapses)
        names |= {"number": booking.reference, "agenda": booking.agenda.label}
        if booking.admission == Admission.PENDING:
            text = _(
                "“%(name)s” is taken until %(until)s, buffers included, by booking %(number)s of "
                "“%(agenda)s”, which waits for approval."
            )
        else:
            text = _(
                "“%(name)s” is taken until %(until)s, buffers included, by booking %(number)s of "
                "“%(agenda)s”."
            )
        return _said(named, "busy", text, names, booking=booking, until=until)


def _said(named: Reason, code: str, text: str, names: dict | None = None, **about) -> Reason:
    """A reason about the same thing, whose name is the text of `named`."""
    return replace(named, code=code, text=text % {"name": named.text, **(names or {})}, **about)
