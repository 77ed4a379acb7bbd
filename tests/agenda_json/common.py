"""A site with every feature that a file can have, and the same site without it."""

import json
from datetime import date, time, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from wagtail.documents import get_document_model
from wagtail.models import ModelLogEntry, Page, Revision

from tests.factories import (
    NOW,
    make_agenda,
    make_closure_calendar,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
    monthly,
    one_off,
    weekly,
)
from wagtail_agenda import booking, clients, series
from wagtail_agenda.choices import AgendaKind, AlarmUnit, DelayUnit, WaitingListPromotion
from wagtail_agenda.importers import agenda_json
from wagtail_agenda.models import (
    Agenda,
    AgendaMember,
    AttendanceReason,
    Bookable,
    ClosureCalendar,
    Desk,
    Event,
    EventSeries,
    MeetingType,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.workflow import ensure_default_workflow

SET_UP = [
    Event,
    EventSeries,
    MeetingType,
    Desk,
    AttendanceReason,
    Agenda,
    Resource,
    WorkflowStatus,
    Workflow,
    Schedule,
    ClosureCalendar,
    Bookable,
]


def take_in(data: Any, **options) -> list[agenda_json.Outcome]:
    """Read a file, given as bytes or as what it says."""
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return agenda_json.read_file(data, **{"now": NOW, "command": "agenda_import", **options})


def refusal(data: Any, **options) -> dict[str, str]:
    """What is wrong with a file, by place; nothing may have changed."""
    before = everything_set_up()
    try:
        take_in(data, **options)
    except agenda_json.Refused as error:
        assert everything_set_up() == before
        return error.problems
    raise AssertionError("it was not refused")


def exported(*agendas: Agenda) -> bytes:
    return agenda_json.file_of(agendas or Agenda.objects.all())


def exported_data(*agendas: Agenda) -> dict[str, Any]:
    return json.loads(exported(*agendas))


def file_with(**lists) -> dict[str, Any]:
    return {"format": "wagtail-agenda", "version": 1, **lists}


def everything_set_up() -> dict[str, Any]:
    """Every row of the set-up with its values, its revisions and what the log says of it."""
    rows = {model.__name__: list(model.objects.order_by("pk").values()) for model in SET_UP}
    return {
        **rows,
        "revisions": Revision.objects.count(),
        "log": ModelLogEntry.objects.count(),
    }


def empty_the_site() -> None:
    """As a site that has nothing yet but what every site has."""
    for model in SET_UP:
        model.objects.all().delete()
    ensure_default_workflow()


def make_everything() -> None:
    """Agendas of every kind, in which every key of the format and every block stands."""
    hours = make_schedule(
        weekly(breaks=[(time(10), time(10, 30))]),
        monthly(season={"from": "2026-06-01", "until": "2026-08-31", "repeats": "yearly"}),
        {"type": "one_off", "value": {**one_off(date(2026, 12, 5))["value"], "replaces": True}},
        label="Öffnungszeiten",
    )
    other_hours = make_schedule(weekly(time(14), time(18)), label="Öffnungszeiten")
    make_schedule(label="Used by nobody")
    closed = make_closure_calendar(
        {"type": "dates", "value": {"first": "2026-12-24", "last": "2026-12-31", "label": "X"}},
        {"type": "public_holidays", "value": {"country": "DE", "region": "BY"}},
    )
    room = Resource.objects.create(
        label="Projector", slug="projector", schedule=other_hours, maximum_duration=120
    )
    room.closure_calendars.set([closed])
    agenda = make_agenda(
        label="Passports",
        slug="passports",
        schedule=hours,
        closure_calendars=[closed],
        description="« Pässe »\nund mehr",
        minimal_booking_delay=2,
        minimal_booking_delay_unit=DelayUnit.WORKING_DAYS,
        alarm_before=2,
        alarm_before_unit=AlarmUnit.HOURS,
        staff_addresses="staff@fairbridge.example",
        label_template="{appointment_type}",
        form_url_template="https://forms.example/{number}",
        needs_approval=True,
        approval_hours=48,
    )
    counter = make_desk(agenda, label="Counter", slug="counter", schedule=other_hours)
    counter.closure_calendars.set([closed])
    make_desk(agenda, label="Old counter", slug="old", retired=True)
    passport = make_meeting_type(
        agenda, slug="passport", maximum_duration=60, buffer_before=5, buffer_after=10, step=15
    )
    passport.desks.set([counter])
    agenda.resources = [room]
    agenda.workflow = make_workflow(agenda, passport)
    agenda.meeting_workflow = make_meeting_workflow()
    agenda.save()
    passport.resources.set([room])
    virtual = make_agenda(kind=AgendaKind.VIRTUAL, label="Any office", slug="any")
    virtual.members = [AgendaMember(agenda=agenda, sort_order=0)]
    virtual.save()
    make_agenda(label="Not yet", slug="not-yet", live=False).save_revision()
    AttendanceReason.objects.create(attendance="late", label="Train")
    AttendanceReason.objects.create(agenda=agenda, attendance="absent", label="Ill", retired=True)
    make_courses()


def make_courses() -> Agenda:
    agenda = make_agenda(
        kind=AgendaKind.EVENTS,
        label="Courses",
        slug="courses",
        waiting_list_promotion=WaitingListPromotion.OFFER,
        places_per_booking=3,
        several_events=True,
        bookings_per_week=4,
    )
    event = make_event(agenda, label="Open day", slug="open-day", location="Yard")
    booking.change_places(event, 40, now=NOW, waiting_places=5)
    Event.objects.filter(pk=event.pk).update(publish_at=NOW + timedelta(hours=5))
    off = make_event(agenda, label="Rained off", slug="rained-off")
    booking.cancel_event(off, now=NOW, reason="Rain")
    for label, first in (("Yoga", date(2026, 11, 2)), ("Yoga", date(2026, 12, 1))):
        row = EventSeries.objects.create(
            agenda=agenda,
            label=label,
            first_day=first,
            weekdays=[1, 3],
            exceptions=["2026-12-24"],
            start_time=time(18),
            places=8,
            waiting_places=2,
            publish_days=20,
        )
        series.make_occurrences(row, NOW)
    tuesday, thursday = Event.objects.filter(series=row).order_by("start")[:2]
    booking.change_places(tuesday, 20, now=NOW)
    Event.objects.filter(pk=tuesday.pk).update(differs_from_series=True, location="Hall")
    booking.cancel_event(thursday, now=NOW, reason="Trainer is ill")
    return agenda


def make_workflow(agenda: Agenda, passport: MeetingType) -> Workflow:
    """Every rule, every condition and every action there is."""
    workflow = Workflow.objects.create(label="Counters", slug="counters")
    confirmed, ordered, cancelled = (
        WorkflowStatus.objects.create(workflow=workflow, label=label, slug=label.lower(), **fields)
        for label, fields in (
            ("Confirmed", {"sort_order": 1, "visitor_text": "See you."}),
            ("Ordered", {"sort_order": 2, "colour": "green", "icon": "mail"}),
            ("Cancelled", {"sort_order": 3, "final": True}),
        )
    )
    group = Group.objects.create(name="Archivists")
    client, _told = clients.add(
        "Archive", orig="archive.example", scopes={"read"}, agendas=[], now=NOW
    )
    document = get_document_model()(title="Map")
    document.file.save("map.txt", ContentFile(b"map"))
    document._set_file_hash()
    document.save()
    page = Page.objects.filter(depth=2).first() or Page.objects.first()
    conditions = [
        ("agenda", {"comparison": "is", "agenda": agenda.pk}),
        ("meeting_type", {"comparison": "is_not", "meeting_type": str(passport.pk)}),
        ("event", {"comparison": "contains", "text": "yoga"}),
        ("answer", {"question": "subject", "comparison": "is", "text": "x"}),
        ("waiting_list", {"comparison": "is", "admission": "confirmed"}),
        ("places", {"comparison": "at_least", "number": 2}),
        ("hours_until_start", {"comparison": "at_most", "number": 48}),
        ("language", {"comparison": "is", "language": "fr"}),
        ("kept_answer", {"identifier": "permit", "field": "a.b", "comparison": "filled"}),
    ]
    rules = [
        ("transition", {"trigger": "booked", "status": confirmed.pk}),
        ("transition", {"trigger": "cancelled_by_visitor", "status": cancelled.pk}),
        (
            "time",
            {"amount": 2, "unit": "days", "moment": "before_start", "status": ordered.pk}
            | {"only_from": [confirmed.pk], "conditions": rows(conditions)},
        ),
        (
            "by_hand",
            {"label": "Order", "identifier": "order", "status": ordered.pk}
            | {"groups": [str(group.pk)]},
        ),
        ("called", {"identifier": "ready", "status": confirmed.pk}),
        ("action_failed", {"error": "sold out", "status": cancelled.pk}),
    ]
    text = {"language": "fr", "subject": "{date}", "text": "Bonjour"}
    html = f'<p>To <a linktype="page" id="{page.pk}">us</a> or <b>not</b></p>'
    confirmed.actions = rows(
        [
            ("generate_ics", {"identifier": "invitation"}),
            (
                "send_email",
                {"to": "addresses", "addresses": "a@fairbridge.example"}
                | {"files": ["invitation"], "documents": [document.pk]}
                | {"texts": [{**text, "html": html}]},
            ),
            (
                "call",
                {"url": "https://archive.example/x", "on_error": cancelled.pk}
                | {"fields": [{"name": "number", "value": "{number}"}]}
                | {"headers": [{"name": "X-Key", "value": "{secret}", "client": str(client.pk)}]},
            ),
            ("add_note", {"text": "Seen"}),
            ("set_attendance", {"attendance": "present"}),
            ("accept_from_waiting_list", {}),
        ]
    )
    confirmed.save()
    ordered.actions = rows(
        [
            ("change_status", {"status": cancelled.pk}),
            ("cancel_booking", {"reason": "Too late"}),
        ]
    )
    ordered.save()
    workflow.transitions = rows(rules)
    workflow.save()
    return workflow


def make_meeting_workflow() -> Workflow:
    workflow = Workflow.objects.create(label="Council", slug="council", about="meetings")
    status = WorkflowStatus.objects.create(workflow=workflow, label="Called", slug="called")
    status.actions = rows(
        [
            ("send_email", {"to": "participants", "with_invitation": True}),
            ("cancel_meeting", {"reason": ""}),
        ]
    )
    status.save()
    workflow.transitions = rows(
        [("transition", {"trigger": "meeting_published", "status": status.pk})]
    )
    workflow.save()
    return workflow


def rows(pairs) -> list[dict[str, Any]]:
    return [{"type": kind, "value": value} for kind, value in pairs]
