"""The form of an agenda by its kind: what it shows, what contradicts itself, what it asks first."""

from datetime import timedelta

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
    make_event,
    make_meeting_type,
    make_schedule,
)
from wagtail_agenda import booking
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import Agenda, AgendaMember, Resource
from wagtail_agenda.setup_rules.delays import leaves_no_time
from wagtail_agenda.views.admin.setup.advice import advice_on

pytestmark = pytest.mark.django_db

ADD = "wagtailsnippets_wagtail_agenda_agenda:add"
PUBLISH = {"action-publish": "1"}

OF_ALL = {
    "timezone": "Europe/Paris",
    "minimal_booking_delay": "0",
    "minimal_booking_delay_unit": "hours",
    "maximal_booking_delay": "60",
    "maximal_booking_delay_unit": "days",
    "alarm_before_unit": "minutes",
}
OF_EVENTS = {
    "waiting_list_promotion": "automatic",
    "offer_hours": "24",
    "places_per_booking": "1",
    "move_notice": "0",
    "visitors_may_move": "on",
}


@pytest.fixture(autouse=True)
def monday_morning():
    with freeze_time(NOW):
        yield


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def edit_url(agenda) -> str:
    return reverse("wagtailsnippets_wagtail_agenda_agenda:edit", args=[agenda.pk])


def make_virtual(*members, **fields):
    agenda = make_agenda(kind=AgendaKind.VIRTUAL, **fields)
    for order, member in enumerate(members):
        AgendaMember.objects.create(virtual_agenda=agenda, agenda=member, sort_order=order)
    return agenda


def data_of(agenda, **fields) -> dict:
    """What the edit page of an agenda would send, as far as it matters here."""
    kind = fields.get("kind", agenda.kind)
    return {
        **OF_ALL,
        **(OF_EVENTS if agenda.kind != AgendaKind.VIRTUAL else {}),
        "timezone": agenda.timezone,
        "kind": kind,
        "shown_kind": agenda.kind,
        "label": agenda.label,
        "slug": agenda.slug,
        "schedule": agenda.schedule_id or "",
        **fields,
    }


def rows(*agendas, initial=(), deleted=()) -> dict:
    """The list of the agendas behind a virtual one; `initial` are rows that there are already."""
    data = {
        "members-TOTAL_FORMS": str(len(initial) + len(agendas)),
        "members-INITIAL_FORMS": str(len(initial)),
        "members-MIN_NUM_FORMS": "0",
        "members-MAX_NUM_FORMS": "1000",
    }
    named = [(row.pk, row.agenda_id) for row in initial]
    named += [("", getattr(agenda, "pk", agenda)) for agenda in agendas]
    for number, (pk, agenda) in enumerate(named):
        data |= {
            f"members-{number}-id": str(pk),
            f"members-{number}-agenda": str(agenda),
            f"members-{number}-ORDER": str(number + 1),
            f"members-{number}-DELETE": "1" if pk in deleted else "",
        }
    return data


def errors(response) -> dict[str, str]:
    assert response.status_code == 200, response.status_code
    return {field: str(words) for field, words in response.context["form"].errors.items()}


def row_errors(response) -> list[dict]:
    assert response.status_code == 200, response.status_code
    return response.context["form"].formsets["members"].errors


def text(response) -> str:
    return " ".join(strip_tags(response.content.decode()).split())


def names_in(response) -> set[str]:
    form = response.context["form"]
    return set(form.fields) | set(form.formsets)


# Which fields are shown


@pytest.mark.parametrize(
    ("kind", "shown", "left_out"),
    [
        (
            AgendaKind.MEETINGS,
            {"schedule", "resources", "needs_approval", "bookings_per_day", "visitors_may_move"},
            {"several_events", "places_per_booking", "offer_hours", "members"},
        ),
        (
            AgendaKind.EVENTS,
            {"several_events", "places_per_booking", "offer_hours", "needs_approval"},
            {"schedule", "resources", "members"},
        ),
        (
            AgendaKind.VIRTUAL,
            {"members", "closure_calendars", "minimal_booking_delay", "bookings_per_week"},
            {"schedule", "resources", "needs_approval", "offer_hours", "visitors_may_move"},
        ),
    ],
)
@pytest.mark.one_database
def test_an_agenda_shows_what_fits_its_kind(administrator, kind, shown, left_out):
    Resource.objects.create(label="Hall")
    page = administrator.get(edit_url(make_agenda(kind=kind)))
    names = names_in(page)
    assert shown <= names
    assert not left_out & names
    assert f'name="shown_kind" value="{kind}"' in page.content.decode()
    for name in left_out:
        assert f'name="{name}"' not in page.content.decode(), name


