"""Makes an agenda with everything in it from what the three steps were told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.log_actions import log

from wagtail_agenda import booking
from wagtail_agenda.blocks.schedule import periods_data
from wagtail_agenda.choices import AgendaKind
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


@transaction.atomic
def make(plan: Plan, *, user, now: datetime) -> Agenda:
    """The new agenda, published if `plan` says so; every row it needs is made, or none."""
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
    log(instance=agenda, action="wagtail.create", user=user)
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
    for start, end, places in when["dates"]:
        event = Event.objects.create(agenda=agenda, label=when["label"], start=start, end=end)
        if event.places != places:
            booking.change_places(event, places, now=now)
        log(instance=event, action="wagtail.create", user=user)
