"""Resources in the set-up screens: what they need, who needs them, and how they are given up."""

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from freezegun import freeze_time

from tests.agents import make_administrator, make_staff
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_desk,
    make_meeting,
    make_meeting_type,
    make_schedule,
    publish,
)
from wagtail_agenda import meetings, removal
from wagtail_agenda.choices import Actor, Role
from wagtail_agenda.models import Bookable, Booking, Desk, Hold, MeetingType, Occupation, Resource

pytestmark = pytest.mark.django_db

TYPE = "wagtail_agenda_meetingtype"


@pytest.fixture(autouse=True)
def monday_morning():
    with freeze_time(NOW):
        yield


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def url(view, *args, model="resource") -> str:
    return reverse(f"wagtail_agenda_{model}:{view}", args=args)


def data(**fields) -> dict:
    return {
        "label": "Wedding hall",
        "description": "",
        "slug": "",
        "schedule": "",
        "timezone": "Europe/Paris",
        "maximal_booking_delay": "",
        "maximum_duration": "",
        **fields,
    }


def type_data(agenda, **fields) -> dict:
    return {
        "agenda": agenda.pk,
        "label": "Wedding",
        "slug": "wedding",
        "description": "",
        "duration": "30",
        "maximum_duration": "",
        "buffer_before": "0",
        "buffer_after": "0",
        "step": "",
        **fields,
    }


def make_hall(*agendas, **fields):
    hall = Resource.objects.create(**{"label": "Hall", **fields})
    for agenda in agendas:
        agenda.resources.add(hall)
        agenda.save()
    return hall


def errors(response) -> dict[str, str]:
    assert response.status_code == 200, response.status_code
    return {field: str(words) for field, words in response.context["form"].errors.items()}


def text(response) -> str:
    return " ".join(strip_tags(response.content.decode()).split())


def book_with(hall, agenda=None) -> Booking:
    """A booking that takes the hall, however it came to."""
    made = make_booking(agenda)
    made.resources.add(hall)
    of_desk = made.occupations.get()
    Occupation.objects.create(
        bookable=hall.bookable,
        booking=made,
        busy_from=of_desk.busy_from,
        busy_to=of_desk.busy_to,
    )
    return made


def test_a_resource_is_made_with_hours_of_its_own(administrator):
    schedule, calendar = make_schedule(), make_closure_calendar()
    sent = data(
        schedule=schedule.pk,
        closure_calendars=[calendar.pk],
        maximal_booking_delay="90",
        maximum_duration="120",
        timezone="Europe/Berlin",
    )
    response = administrator.post(url("add"), sent)
    assert response.status_code == 302, errors(response)
    hall = Resource.objects.get()
    assert (hall.slug, hall.schedule, hall.timezone) == ("wedding-hall", schedule, "Europe/Berlin")
    assert (hall.maximal_booking_delay, hall.maximum_duration) == (90, 120)
    assert list(hall.closure_calendars.all()) == [calendar]
    assert hall.bookable_id
    page = text(administrator.get(url("index")))
    assert "Wedding hall Edit Copy Delete No agenda Office hours" in page


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("label", "", "required"),
        ("timezone", "Mars/Base", "Mars/Base"),
        ("maximal_booking_delay", "0", "greater than or equal to 1"),
        ("maximal_booking_delay", "9" * 30, "less than or equal to"),
        ("maximum_duration", "0", "greater than or equal to 5"),
        ("maximum_duration", "1441", "less than or equal to 1440"),
        ("schedule", "nonsense", "valid choice"),
        ("slug", "taken", "already exists"),
    ],
)
@pytest.mark.one_database
def test_what_is_wrong_is_said_at_its_field(administrator, field, value, words):
    make_hall(slug="taken")
    found = errors(administrator.post(url("add"), data(**{field: value})))
    assert list(found) == [field]
    assert words in found[field]
    assert Resource.objects.count() == Bookable.objects.count() == 1


def test_retiring_a_resource_with_coming_bookings_is_asked_about(administrator):
    hall = make_hall()
    made = book_with(hall)
    sent = data(slug=hall.slug, retired="on")
    asked = administrator.post(url("edit", hall.pk), sent)
    assert "Nothing has happened yet" in errors(asked)["retired"]
    assert "“Hall” has 1 booking to come. It stays" in text(asked)
    assert reverse("wagtail_agenda_admin:booking", args=[made.pk]) in asked.content.decode()
    assert not Resource.objects.get().retired
    sent["confirmed"] = asked.context["form"].question.key
    assert administrator.post(url("edit", hall.pk), sent).status_code == 302
    assert Resource.objects.get().retired
    assert Booking.objects.get().cancelled_at is None
    changed = data(slug=hall.slug, retired="on", label="Great hall")
    assert administrator.post(url("edit", hall.pk), changed).status_code == 302, "asked twice"