def test_a_new_agenda_shows_what_all_kinds_have(administrator):
    names = names_in(administrator.get(reverse(ADD)))
    assert {"kind", "label", "timezone", "schedule"} <= names
    assert not {"several_events", "needs_approval", "members"} & names


def test_what_a_page_did_not_show_stays_as_it_is(administrator):
    agenda = make_agenda(kind=AgendaKind.EVENTS, offer_hours=7, visitors_may_move=True)
    data = {**data_of(agenda, label="Yoga"), **PUBLISH, "shown_kind": ""}
    for name in OF_EVENTS:
        del data[name]
    assert administrator.post(edit_url(agenda), data).status_code == 302
    agenda = Agenda.objects.get(pk=agenda.pk)
    assert (agenda.label, agenda.offer_hours, agenda.visitors_may_move) == ("Yoga", 7, True)


def test_rules_are_saved_as_they_are_typed(administrator):
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    data = data_of(
        agenda,
        needs_approval="on",
        approval_hours="48",
        waiting_list_promotion="offer",
        offer_hours="12",
        places_per_booking="4",
        several_events="on",
        bookings_per_day="1",
        bookings_per_week="2",
        bookings_per_person="3",
        move_notice="24",
        tentative_entries="on",
        alarm_before="2",
        alarm_before_unit="hours",
        **PUBLISH,
    )
    del data["visitors_may_move"]
    response = administrator.post(edit_url(agenda), data)
    assert response.status_code == 302, errors(response)
    agenda = Agenda.objects.get(pk=agenda.pk)
    assert (agenda.needs_approval, agenda.approval_hours) == (True, 48)
    assert (agenda.waiting_list_promotion, agenda.offer_hours) == ("offer", 12)
    assert (agenda.places_per_booking, agenda.several_events) == (4, True)
    assert (agenda.bookings_per_day, agenda.bookings_per_week) == (1, 2)
    assert (agenda.bookings_per_person, agenda.move_notice) == (3, 24)
    assert not agenda.visitors_may_move
    assert (agenda.tentative_entries, agenda.alarm) == (True, timedelta(hours=2))


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"offer_hours": "0"}, "offer_hours", "greater than or equal to 1"),
        ({"offer_hours": "721"}, "offer_hours", "less than or equal to 720"),
        ({"offer_hours": ""}, "offer_hours", "required"),
        ({"places_per_booking": "0"}, "places_per_booking", "greater than or equal to 1"),
        ({"places_per_booking": "100001"}, "places_per_booking", "less than or equal to 100000"),
        ({"approval_hours": "0"}, "approval_hours", "greater than or equal to 1"),
        ({"approval_hours": "9" * 30}, "approval_hours", "less than or equal to 8784"),
        ({"alarm_before": "0"}, "alarm_before", "greater than or equal to 1"),
        ({"alarm_before": "1001"}, "alarm_before", "less than or equal to 1000"),
        ({"alarm_before_unit": "weeks"}, "alarm_before_unit", "valid choice"),
        ({"move_notice": "-1"}, "move_notice", "greater than or equal to 0"),
        ({"bookings_per_day": "0"}, "bookings_per_day", "greater than or equal to 1"),
        (
            {"bookings_per_day": "3", "bookings_per_week": "2"},
            "bookings_per_day",
            "more than a whole week allows",
        ),
        (
            {"several_events": "on", "bookings_per_person": "1"},
            "bookings_per_person",
            "nobody could book two",
        ),
        ({"waiting_list_promotion": "lottery"}, "waiting_list_promotion", "valid choice"),
    ],
)
@pytest.mark.one_database
def test_contradictory_rules_are_refused_at_their_field(administrator, typed, field, words):
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    found = errors(administrator.post(edit_url(agenda), data_of(agenda, **typed, **PUBLISH)))
    assert list(found) == [field]
    assert words in found[field]


def test_what_only_another_kind_has_is_given_up_with_it(administrator):
    agenda = make_agenda(kind=AgendaKind.EVENTS, several_events=True, places_per_booking=5)
    changed = data_of(agenda, kind="meetings", several_events="on", **PUBLISH)
    assert administrator.post(edit_url(agenda), changed).status_code == 302
    agenda = Agenda.objects.get(pk=agenda.pk)
    assert (agenda.kind, agenda.several_events, agenda.places_per_booking) == ("meetings", False, 1)


