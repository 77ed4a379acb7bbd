"""Makes an agenda with everything in it from what the three steps were told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from wagtail_agenda import booking
from wagtail_agenda.blocks.schedule import periods_data
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.contention import retried
from wagtail_agenda.importers import holidays
from wagtail_agenda.models import (
    Agenda,
    ClosureCalendar,
    Desk,
    Event,
    MeetingType,
    Schedule,
)


@dataclass(frozen=True)
class Plan:
    """The cleaned values of each step."""

    what: dict[str, Any]
    when: dict[str, Any]
    how: dict[str, Any]


def make_once(draft: str, plan: Plan, *, user, now: datetime) -> Agenda:
    """The new agenda, published if `plan` says so; every row it needs is made, or none.

    `draft` names what it is made of: whoever presses the button twice gets the same agenda twice.
    Raises `Overloaded`.
    """

    def work(_known: None) -> Agenda:
        # The lock: the same person's other request waits here.
        get_user_model()._base_manager.select_for_update().get(pk=user.pk)
        return _made_of(draft, user) or _make(draft, plan, user, now)

    return retried(work)


def _made_of(draft: str, user) -> Agenda | None:
    entry = ModelLogEntry.objects.get_for_model(Agenda).filter(user=user, data__draft=draft).first()
    return Agenda.objects.filter(pk=entry.object_id).first() if entry else None


def _make(draft: str, plan: Plan, user, now: datetime) -> Agenda:
    how = dict(plan.how)
    is_live = how.pop("publish") == "now"
    agenda = Agenda(**plan.what, **how, live=is_live)
    appointments = agenda.kind == AgendaKind.MEETINGS
    if appointments:
        agenda.schedule = _opening_hours(agenda, plan.when, user)
        if plan.when["country"]:
            agenda.closure_calendars = [
                _holiday_calendar(plan.when["country"], plan.when["region"], user)
            ]
    agenda.save()
    log(instance=agenda, action="wagtail.create", user=user, data={"draft": draft})
    revision = agenda.save_revision(user=user)
    if is_live:
        revision.publish(user=user)
    if appointments:
        _make_appointments(agenda, plan.when, user)
    else:
        _make_events(agenda, plan.when, user, now)
    return agenda


def _opening_hours(agenda: Agenda, when: dict[str, Any], user) -> Schedule:
    label = _("Opening hours: %(agenda)s") % {"agenda": agenda.label}
    schedule = Schedule(
        label=label[: Schedule._meta.get_field("label").max_length],
        periods=periods_data(when["hours"]),
    )
    schedule.save()
    log(instance=schedule, action="wagtail.create", user=user)
    schedule.save_revision(user=user).publish(user=user)
    return schedule


def _holiday_calendar(country: str, region: str, user) -> ClosureCalendar:
    """A calendar of just these holidays: one that there is already, or a new one."""
    wanted = {"country": country, "region": region}
    for calendar in ClosureCalendar.objects.order_by("pk"):
        blocks = [(child.block_type, dict(child.value)) for child in calendar.closures]
        if blocks == [("public_holidays", wanted)]:
            return calendar
    name = dict(holidays.countries())[country]
    if region:
        name = f"{name}, {dict(holidays.regions(country))[region]}"
    label = _("Public holidays: %(place)s") % {"place": name}
    calendar = ClosureCalendar.objects.create(
        label=label[: ClosureCalendar._meta.get_field("label").max_length],
        closures=[{"type": "public_holidays", "value": wanted}],
    )
    log(instance=calendar, action="wagtail.create", user=user)
    return calendar


def _make_appointments(agenda: Agenda, when: dict[str, Any], user) -> None:
    rows = [MeetingType(agenda=agenda, label=when["label"], duration=when["duration"])]
    rows += [
        Desk(agenda=agenda, label=label, sort_order=order)
        for order, label in enumerate(when["desks"])
    ]
    for row in rows:
        row.save()
        log(instance=row, action="wagtail.create", user=user)


def _make_events(agenda: Agenda, when: dict[str, Any], user, now: datetime) -> None:
    for start, end, places, waiting_places in when["dates"]:
        event = Event.objects.create(agenda=agenda, label=when["label"], start=start, end=end)
        if (event.places, event.waiting_places) != (places, waiting_places):
            booking.change_places(event, places, now=now, waiting_places=waiting_places)
        log(instance=event, action="wagtail.create", user=user)