def test_retiring_what_nobody_has_booked_is_not_asked_about(administrator):
    hall = make_hall()
    made = book_with(hall)
    with freeze_time(made.end):
        sent = data(slug=hall.slug, retired="on")
        assert administrator.post(url("edit", hall.pk), sent).status_code == 302
    assert Resource.objects.get().retired


def test_a_question_names_no_booking_of_an_agenda_of_others(client):
    agenda, _type, _desks = make_appointments()
    hall = make_hall(agenda)
    made = book_with(hall)
    client.force_login(make_staff(agenda, role=Role.EDITOR))
    asked = client.post(url("edit", hall.pk), data(slug=hall.slug, retired="on"))
    assert "“Hall” has 1 booking to come" in text(asked)
    assert made.reference not in text(asked)
    assert "in agendas that you do not see" in text(asked)


def test_retiring_a_desk_with_coming_bookings_is_asked_about(administrator):
    made = make_booking()
    desk = made.desk
    sent = {"agenda": desk.agenda_id, "label": desk.label, "slug": desk.slug, "schedule": ""}
    sent["retired"] = "on"
    asked = administrator.post(url("edit", desk.pk, model="desk"), sent)
    assert "Nothing has happened yet" in errors(asked)["retired"]
    assert made.reference in text(asked)
    assert not Desk.objects.get().retired
    sent["confirmed"] = asked.context["form"].question.key
    assert administrator.post(url("edit", desk.pk, model="desk"), sent).status_code == 302
    assert Desk.objects.get().retired
    spare = make_desk(desk.agenda)
    sent |= {"label": spare.label, "slug": spare.slug}
    assert administrator.post(url("edit", spare.pk, model="desk"), sent).status_code == 302


@pytest.mark.parametrize("model", ["resource", "desk"])
def test_retiring_what_coming_meetings_take_is_asked_about(administrator, model):
    agenda, _type, (desk,) = make_appointments()
    hall = make_hall(agenda)
    called = publish(make_meeting(agenda, desk=desk, resource=hall))
    row, sent = hall, data(slug=hall.slug)
    if model == "desk":
        row = desk
        sent = {"agenda": agenda.pk, "label": desk.label, "slug": desk.slug, "schedule": ""}
    sent["retired"] = "on"
    asked = administrator.post(url("edit", row.pk, model=model), sent)
    assert "Nothing has happened yet" in errors(asked)["retired"]
    assert f"“{row}” has 1 meeting to come, which stays" in text(asked)
    assert "booking to come" not in text(asked)
    assert reverse("wagtail_agenda_admin:meeting", args=[called.pk]) in asked.content.decode()
    sent["confirmed"] = asked.context["form"].question.key
    assert administrator.post(url("edit", row.pk, model=model), sent).status_code == 302
    row.refresh_from_db()
    assert row.retired
    assert called.occupations.count() == 2


def test_the_question_names_no_meeting_of_an_agenda_of_others(client):
    agenda, _type, _desks = make_appointments()
    hall = make_hall(agenda)
    publish(make_meeting(resource=hall, title="Who is dismissed"))
    client.force_login(make_staff(agenda, role=Role.EDITOR))
    asked = client.post(url("edit", hall.pk), data(slug=hall.slug, retired="on"))
    assert "“Hall” has 1 meeting to come" in text(asked)
    assert "Who is dismissed" not in text(asked)
    assert "in agendas that you do not see" in text(asked)


def test_retiring_is_not_asked_about_once_the_meeting_is_cancelled_or_over(administrator):
    hall, other = make_hall(), make_hall(label="Other")
    cancelled = publish(make_meeting(resource=hall))
    meetings.cancel(cancelled, actor=Actor.AGENT, now=NOW)
    over = publish(make_meeting(resource=other))
    assert (
        administrator.post(url("edit", hall.pk), data(slug=hall.slug, retired="on")).status_code
        == 302
    )
    with freeze_time(over.end):
        sent = data(slug=other.slug, retired="on", label="Other")
        assert administrator.post(url("edit", other.pk), sent).status_code == 302


@pytest.mark.parametrize("model", ["resource", "desk"])
def test_where_meetings_were_called_is_not_deleted(administrator, model):
    agenda, _type, (desk,) = make_appointments()
    hall = make_hall()
    called = publish(make_meeting(agenda, desk=desk, resource=hall))
    meetings.cancel(called, actor=Actor.AGENT, now=NOW)
    row = {"desk": desk, "resource": hall}[model]
    assert "has been booked for meetings. Tick “retired” instead" in removal.why_kept(row)
    assert administrator.post(url("delete", row.pk, model=model)).status_code == 302
    assert type(row).objects.filter(pk=row.pk).exists()


def test_a_desk_that_a_draft_alone_names_can_go(administrator):
    agenda, _type, (desk,) = make_appointments()
    draft = make_meeting(agenda, desk=desk)
    assert administrator.post(url("delete", desk.pk, model="desk")).status_code == 302
    draft.refresh_from_db()
    assert draft.desk is None