def test_resources_of_an_agenda_go_with_its_kind(administrator):
    hall = Resource.objects.create(label="Hall")
    agenda = make_agenda()
    sent = data_of(agenda, resources=[hall.pk], **PUBLISH)
    assert administrator.post(edit_url(agenda), sent).status_code == 302
    assert list(Agenda.objects.get(pk=agenda.pk).resources.all()) == [hall]
    sent = data_of(agenda, resources=[hall.pk], kind="events", **PUBLISH)
    assert administrator.post(edit_url(agenda), sent).status_code == 302
    assert not Agenda.objects.get(pk=agenda.pk).resources.exists()


def test_a_schedule_that_no_longer_fits_can_still_be_taken_away(administrator):
    agenda = make_agenda(kind=AgendaKind.EVENTS, schedule=make_schedule())
    assert "schedule" in names_in(administrator.get(edit_url(agenda)))
    sent = data_of(agenda, schedule="", **PUBLISH)
    assert administrator.post(edit_url(agenda), sent).status_code == 302
    assert Agenda.objects.get(pk=agenda.pk).schedule is None


# Delays in working days


@pytest.mark.parametrize(
    ("notice", "horizon", "refused"),
    [
        ((6, "working_days"), (5, "working_days"), True),
        ((5, "working_days"), (5, "working_days"), False),
        ((5, "working_days"), (5, "days"), False),
        ((6, "working_days"), (7, "days"), True),
        ((6, "working_days"), (8, "days"), False),
        ((3, "days"), (1, "working_days"), False),
        ((4, "days"), (1, "working_days"), True),
        ((7, "days"), (5, "working_days"), False),
        ((8, "days"), (5, "working_days"), True),
        ((96, "hours"), (1, "working_days"), False),
        ((97, "hours"), (1, "working_days"), True),
        ((2, "working_days"), (24, "hours"), False),
        ((2, "working_days"), (23, "hours"), True),
        ((0, "working_days"), (1, "hours"), False),
        ((None, "working_days"), (1, "hours"), False),
    ],
)
@pytest.mark.one_database
def test_delays_in_working_days_leave_time_or_none(notice, horizon, refused):
    delays = {
        "minimal_booking_delay": notice[0],
        "minimal_booking_delay_unit": notice[1],
        "maximal_booking_delay": horizon[0],
        "maximal_booking_delay_unit": horizon[1],
    }
    assert leaves_no_time(delays) == refused


# Several agendas as one


def test_a_virtual_agenda_is_saved_as_a_draft_first_and_given_its_agendas_then(administrator):
    north, south = make_agenda(label="North"), make_agenda(label="South")
    new = {**OF_ALL, "kind": "virtual", "label": "Any office", "slug": "any"}
    refused = administrator.post(reverse(ADD), {**new, **PUBLISH})
    assert "Save it as a draft" in errors(refused)["kind"]
    assert administrator.post(reverse(ADD), new).status_code == 302
    agenda = Agenda.objects.get(slug="any")
    assert not agenda.live

    page = administrator.get(edit_url(agenda))
    assert "The agendas behind it" in text(page)
    assert "There is" not in text(page)
    sent = data_of(agenda, **rows(south, north), **PUBLISH)
    assert administrator.post(edit_url(agenda), sent).status_code == 302
    agenda = Agenda.objects.get(pk=agenda.pk)
    assert agenda.live
    assert [row.agenda for row in agenda.members.all()] == [south, north]


def test_a_virtual_agenda_is_not_published_alone(administrator):
    agenda = make_virtual(live=False)
    found = errors(administrator.post(edit_url(agenda), data_of(agenda, **rows(), **PUBLISH)))
    assert "Choose one below" in found["kind"]
    assert administrator.post(edit_url(agenda), data_of(agenda, **rows())).status_code == 302
    [row] = make_virtual(make_agenda()).members.all()
    sent = data_of(row.virtual_agenda, **rows(initial=[row], deleted=[row.pk]), **PUBLISH)
    assert "kind" in errors(administrator.post(edit_url(row.virtual_agenda), sent))
    assert AgendaMember.objects.filter(pk=row.pk).exists()


