"""The set-up screens as an editor meets them: what is saved, what is refused, in which words."""

import uuid
from datetime import datetime, time, timedelta

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils.html import strip_tags
from wagtail.models import ReferenceIndex, Site
from wagtail.test.utils.form_data import nested_form_data, streamfield

from tests.agents import make_administrator, make_staff, queries_of
from tests.factories import (
    NOW,
    PARIS,
    first_slot,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
)
from tests.forms import one_off_row, schedule_data, weekly_row
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import AgendaKind, Role, Trigger
from wagtail_agenda.errors import BookingError
from wagtail_agenda.models import (
    Agenda,
    AgendaGrant,
    Bookable,
    ClosureCalendar,
    Desk,
    Event,
    MeetingType,
    Schedule,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.workflow import DEFAULT_WORKFLOW

pytestmark = pytest.mark.django_db

AGENDA_FIELDS = {
    "kind": "meetings",
    "label": "Passports",
    "slug": "passports",
    "description": "",
    "timezone": "Europe/Paris",
    "location": "",
    "contact": "",
    "url": "",
    "comment": "",
    "minimal_booking_delay": "0",
    "minimal_booking_delay_unit": "hours",
    "maximal_booking_delay": "60",
    "maximal_booking_delay_unit": "days",
    "schedule": "",
    "workflow": "",
    "staff_addresses": "",
    "label_template": "",
    "user_display_label_template": "",
    "description_template": "",
    "backoffice_url_template": "",
    "form_url_template": "",
}


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def url(model, view, *args):
    name = model._meta.model_name
    prefix = (
        "wagtail_agenda_"
        if model in (Desk, MeetingType, Event)
        else ("wagtailsnippets_wagtail_agenda_")
    )
    return reverse(f"{prefix}{name}:{view}", args=args)


def errors(response) -> dict[str, str]:
    """What is wrong, by field, of a form that came back."""
    assert response.status_code == 200, response.status_code
    return {field: str(words) for field, words in response.context["form"].errors.items()}


def text(response) -> str:
    return " ".join(strip_tags(response.content.decode()).split())


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


# Agendas


def test_an_agenda_is_made_and_published(administrator):
    data = {**AGENDA_FIELDS, "action-publish": "1"}
    response = administrator.post(url(Agenda, "add"), data)
    assert response.status_code == 302, errors(response)
    agenda = Agenda.objects.get()
    assert agenda.live
    assert agenda.label == "Passports"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("label_template", "{nmae}", "{agenda}"),
        ("user_display_label_template", "{manage_url}", "{manage_url}"),
        ("description_template", "Hello {user_nme}", "{user_name}"),
        ("backoffice_url_template", "javascript:alert(1)", "https://"),
        ("backoffice_url_template", "backoffice.example/{number}", "https://"),
        ("backoffice_url_template", "https://{user_name}/", "fixed host"),
        ("form_url_template", "ftp://backoffice.example/", "https://"),
        ("form_url_template", "https://[{number}", "https://"),
        ("form_url_template", "https://backoffice.example/{nmuber}", "{number}"),
        ("staff_addresses", "ada@fairbridge.example\nnonsense", "nonsense"),
        ("timezone", "Europe/Fairbridge", "Europe/Fairbridge"),
        ("url", "javascript:alert(1)", "valid URL"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(administrator, field, value, words):
    data = {**AGENDA_FIELDS, field: value, "action-publish": "1"}
    found = errors(administrator.post(url(Agenda, "add"), data))
    assert list(found) == [field]
    assert words in found[field]
    assert not Agenda.objects.exists()


def test_templates_may_name_what_is_known_of_a_booking(administrator):
    data = {
        **AGENDA_FIELDS,
        "label_template": "{appointment_type}: {answer_child}",
        "backoffice_url_template": "https://backoffice.example/{number}?name={user_name}",
        "action-publish": "1",
    }
    assert administrator.post(url(Agenda, "add"), data).status_code == 302


def test_the_kind_stays_once_there_is_something_of_it(administrator):
    agenda = make_agenda()
    data = {**AGENDA_FIELDS, "slug": agenda.slug, "kind": "events"}
    make_desk(agenda)
    found = errors(administrator.post(url(Agenda, "edit", agenda.pk), data))
    assert "1 desk" in found["kind"]
    Desk.objects.all().delete()
    assert administrator.post(url(Agenda, "edit", agenda.pk), data).status_code == 302


def test_the_edit_page_leads_to_what_an_agenda_offers(administrator):
    agenda, _meeting_type, _desks = make_appointments(desks=3)
    page = administrator.get(url(Agenda, "edit", agenda.pk))
    assert "Desks: 3" in text(page)
    assert f"{url(Desk, 'index')}?agenda={agenda.pk}" in page.content.decode()
    assert f"{url(MeetingType, 'add')}?agenda={agenda.pk}" in page.content.decode()
    workshops = make_event().agenda
    page = administrator.get(url(Agenda, "edit", workshops.pk))
    assert "Events: 1" in text(page)
    assert "Desks" not in text(page).partition("Where visitors go")[0].rpartition("Events: 1")[2]


def test_time_zones_are_chosen_from_those_there_are(administrator):
    page = administrator.get(url(Agenda, "add")).content.decode()
    assert '<option value="Pacific/Chatham">' in page


@pytest.mark.parametrize("nonsense", ["x", "\0", "9" * 30, "0001-01-01", "[]"])
def test_nonsense_in_a_chooser_is_refused_at_its_field(administrator, nonsense):
    data = AGENDA_FIELDS | {"schedule": nonsense, "workflow": nonsense}
    found = errors(administrator.post(url(Agenda, "add"), data))
    assert set(found) == {"schedule", "workflow"}


@pytest.mark.parametrize(
    ("notice", "horizon", "refused"),
    [
        ((3, "days"), (2, "days"), True),
        ((2, "days"), (2, "days"), False),
        ((49, "hours"), (2, "hours"), True),
        ((47, "hours"), (1, "days"), False),
        ((49, "hours"), (1, "days"), True),
        ((2, "days"), (24, "hours"), False),
        ((2, "days"), (23, "hours"), True),
    ],
)
def test_a_horizon_that_ends_before_the_notice_is_refused(administrator, notice, horizon, refused):
    data = AGENDA_FIELDS | {
        "minimal_booking_delay": notice[0],
        "minimal_booking_delay_unit": notice[1],
        "maximal_booking_delay": horizon[0],
        "maximal_booking_delay_unit": horizon[1],
    }
    response = administrator.post(url(Agenda, "add"), data)
    if refused:
        assert "never book" in errors(response)["maximal_booking_delay"]
    else:
        assert response.status_code == 302


# Schedules, closures, booking workflows


def test_a_schedule_is_made_with_its_hours(administrator):
    data = schedule_data(weekly_row(("0", "4")), **{"action-publish": "1"})
    response = administrator.post(url(Schedule, "add"), data)
    assert response.status_code == 302, errors(response)
    [period] = Schedule.objects.get().periods
    assert (period.value["weekdays"], period.value["opens"]) == (["0", "4"], time(9))


def test_wrong_hours_are_refused_in_words(administrator):
    data = schedule_data(weekly_row(opens="12:00", closes="09:00"))
    response = administrator.post(url(Schedule, "add"), data)
    assert "periods" in errors(response)
    assert "not after the opening time" in response.content.decode()
    assert not Schedule.objects.exists()


def test_a_single_date_at_a_time_that_an_agenda_never_has_is_refused(administrator):
    schedule = make_schedule()
    make_agenda(schedule=schedule)
    data = schedule_data(one_off_row("2026-03-29", "02:30", "05:00"))
    address = url(Schedule, "edit", schedule.pk)
    response = administrator.post(address, data)
    assert "periods" in errors(response)
    assert "Clocks in Europe/Paris skip 02:30" in response.content.decode()
    Agenda.objects.update(timezone="UTC")
    assert administrator.post(address, data).status_code == 302


def test_the_preview_of_a_schedule_shows_the_week(administrator):
    schedule = make_schedule()
    address = url(Schedule, "preview_on_edit", schedule.pk)
    data = schedule_data(weekly_row(("2",), "10:00", "11:30"))
    assert administrator.post(address, data).json() == {"is_valid": True, "is_available": True}
    page = administrator.get(address)
    assert page.status_code == 200
    assert "10:00 – 11:30" in text(page)
    assert "<svg" in page.content.decode()
    assert "style=" not in page.content.decode()
    assert "<script" not in page.content.decode().partition("</main>")[0]


def test_a_closure_calendar_takes_a_region_by_its_name(administrator):
    value = ("public_holidays", {"country": "DE", "region": "Bayern"})
    data = nested_form_data({"label": "Holidays", "closures": streamfield([value])})
    response = administrator.post(url(ClosureCalendar, "add"), data)
    assert response.status_code == 302, errors(response)
    [closure] = ClosureCalendar.objects.get().closures
    assert closure.value["region"] == "BY"


def transition_data(workflow, *rules):
    rows = [("transition", {"trigger": trigger, "status": status.pk}) for trigger, status in rules]
    return nested_form_data(
        {"label": workflow.label, "slug": workflow.slug, "transitions": streamfield(rows)}
    )


def make_workflow(slug):
    workflow = Workflow.objects.create(label=slug.title(), slug=slug)
    status = WorkflowStatus.objects.create(workflow=workflow, label="New", slug="new")
    return workflow, status


def test_a_rule_leads_to_a_status_of_its_own_workflow(administrator):
    workflow, status = make_workflow("own")
    _other, foreign = make_workflow("other")
    address = url(Workflow, "edit", workflow.pk)
    wrong = administrator.post(address, transition_data(workflow, (Trigger.BOOKED, foreign)))
    assert "transitions" in errors(wrong)
    assert "belongs to the booking workflow" in wrong.content.decode()
    right = transition_data(workflow, (Trigger.BOOKED, status))
    assert administrator.post(address, right).status_code == 302
    workflow.refresh_from_db()
    assert workflow.transitions[0].value["status"] == status


def test_the_built_in_workflow_keeps_its_slug(administrator):
    workflow = Workflow.objects.get(slug=DEFAULT_WORKFLOW)
    data = transition_data(workflow) | {"slug": "mine"}
    found = errors(administrator.post(url(Workflow, "edit", workflow.pk), data))
    assert "keeps its slug" in found["slug"]


def test_statuses_are_put_in_order_by_hand(administrator):
    workflow = Workflow.objects.get(slug=DEFAULT_WORKFLOW)
    before = list(workflow.statuses.order_by("sort_order"))
    address = url(WorkflowStatus, "reorder", before[-1].pk)
    assert administrator.post(f"{address}?position=0").status_code == 200
    after = list(workflow.statuses.order_by("sort_order"))
    assert after == [before[-1], *before[:-1]]


@pytest.mark.parametrize("position", ["", "nonsense", "-5", "9999999999999999999999"])
def test_a_nonsensical_position_is_the_last(administrator, position):
    workflow = Workflow.objects.get(slug=DEFAULT_WORKFLOW)
    first = workflow.statuses.order_by("sort_order").first()
    address = url(WorkflowStatus, "reorder", first.pk)
    assert administrator.post(f"{address}?position={position}").status_code == 200
    assert workflow.statuses.order_by("sort_order").last() == first


def test_icons_of_a_status_come_with_wagtail(administrator):
    from wagtail import hooks

    from wagtail_agenda.views.admin.setup.workflows import STATUS_ICONS

    shipped = set()
    for register in hooks.get_hooks("register_icons"):
        shipped = {icon.rpartition("/")[2] for icon in register([*shipped])}
    assert {f"{icon}.svg" for icon, _name in STATUS_ICONS} <= shipped
    default = WorkflowStatus._meta.get_field("icon").default
    assert default in dict(STATUS_ICONS)


# What agendas offer


def test_an_editor_adds_a_desk_to_an_agenda_of_theirs_only(client):
    mine, theirs = make_agenda(), make_agenda()
    client.force_login(make_staff(mine, role=Role.EDITOR))
    data = {"label": "Counter", "slug": "", "schedule": ""}
    found = errors(client.post(url(Desk, "add"), {**data, "agenda": theirs.pk}))
    assert list(found) == ["agenda"]
    assert client.post(url(Desk, "add"), {**data, "agenda": mine.pk}).status_code == 302
    assert [desk.agenda for desk in Desk.objects.all()] == [mine]


def test_a_desk_needs_an_agenda_for_appointments(administrator):
    workshops = make_agenda(kind=AgendaKind.EVENTS)
    data = {"label": "Counter", "slug": "", "schedule": "", "agenda": workshops.pk}
    assert "agenda" in errors(administrator.post(url(Desk, "add"), data))


def test_a_row_stays_with_its_agenda(administrator):
    desk, other = make_desk(make_agenda()), make_agenda()
    data = {"label": "Counter", "slug": "counter", "schedule": "", "agenda": other.pk}
    assert administrator.post(url(Desk, "edit", desk.pk), data).status_code == 302
    before, desk = desk.agenda, Desk.objects.get(pk=desk.pk)
    assert (desk.agenda, desk.label) == (before, "Counter")


def test_a_slug_is_taken_once_in_an_agenda(administrator):
    desk = make_desk(make_agenda(), slug="counter")
    data = {"label": "Counter", "slug": "counter", "schedule": "", "agenda": desk.agenda_id}
    assert "“counter” is taken" in errors(administrator.post(url(Desk, "add"), data))["slug"]


def meeting_type_data(agenda, **fields):
    return {
        "agenda": agenda.pk,
        "label": "Passport",
        "slug": "",
        "description": "",
        "duration": "30",
        "buffer_before": "0",
        "buffer_after": "0",
        "step": "",
        **fields,
    }


def test_desks_of_another_agenda_are_refused_in_words(administrator):
    agenda, foreign = make_agenda(), make_desk(make_agenda(), label="Far away")
    data = meeting_type_data(agenda, desks=[foreign.pk])
    found = errors(administrator.post(url(MeetingType, "add"), data))
    assert "desks of another agenda: Far away" in found["desks"]
    own = make_desk(agenda)
    response = administrator.post(
        url(MeetingType, "add"), meeting_type_data(agenda, desks=[own.pk])
    )
    assert response.status_code == 302
    assert list(MeetingType.objects.get().desks.all()) == [own]


def test_durations_keep_to_the_grid(administrator):
    data = meeting_type_data(make_agenda(), duration="7")
    assert (
        "steps of 5 minutes"
        in errors(administrator.post(url(MeetingType, "add"), data))["duration"]
    )


def test_a_new_row_starts_with_the_agenda_one_comes_from(administrator):
    make_desk(make_agenda(), label="Elsewhere")
    agenda = make_agenda()
    make_desk(agenda, label="Here")
    for address in (f"{url(MeetingType, 'add')}?agenda={agenda.pk}",):
        page = administrator.get(address)
        assert page.context["form"]["agenda"].value() == agenda.pk
        assert "Here" in text(page)
        assert "Elsewhere" not in text(page)
    for nonsense in ("x", "²", "99999999999999999999", ""):
        assert administrator.get(f"{url(MeetingType, 'add')}?agenda={nonsense}").status_code == 200


def test_the_slug_of_an_appointment_type_freezes_with_its_first_booking(administrator):
    agenda, meeting_type, _desks = make_appointments()
    address = url(MeetingType, "edit", meeting_type.pk)
    data = meeting_type_data(agenda, slug="identity")
    assert administrator.post(address, data).status_code == 302
    make_booking(agenda)
    assert administrator.post(address, {**data, "slug": "other"}).status_code == 302
    meeting_type.refresh_from_db()
    assert meeting_type.slug == "identity"
    assert "Fixed, because there are bookings" in text(administrator.get(address))


# Events and their places


def event_data(agenda, **fields):
    return {
        "agenda": agenda.pk,
        "label": "Workshop",
        "slug": "",
        "description": "",
        "location": "",
        "url": "",
        "start": "2026-12-02 18:00",
        "end": "2026-12-02 20:00",
        "places": "12",
        "open_for_booking": "on",
        **fields,
    }


def local(when: datetime) -> str:
    return f"{when.astimezone(PARIS):%Y-%m-%d %H:%M}"


def test_an_event_is_made_with_its_places(administrator):
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    response = administrator.post(url(Event, "add"), event_data(agenda))
    assert response.status_code == 302, errors(response)
    event = Event.objects.get()
    assert event.places == 12
    assert event.start == datetime(2026, 12, 2, 18, tzinfo=PARIS)


def test_an_event_is_closed_to_further_bookings_and_opened_again(administrator):
    event = booked_event(places=10, taken=3)
    address = url(Event, "edit", event.pk)
    data = event_data(
        event.agenda,
        slug=event.slug,
        start=local(event.start),
        end=local(event.end),
        places="10",
    )
    closed = {name: value for name, value in data.items() if name != "open_for_booking"}

    assert administrator.post(address, closed).status_code == 302
    with pytest.raises(BookingError):
        availability.find(event.agenda, event.slug, now=NOW)
    assert event.bookings.count() == 3

    administrator.post(address, data)
    assert availability.find(event.agenda, event.slug, now=NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("places", "0"),
        ("places", ""),
        ("places", "100001"),
        ("places", "many"),
        ("start", ""),
        ("start", "0001-01-01"),
        ("end", "9999-12-31 23:59"),
        ("end", "2026-12-02 17:00"),
        ("end", "2026-12-02 18:00"),
        ("end", "nonsense"),
    ],
)
def test_what_an_event_cannot_be_is_said_at_its_field(administrator, field, value):
    data = event_data(make_agenda(kind=AgendaKind.EVENTS), **{field: value})
    assert list(errors(administrator.post(url(Event, "add"), data))) == [field]
    assert not Event.objects.exists()
    assert not Bookable.objects.exists()


def test_the_times_of_an_event_are_its_agendas(administrator):
    agenda = make_agenda(kind=AgendaKind.EVENTS, timezone="America/New_York")
    assert administrator.post(url(Event, "add"), event_data(agenda)).status_code == 302
    event = Event.objects.get()
    assert event.start == datetime(2026, 12, 2, 18, tzinfo=agenda.zone)
    page = administrator.get(url(Event, "edit", event.pk))
    assert 'value="2026-12-02 18:00"' in page.content.decode()
    assert "Wednesday 2 December 2026, 18:00" in text(administrator.get(url(Event, "index")))
    skipped = event_data(agenda, start="2027-03-14 02:30", end="2027-03-14 04:00")
    found = errors(administrator.post(url(Event, "add"), skipped))
    assert "Clocks in America/New_York skip 02:30" in found["start"]


def test_an_event_saved_as_it_was_keeps_its_time(administrator):
    event = booked_event()
    agenda = event.agenda
    Agenda.objects.filter(pk=agenda.pk).update(timezone="Asia/Tokyo")
    form = administrator.get(url(Event, "edit", event.pk)).context["form"]
    times = {field: f"{form[field].value():%Y-%m-%d %H:%M}" for field in ("start", "end")}
    data = event_data(agenda, places="10", **times)
    response = administrator.post(url(Event, "edit", event.pk), data)
    assert response.status_code == 302, errors(response)
    assert Event.objects.get(pk=event.pk).start == event.start


def booked_event(places=10, taken=3):
    event = make_event(label="Workshop", places=places)
    slot = next(
        slot
        for slot in availability.slots(
            event.agenda, first=event.start.date(), last=event.start.date(), now=NOW
        )
    )
    for _number in range(taken):
        booking.book(slot, booking.Details(user_name="Ada"), now=NOW)
    return event


def test_places_change_and_the_count_of_the_booked_stays(administrator):
    event = booked_event()
    before = Bookable.objects.get(pk=event.bookable_id)
    data = event_data(event.agenda, places="5", start=local(event.start), end=local(event.end))
    response = administrator.post(url(Event, "edit", event.pk), data)
    assert response.status_code == 302, errors(response)
    after = Bookable.objects.get(pk=event.bookable_id)
    assert (after.places, after.places_booked) == (5, 3)
    assert after.version > before.version


def test_fewer_places_than_are_booked_are_refused_and_nothing_is_saved(administrator):
    event = booked_event()
    data = event_data(event.agenda, places="2", start=local(event.start), end=local(event.end))
    del data["open_for_booking"]
    found = errors(administrator.post(url(Event, "edit", event.pk), data))
    assert "3 places are booked or held" in found["places"]
    after = Event.objects.get(pk=event.pk)
    assert (after.places, after.open_for_booking) == (10, True)


@pytest.mark.usefixtures("frozen_now")
def test_a_booked_event_moves_once_that_is_confirmed_and_a_free_one_at_once(administrator):
    event, free = booked_event(), make_event()
    moved = event_data(event.agenda, places="10")
    page = administrator.post(url(Event, "edit", event.pk), moved)
    question = page.context["form"].question
    when = "Wednesday 2 December 2026, 18:00 to 20:00"
    assert f"3 bookings would move to {when}" in question.sentences[0]
    assert len(question.lines) == 3
    assert Event.objects.get(pk=event.pk).start == event.start
    moved["confirmed"] = "moved:something else"
    assert administrator.post(url(Event, "edit", event.pk), moved).context["form"].question
    moved["confirmed"] = question.key
    response = administrator.post(url(Event, "edit", event.pk), moved)
    assert response.status_code == 302, errors(response)
    del moved["confirmed"]
    start = datetime(2026, 12, 2, 18, tzinfo=PARIS)
    assert {made.start for made in event.bookings.all()} == {start}
    response = administrator.post(url(Event, "edit", free.pk), moved | {"agenda": free.agenda_id})
    assert response.status_code == 302, errors(response)
    assert Event.objects.get(pk=free.pk).start == datetime(2026, 12, 2, 18, tzinfo=PARIS)


@pytest.mark.usefixtures("frozen_now")
def test_an_event_does_not_move_with_somebody_who_has_booked_unseen(administrator, monkeypatch):
    event = booked_event()
    moved = event_data(event.agenda, places="10", label="Poetry")
    page = administrator.post(url(Event, "edit", event.pk), moved)
    moved["confirmed"] = page.context["form"].question.key
    change = booking.change_event_time

    def after_somebody_has_booked(*args, **kwargs):
        slot = availability.find(event.agenda, event.slug, now=NOW)
        booking.book(slot, booking.Details(user_name="Bob"), now=NOW)
        return change(*args, **kwargs)

    monkeypatch.setattr(booking, "change_event_time", after_somebody_has_booked)
    found = errors(administrator.post(url(Event, "edit", event.pk), moved))
    assert "Somebody has booked this event" in found["start"]
    after = Event.objects.get(pk=event.pk)
    assert (after.start, after.label) == (event.start, event.label)


@pytest.mark.usefixtures("frozen_now")
def test_a_booked_event_can_still_be_described(administrator):
    event = booked_event()
    data = event_data(
        event.agenda, label="Poetry", places="10", start=local(event.start), end=local(event.end)
    )
    page = administrator.post(url(Event, "edit", event.pk), data)
    data["confirmed"] = page.context["form"].question.key
    assert administrator.post(url(Event, "edit", event.pk), data).status_code == 302
    after = Event.objects.get(pk=event.pk)
    assert (after.label, after.bookable.places_booked) == ("Poetry", 3)


def test_an_event_is_copied_with_its_places_into_a_new_row(administrator):
    event = booked_event()
    page = administrator.get(url(Event, "copy", event.pk))
    form = page.context["form"]
    assert form["places"].value() == 10
    assert form["label"].value() == event.label
    assert not form.fields["agenda"].disabled
    assert form.instance.pk is None
    assert form.instance.bookable_id is None


# Deleting


def delete(client, row):
    response = client.post(url(type(row), "delete", row.pk))
    assert response.status_code == 302
    return said(response)


def test_what_is_booked_stays_and_can_be_retired(administrator):
    agenda, meeting_type, [desk] = make_appointments()
    make_booking(agenda)
    event = booked_event()
    for row, words in [
        (agenda, "Unpublish it instead"),
        (meeting_type, "Tick “retired” instead"),
        (desk, "Tick “retired” instead"),
        (event, "Cancel its bookings"),
    ]:
        assert words in delete(administrator, row)
        assert type(row).objects.filter(pk=row.pk).exists()


def test_what_is_held_stays(administrator):
    agenda, meeting_type, [desk] = make_appointments()
    booking.hold(first_slot(agenda), lock_code="x", now=NOW)
    assert "has appointments" in delete(administrator, desk)
    assert "has been booked" in delete(administrator, meeting_type)


def test_what_is_in_use_stays_and_says_where(administrator):
    schedule, calendar = make_schedule(label="Summer"), make_closure_calendar(label="Days off")
    agenda = make_agenda(label="Passports", schedule=schedule, closure_calendars=[calendar])
    make_desk(agenda, label="Counter", schedule=schedule)
    words = delete(administrator, schedule)
    assert "“Summer” is used by “Passports” and “Counter” of “Passports”" in words
    assert "used by “Passports”" in delete(administrator, calendar)
    workflow, status = make_workflow("own")
    Agenda.objects.update(workflow=workflow)
    assert "used by “Passports”" in delete(administrator, workflow)
    workflow.transitions = [
        {"type": "transition", "value": {"trigger": "booked", "status": status.pk}}
    ]
    workflow.save()
    assert "Remove that rule first" in delete(administrator, status)
    built_in = Workflow.objects.get(slug=DEFAULT_WORKFLOW)
    assert "built-in" in delete(administrator, built_in)
    assert Schedule.objects.filter(pk=schedule.pk).exists()
    assert WorkflowStatus.objects.filter(pk=status.pk).exists()


def test_a_status_with_bookings_stays(administrator):
    made = make_booking()
    made.refresh_from_db()
    assert made.status is not None
    assert "There are bookings" in delete(administrator, made.status)


def test_an_agenda_goes_once_it_is_empty(administrator):
    agenda = make_agenda()
    desk = make_desk(agenda)
    assert "still has: 1 desk" in delete(administrator, agenda)
    assert "deleted" in delete(administrator, desk)
    assert not Bookable.objects.exists()
    assert "deleted" in delete(administrator, agenda)
    assert not Agenda.objects.exists()


def test_many_users_are_counted(administrator):
    schedule = make_schedule()
    for _number in range(7):
        make_agenda(schedule=schedule)
    assert "2 more" in delete(administrator, schedule)


def test_several_are_deleted_at_once_if_nothing_keeps_any(administrator):
    used, unused, another = (make_schedule(label=label) for label in ("Used", "Un", "An"))
    make_agenda(schedule=used)
    address = reverse("wagtail_bulk_action", args=["wagtail_agenda", "schedule", "delete"])
    refused = administrator.post(f"{address}?id={used.pk}&id={unused.pk}")
    assert "“Used” is used by" in said(refused)
    assert Schedule.objects.count() == 3
    administrator.post(f"{address}?id={unused.pk}&id={another.pk}")
    assert list(Schedule.objects.all()) == [used]


# Lists and choosers


def test_searching_finds_by_label(administrator):
    make_agenda(label="Passports")
    make_agenda(label="Weddings")
    address = url(Agenda, "list_results")
    page = text(administrator.get(f"{address}?q=wedd"))
    assert "Weddings" in page
    assert "Passports" not in page
    chooser = reverse("wagtailsnippetchoosers_wagtail_agenda_agenda:choose_results")
    page = text(administrator.get(f"{chooser}?q=pass"))
    assert "Passports" in page
    assert "Weddings" not in page


def refer(to, page, path="body"):
    """As if `page` had `to` in its body."""
    kind = ContentType.objects.get_for_model
    ReferenceIndex.objects.create(
        content_type=kind(type(page)),
        base_content_type=kind(type(page)),
        object_id=page.pk,
        to_content_type=kind(Agenda),
        to_object_id=to.pk,
        model_path=path,
        content_path=f"{path}.0",
        content_path_hash=uuid.uuid4(),
    )


def test_the_chooser_tells_agendas_apart_by_kind_usage_and_state(administrator):
    site = Site.objects.get()
    used, _unused = make_agenda(label="Passports"), make_agenda(label="Papers", live=False)
    make_agenda(label="Yoga", kind=AgendaKind.EVENTS)
    for path in ("body", "body.again", "footer"):
        refer(used, site.root_page, path)
    refer(used, site)
    refer(used, make_desk(used))

    for view in ("choose", "choose_results"):
        address = reverse(f"wagtailsnippetchoosers_wagtail_agenda_agenda:{view}")
        response = administrator.get(address)
        html = response.json()["html"] if view == "choose" else response.content.decode()
        page = " ".join(strip_tags(html).split())
        assert "Passports Appointments Nothing free Used 2 times live" in page
        assert "Papers Appointments Not published Not used draft" in page
        assert "Yoga Events Nothing free Not used live" in page


def test_the_chooser_reads_all_usages_at_once(administrator):
    address = reverse("wagtailsnippetchoosers_wagtail_agenda_agenda:choose_results")
    for _number in range(5):
        make_agenda()
    asked = [sql for sql in queries_of(administrator, address) if "referenceindex" in sql]
    assert len(asked) == 1


def test_the_list_of_agendas_tells_drafts_from_what_is_live(administrator):
    make_agenda(label="Passports")
    make_agenda(label="Papers", live=False)
    page = text(administrator.get(url(Agenda, "list")))
    assert "Appointments Nothing free Not used live" in page
    assert "Appointments Not published Not used draft" in page


def test_the_list_of_statuses_reads_their_workflows_with_them(administrator):
    queries = queries_of(administrator, url(WorkflowStatus, "list"))
    alone = [sql for sql in queries if 'FROM "wagtail_agenda_workflow" WHERE' in sql]
    assert alone == []


def test_the_form_says_which_address_staff_cannot_be_told_at(administrator, settings):
    settings.WAGTAIL_AGENDA = {"FROM_EMAIL": "Town hall <agenda@fairbridge.example>"}
    assert "Not agenda@fairbridge.example, which" in text(administrator.get(url(Agenda, "add")))


def test_the_list_of_events_shows_how_full_they_are(administrator):
    event = booked_event(places=10, taken=3)
    page = text(administrator.get(f"{url(Event, 'index')}?agenda={event.agenda_id}"))
    assert " 3 of 10 booked" in page


def test_the_list_of_events_filters_by_date_and_survives_nonsense(administrator):
    event = make_event(label="Poetry")
    day = event.start.date()
    found = administrator.get(f"{url(Event, 'index')}?start_from={day}&start_to={day}")
    assert "Poetry" in text(found)
    later = day + timedelta(days=1)
    assert "Poetry" not in text(administrator.get(f"{url(Event, 'index')}?start_from={later}"))
    for query in (
        "?agenda=nonsense",
        "?start_from=x",
        "?start_from=0001-01-01",
        "?start_to=9999-12-31",
        "?p=x",
        "?ordering=nonsense",
    ):
        assert administrator.get(url(Event, "index") + query).status_code == 200


@pytest.mark.parametrize("pk", ["nonsense", "0", "99999999999999999999999", "1%20OR%201"])
def test_a_row_that_does_not_exist_is_not_found(administrator, pk):
    chooser = reverse("wagtailsnippetchoosers_wagtail_agenda_agenda:choose")
    for address in (f"{chooser}chosen/{pk}/", f"{url(Agenda, 'list')}edit/{pk}/"):
        assert administrator.get(address).status_code == 404


# Roles, in the form of a group


def group_data(group, *grants, initial=0):
    data = {
        "name": group.name,
        "page_permissions-TOTAL_FORMS": "0",
        "page_permissions-INITIAL_FORMS": "0",
        "agenda_grants-TOTAL_FORMS": str(len(grants)),
        "agenda_grants-INITIAL_FORMS": str(initial),
    }
    for kind in ("collection", "document", "image"):
        data |= {
            f"{kind}_permissions-TOTAL_FORMS": "0",
            f"{kind}_permissions-INITIAL_FORMS": "0",
        }
    for number, grant in enumerate(grants):
        data |= {f"agenda_grants-{number}-{field}": value for field, value in grant.items()}
    return data


def test_roles_are_granted_and_taken_back_in_a_group(administrator):
    group, agenda = Group.objects.create(name="Front desk"), make_agenda()
    address = reverse("wagtailusers_groups:edit", args=[group.pk])
    assert "Agendas" in text(administrator.get(address))
    granted = group_data(group, {"agenda": agenda.pk, "role": "editor"})
    assert administrator.post(address, granted).status_code == 302
    grant = AgendaGrant.objects.get()
    assert (grant.group, grant.agenda, grant.role) == (group, agenda, Role.EDITOR)
    kept = {"id": grant.pk, "agenda": agenda.pk, "role": "agent"}
    assert administrator.post(address, group_data(group, kept, initial=1)).status_code == 302
    assert AgendaGrant.objects.get().role == Role.AGENT
    gone = group_data(group, {**kept, "DELETE": "1"}, initial=1)
    assert administrator.post(address, gone).status_code == 302
    assert not AgendaGrant.objects.exists()


def test_roles_are_granted_with_a_new_group(administrator):
    agenda = make_agenda()
    data = group_data(Group(name="Front desk"), {"agenda": agenda.pk, "role": "agent"})
    assert administrator.post(reverse("wagtailusers_groups:add"), data).status_code == 302
    assert AgendaGrant.objects.get().group.name == "Front desk"


def test_a_group_has_one_role_per_agenda(administrator):
    group, agenda = Group.objects.create(name="Front desk"), make_agenda()
    address = reverse("wagtailusers_groups:edit", args=[group.pk])
    rows = [{"agenda": agenda.pk, "role": role} for role in ("agent", "editor")]
    response = administrator.post(address, group_data(group, *rows))
    assert response.status_code == 200
    assert "duplicate" in text(response)
    assert not AgendaGrant.objects.exists()


@pytest.mark.parametrize("initial", ["-1", "0", "1", "nonsense", ""])
def test_a_forged_count_of_roles_is_refused_and_changes_nothing(administrator, initial):
    group, agenda = Group.objects.create(name="Front desk"), make_agenda()
    AgendaGrant.objects.create(group=group, agenda=agenda, role=Role.EDITOR)
    address = reverse("wagtailusers_groups:edit", args=[group.pk])
    forged = group_data(group, {"agenda": agenda.pk, "role": "agent"}, initial=initial)
    assert administrator.post(address, forged).status_code == 200
    assert AgendaGrant.objects.get().role == Role.EDITOR


def test_a_role_can_be_taken_back_and_given_anew_at_once(administrator):
    group, agenda = Group.objects.create(name="Front desk"), make_agenda()
    grant = AgendaGrant.objects.create(group=group, agenda=agenda, role=Role.EDITOR)
    gone = {"id": grant.pk, "agenda": agenda.pk, "role": "editor", "DELETE": "1"}
    data = group_data(group, gone, {"agenda": agenda.pk, "role": "agent"}, initial=1)
    address = reverse("wagtailusers_groups:edit", args=[group.pk])
    assert administrator.post(address, data).status_code == 302
    assert AgendaGrant.objects.get().role == Role.AGENT


def test_a_group_can_be_given_all_agendas_but_no_permission_that_means_nothing(administrator):
    page = administrator.get(reverse("wagtailusers_groups:add"))
    offered = page.context["form"].fields["permissions"].queryset
    ours = offered.filter(content_type__app_label="wagtail_agenda")
    assert [permission.codename for permission in ours] == ["administer_agendas"]


def test_hooks_are_registered_under_the_one_name_that_wagtail_looks_for():
    import wagtail_agenda.wagtail_hooks as found

    assert found.menus.AgendaMenu.items
    assert make_meeting_type(make_agenda()).pk