def test_a_resource_is_not_deleted_from_under_anybody(administrator):
    agenda, meeting_type, _desks = make_appointments(label="Weddings")
    hall = make_hall(agenda)
    meeting_type.resources.add(hall)
    words = removal.why_kept(hall)
    assert "used by “Weddings” and “Passport” of “Weddings”" in words
    assert administrator.post(url("delete", hall.pk)).status_code == 302
    meeting_type.resources.clear()
    agenda.resources.clear()
    agenda.save()
    made = book_with(hall)
    assert "Tick “retired” instead" in removal.why_kept(hall)
    assert administrator.post(url("delete", hall.pk)).status_code == 302
    assert Resource.objects.exists()
    made.resources.clear()
    Occupation.objects.filter(bookable=hall.bookable).delete()
    assert administrator.post(url("delete", hall.pk)).status_code == 302
    assert not Resource.objects.exists()
    assert not Bookable.objects.filter(pk=hall.bookable_id).exists()


def test_what_somebody_holds_is_not_deleted():
    hall, agenda = make_hall(), make_agenda()
    hold = Hold.objects.create(agenda=agenda, lock_code="x", resource_ids=[hall.pk])
    Occupation.objects.create(bookable=hall.bookable, hold=hold, busy_from=1, busy_to=2)
    assert "has been booked" in removal.why_kept(hall)


def test_hours_that_a_resource_uses_stay():
    schedule, calendar = make_schedule(), make_closure_calendar()
    hall = make_hall(schedule=schedule)
    hall.closure_calendars.add(calendar)
    assert "used by “Hall”" in removal.why_kept(schedule)
    assert "used by “Hall”" in removal.why_kept(calendar)


# What appointment types need


def test_an_appointment_type_needs_what_its_agenda_offers(administrator):
    agenda, other = make_agenda(label="Weddings"), make_agenda()
    hall, foreign = make_hall(agenda), make_hall(other, label="Van")
    refused = administrator.post(
        url("add", model="meetingtype"), type_data(agenda, resources=[hall.pk, foreign.pk])
    )
    assert "“Weddings” does not offer these: Van" in errors(refused)["resources"]
    sent = type_data(agenda, resources=[hall.pk])
    assert administrator.post(url("add", model="meetingtype"), sent).status_code == 302
    assert list(MeetingType.objects.get().resources.all()) == [hall]


def test_a_type_shows_the_resources_of_its_agenda_and_those_it_needs_already(administrator):
    agenda, meeting_type, _desks = make_appointments()
    make_hall(agenda, label="Hall")
    make_hall(agenda, label="Shed", retired=True)
    make_hall(make_agenda(), label="Van")
    meeting_type.resources.add(make_hall(label="Old bus", retired=True))
    page = text(administrator.get(url("edit", meeting_type.pk, model="meetingtype")))
    assert "Hall" in page
    assert "Old bus" in page
    assert "Shed" not in page
    assert "Van" not in page


def test_a_type_without_resources_to_need_does_not_ask_for_them(administrator):
    page = administrator.get(f"{url('add', model='meetingtype')}?agenda={make_agenda().pk}")
    assert "resources" not in page.context["form"].fields


def test_a_type_that_takes_longer_than_its_resource_is_refused_on_both_sides(administrator):
    agenda = make_agenda()
    hall = make_hall(agenda, maximum_duration=30)
    sent = type_data(agenda, resources=[hall.pk], duration="45")
    found = errors(administrator.post(url("add", model="meetingtype"), sent))
    assert "“Hall” can be had for 30 minutes at a time, and this takes 45" in found["resources"]
    meeting_type = make_meeting_type(agenda, duration=30, label="Wedding")
    meeting_type.resources.add(hall)
    sent = data(slug=hall.slug, maximum_duration="25")
    found = errors(administrator.post(url("edit", hall.pk), sent))
    assert "take longer: “Wedding” of" in found["maximum_duration"]
    sent["maximum_duration"] = "30"
    assert administrator.post(url("edit", hall.pk), sent).status_code == 302


@pytest.mark.parametrize(
    ("longest", "words"),
    [
        ("25", "Choose at least 30 minutes"),
        ("33", "steps of 5 minutes"),
        ("1445", "less than or equal to 1440"),
        ("0", "greater than or equal to 5"),
        ("9" * 30, "less than or equal to 1440"),
    ],
)
@pytest.mark.one_database
def test_a_longest_duration_that_cannot_be_is_refused(administrator, longest, words):
    sent = type_data(make_agenda(), maximum_duration=longest)
    found = errors(administrator.post(url("add", model="meetingtype"), sent))
    assert list(found) == ["maximum_duration"]
    assert words in found["maximum_duration"]


def test_visitors_may_choose_the_end_of_an_appointment(administrator):
    sent = type_data(make_agenda(), maximum_duration="120")
    assert administrator.post(url("add", model="meetingtype"), sent).status_code == 302
    assert MeetingType.objects.get().free_range