def test_rows_that_were_saved_a_moment_ago_are_not_made_again(administrator):
    north, south = make_agenda(), make_agenda()
    agenda = make_virtual(live=False)
    by_itself = {"headers": {"accept": "application/json"}}
    sent = data_of(agenda, **rows(south, north))
    assert administrator.post(edit_url(agenda), sent, **by_itself).json()["success"]
    assert administrator.post(edit_url(agenda), {**sent, **PUBLISH}).status_code == 302
    agenda = Agenda.objects.get(pk=agenda.pk)
    assert [row.agenda for row in agenda.members.all()] == [south, north]
    assert administrator.post(edit_url(agenda), {**sent, **PUBLISH}).status_code == 302
    assert [row.agenda for row in Agenda.objects.get(pk=agenda.pk).members.all()] == [south, north]


def test_agendas_behind_it_are_put_in_another_order(administrator):
    north, south = make_agenda(), make_agenda()
    agenda = make_virtual(north, south)
    sent = data_of(agenda, **rows(initial=agenda.members.all()), **PUBLISH)
    sent |= {"members-0-ORDER": "2", "members-1-ORDER": "1"}
    assert administrator.post(edit_url(agenda), sent).status_code == 302
    agenda = Agenda.objects.get(pk=agenda.pk)
    assert [row.agenda for row in agenda.members.all()] == [south, north]


def test_agendas_that_do_not_fit_are_refused_at_their_row(administrator):
    fits, far = make_agenda(), make_agenda(label="Far", timezone="Asia/Tokyo")
    events, other = make_agenda(kind=AgendaKind.EVENTS), make_virtual(fits)
    agenda = make_virtual(live=False)
    sent = data_of(agenda, **rows(fits, far, fits, events, other, agenda, "nonsense", 10**30, ""))
    found = row_errors(administrator.post(edit_url(agenda), sent))
    assert not found[0]
    assert "“Far” is in another time zone, Asia/Tokyo" in str(found[1]["agenda"])
    assert "in the list already" in str(found[2]["agenda"])
    assert all("agenda" in row for row in found[3:8])
    assert not agenda.members.exists()


def test_an_editor_chooses_among_the_agendas_they_see(client):
    agenda, seen = make_virtual(live=False), make_agenda(label="Seen")
    foreign, there = make_agenda(label="Foreign"), make_agenda(label="There")
    AgendaMember.objects.create(virtual_agenda=agenda, agenda=there, sort_order=0)
    user = make_staff(agenda, seen, role=Role.EDITOR)
    client.force_login(user)
    page = text(client.get(edit_url(agenda)))
    assert "Seen" in page
    assert "There" in page
    assert "Foreign" not in page
    [row] = agenda.members.all()
    found = row_errors(client.post(edit_url(agenda), data_of(agenda, **rows(foreign))))
    assert "valid choice" in str(found[0]["agenda"])
    sent = data_of(agenda, **rows(seen, initial=[row]))
    assert client.post(edit_url(agenda), sent).status_code == 302
    assert [row.agenda for row in Agenda.objects.get(pk=agenda.pk).members.all()] == [there, seen]


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"members-TOTAL_FORMS": "many", "members-INITIAL_FORMS": "0"},
        {"members-TOTAL_FORMS": "1", "members-INITIAL_FORMS": "1"},
        {"members-TOTAL_FORMS": "1", "members-INITIAL_FORMS": "-1"},
        {"members-TOTAL_FORMS": "-1", "members-INITIAL_FORMS": "-1"},
        {"members-TOTAL_FORMS": "100000", "members-INITIAL_FORMS": "0"},
        {
            "members-TOTAL_FORMS": "1",
            "members-INITIAL_FORMS": "1",
            "members-0-id": "nonsense",
            "members-0-agenda": "\0",
            "members-0-ORDER": "first",
        },
        {
            "members-TOTAL_FORMS": "1",
            "members-INITIAL_FORMS": "1",
            "members-0-id": "999999999",
            "members-0-agenda": "1",
        },
    ],
)
def test_a_forged_list_of_agendas_changes_nothing(administrator, forged):
    agenda = make_virtual(make_agenda())
    for how in ({}, PUBLISH):
        answer = administrator.post(edit_url(agenda), {**data_of(agenda), **forged, **how})
        assert answer.status_code in (200, 302, 400)
        assert agenda.members.count() == 1


def test_the_list_belongs_to_a_virtual_agenda_only(administrator):
    [row] = make_virtual(make_agenda()).members.all()
    agenda = row.virtual_agenda
    kept = data_of(agenda, kind="meetings", **rows(initial=[row]), **PUBLISH)
    assert "1 agenda behind it" in errors(administrator.post(edit_url(agenda), kept))["kind"]
    draft = make_virtual(live=False)
    sent = data_of(draft, kind="events", **rows(make_agenda()))
    assert "Choose that kind" in errors(administrator.post(edit_url(draft), sent))["kind"]


def test_an_agenda_behind_another_keeps_kind_and_time_zone(administrator):
    agenda = make_agenda(label="North")
    make_virtual(agenda, label="Any office")
    for changed in ({"kind": "events"}, {"timezone": "Asia/Tokyo"}):
        found = errors(administrator.post(edit_url(agenda), data_of(agenda, **changed, **PUBLISH)))
        [(field, words)] = found.items()
        assert field in changed
        assert "stands behind “Any office”" in words


def test_a_page_from_before_the_list_of_agendas_leaves_it_as_it_is(administrator):
    agenda = make_virtual(make_agenda(label="North"))
    sent = data_of(agenda, label="Any office", shown_kind="", **PUBLISH)
    assert administrator.post(edit_url(agenda), sent).status_code == 302
    assert Agenda.objects.get(pk=agenda.pk).members.count() == 1
    sent["timezone"] = "Asia/Tokyo"
    assert "in another time zone" in errors(administrator.post(edit_url(agenda), sent))["timezone"]


def test_a_virtual_agenda_is_copied_without_an_error(administrator):
    agenda = make_virtual(make_agenda(label="North"))
    page = administrator.get(
        reverse("wagtailsnippets_wagtail_agenda_agenda:copy", args=[agenda.pk])
    )
    assert page.status_code == 200
    assert page.context["form"].initial["shown_kind"] == AgendaKind.VIRTUAL


def test_revisions_of_a_virtual_agenda_are_compared_and_taken_up_again(administrator):
    agenda = make_virtual(make_agenda(label="North"), make_agenda(label="South"))
    revision = agenda.save_revision()
    gone = agenda.members.first()
    gone.agenda.delete()
    agenda = Agenda.objects.get(pk=agenda.pk)
    agenda.save_revision()
    compare = reverse(
        "wagtailsnippets_wagtail_agenda_agenda:revisions_compare",
        args=[agenda.pk, revision.pk, "latest"],
    )
    assert administrator.get(compare).status_code == 200
    revert = reverse(
        "wagtailsnippets_wagtail_agenda_agenda:revisions_revert", args=[agenda.pk, revision.pk]
    )
    assert administrator.get(revert).status_code == 200


def test_the_lists_name_the_kind_and_offer_nothing_that_it_has_not(administrator):
    agenda = make_virtual(make_agenda(label="North"), label="Any office")
    page = text(administrator.get(reverse("wagtailsnippets_wagtail_agenda_agenda:list")))
    assert "Several appointment agendas as one" in page
    edited = text(administrator.get(edit_url(agenda)))
    assert "What can be booked" not in edited
    chooser = reverse("wagtailsnippetchoosers_wagtail_agenda_agenda:choose_results")
    assert "Several appointment agendas as one" in text(administrator.get(chooser))


# The time zone under bookings to come


def test_a_new_time_zone_under_coming_bookings_is_asked_about(administrator):
    made = make_booking()
    agenda = made.agenda
    changed = data_of(agenda, timezone="Asia/Tokyo", **PUBLISH)
    asked = administrator.post(edit_url(agenda), changed)
    assert "Nothing has happened yet" in errors(asked)["timezone"]
    page = text(asked)
    assert "There is 1 booking to come. It stays at the same moment" in page
    assert "Opening hours are read in the new zone" in page
    assert made.reference in page
    assert reverse("wagtail_agenda_admin:booking", args=[made.pk]) in asked.content.decode()
    assert Agenda.objects.get(pk=agenda.pk).timezone == "Europe/Paris"

    key = asked.context["form"].question.key
    assert f'name="confirmed" value="{key}"' in asked.content.decode()
    saved = administrator.post(edit_url(agenda), {**changed, "confirmed": key})
    assert saved.status_code == 302
    assert Agenda.objects.get(pk=agenda.pk).timezone == "Asia/Tokyo"
    made.refresh_from_db()
    assert made.start == type(made).objects.get(pk=made.pk).start


def test_an_answer_confirms_nothing_but_what_was_asked(administrator):
    made = make_booking()
    changed = data_of(made.agenda, timezone="Asia/Tokyo", **PUBLISH)
    key = administrator.post(edit_url(made.agenda), changed).context["form"].question.key
    other = {**changed, "timezone": "America/New_York", "confirmed": key}
    assert "timezone" in errors(administrator.post(edit_url(made.agenda), other))
    make_booking(made.agenda)
    again = administrator.post(edit_url(made.agenda), {**changed, "confirmed": key})
    assert "There are 2 bookings to come" in text(again)
    for nonsense in ("on", "yes", "x" * 300, "\0"):
        sent = {**changed, "confirmed": nonsense}
        assert "timezone" in errors(administrator.post(edit_url(made.agenda), sent))
    assert Agenda.objects.get(pk=made.agenda_id).timezone == "Europe/Paris"


def test_only_what_comes_to_bookings_is_asked(administrator):
    made = make_booking()
    agenda = made.agenda
    draft = data_of(agenda, timezone="Asia/Tokyo")
    assert administrator.post(edit_url(agenda), draft).status_code == 302, "a draft changes nothing"
    asked = administrator.post(edit_url(agenda), {**draft, **PUBLISH})
    assert "timezone" in errors(asked), "the draft went out without a word"
    Agenda.objects.filter(pk=agenda.pk).update(live=False)
    assert "timezone" in errors(administrator.post(edit_url(agenda), draft)), "has no second copy"
    booking.cancel(made, actor="agent", now=NOW)
    assert administrator.post(edit_url(agenda), draft).status_code == 302


def test_bookings_that_were_chosen_in_a_virtual_agenda_count_there_too(administrator):
    made, agenda = make_booking(), make_virtual()
    type(made).objects.update(virtual_agenda=agenda)
    sent = data_of(agenda, timezone="Asia/Tokyo", **rows())
    Agenda.objects.filter(pk=agenda.pk).update(live=False)
    assert "There is 1 booking to come" in text(administrator.post(edit_url(agenda), sent))


def test_of_many_bookings_the_first_are_listed(administrator):
    event = make_event(places=30)
    for _number in range(12):
        make_booking(event.agenda)
    sent = data_of(event.agenda, timezone="Asia/Tokyo", **PUBLISH)
    asked = administrator.post(edit_url(event.agenda), sent)
    page = asked.content.decode()
    assert page.count("/agendas/booking/") == 10
    assert "and 2 more" in text(asked)


# Resources that types need


def test_a_resource_that_a_type_needs_stays_on_offer(administrator):
    agenda, meeting_type, _desks = make_appointments()
    hall = Resource.objects.create(label="Hall")
    agenda.resources = [hall]
    agenda.save()
    meeting_type.resources.add(hall)
    sent = data_of(agenda)
    assert administrator.post(edit_url(agenda), sent).status_code == 302, "a draft changes nothing"
    found = errors(administrator.post(edit_url(agenda), {**sent, **PUBLISH}))
    assert "need these: Hall" in found["resources"]
    meeting_type.resources.clear()
    assert administrator.post(edit_url(agenda), {**sent, **PUBLISH}).status_code == 302


# What looks wrong


def test_types_that_last_differently_behind_one_agenda_are_pointed_out(administrator):
    north, south, west = (make_agenda(label=label) for label in ("North", "South", "West"))
    make_meeting_type(north, slug="passport", duration=30)
    make_meeting_type(south, slug="passport", duration=45)
    make_meeting_type(west, slug="other", duration=45, retired=True)
    agenda = make_virtual(south, north, west)
    Agenda.objects.filter(pk=west.pk).update(live=False)
    page = text(administrator.get(edit_url(agenda)))
    assert "“passport” does not take the same time everywhere" in page
    assert "45 minutes at “South” and 30 minutes at “North”" in page
    assert "only offered those that take as long as the first" in page
    assert "have no times for it: “West”" in page
    assert "not published, so they give no times: “West”" in page
    assert "“other”" not in page


def test_nothing_is_said_where_nothing_looks_wrong(administrator):
    north, south = make_agenda(label="North"), make_agenda(label="South")
    for agenda in (north, south):
        make_meeting_type(agenda, slug="passport", duration=30)
    agenda = make_virtual(north, south)
    assert advice_on(agenda) == []
    assert "What looks wrong" not in text(administrator.get(edit_url(agenda)))
    assert advice_on(make_agenda(kind=AgendaKind.EVENTS)) == []


def test_types_that_cannot_be_booked_for_want_of_a_resource_are_pointed_out(administrator):
    agenda, meeting_type, _desks = make_appointments()
    hall = Resource.objects.create(label="Hall", retired=True)
    van = Resource.objects.create(label="Van", maximum_duration=15)
    meeting_type.resources.add(hall, van)
    page = text(administrator.get(edit_url(agenda)))
    assert "“Passport” needs “Hall”, which is retired" in page
    assert "takes longer than “Van” can be had" in page
