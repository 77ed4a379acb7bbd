"""A file over what there is: it changes what it says, and leaves what it does not."""

import json

import pytest
from wagtail.models import ModelLogEntry, Revision

from tests.agenda_json.common import (
    everything_set_up,
    exported_data,
    file_with,
    make_everything,
    refusal,
    take_in,
)
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_desk,
    make_meeting_type,
    make_schedule,
    weekly,
)
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.importers import agenda_json
from wagtail_agenda.importers.agenda_json import CHANGED, MADE, UNCHANGED
from wagtail_agenda.models import (
    Agenda,
    AttendanceReason,
    ClosureCalendar,
    Desk,
    MeetingType,
    Resource,
    Schedule,
    Workflow,
)

pytestmark = pytest.mark.django_db


def verdicts(outcomes) -> dict[str, str]:
    return {f"{one.sort} {one.label}": one.verdict for one in outcomes}


def test_an_agenda_is_made_of_as_little_as_its_label():
    outcomes = take_in(file_with(agendas=[{"label": "Town hall"}]))
    agenda = Agenda.objects.get(slug="town-hall")
    assert verdicts(outcomes) == {"agenda Town hall": MADE}
    assert (agenda.live, agenda.kind, agenda.maximal_booking_delay) == (True, "meetings", 60)
    assert verdicts(take_in(file_with(agendas=[{"label": "Town hall"}]))) == {
        "agenda Town hall": UNCHANGED
    }


def test_what_a_file_leaves_out_stays_as_it_is():
    agenda, passport, (desk,) = make_appointments(slug="passports", location="Here")
    other = make_desk(agenda, label="Other")
    outcomes = take_in(
        file_with(
            agendas=[
                {
                    "slug": "passports",
                    "contact": "Ring twice",
                    "desks": [{"slug": desk.slug, "label": "Counter"}, {"label": "New"}],
                }
            ]
        )
    )
    agenda.refresh_from_db()
    assert (agenda.contact, agenda.location) == ("Ring twice", "Here")
    assert set(Desk.objects.values_list("label", flat=True)) == {"Counter", "Other", "New"}
    assert MeetingType.objects.get() == passport
    assert not Desk.objects.get(pk=other.pk).retired
    assert verdicts(outcomes) == {
        f"agenda {agenda}": CHANGED,
        "desk Counter": CHANGED,
        "desk New": MADE,
    }


def test_only_the_file_retires_a_desk_and_its_appointments_stay():
    agenda, _type, (desk,) = make_appointments(slug="passports")
    booked = make_booking(agenda)
    take_in(file_with(agendas=[{"slug": "passports", "desks": []}]))
    desk.refresh_from_db()
    assert not desk.retired
    take_in(
        file_with(agendas=[{"slug": "passports", "desks": [{"slug": desk.slug, "retired": True}]}])
    )
    desk.refresh_from_db()
    booked.refresh_from_db()
    assert (desk.retired, booked.desk, booked.is_cancelled) == (True, desk, False)


def test_a_change_is_saved_as_the_admin_would_and_the_log_names_the_command():
    schedule = make_schedule(label="Hours")
    schedule.save_revision().publish()
    agenda = make_agenda(slug="passports", schedule=schedule)
    agenda.save_revision().publish()
    revisions, entries = Revision.objects.count(), ModelLogEntry.objects.count()
    file = file_with(
        schedules=[{"key": "h", "label": "Hours", "periods": [weekly(weekdays=["5"])]}],
        agendas=[{"slug": "passports", "comment": "Bring a photo"}],
    )
    take_in(file)
    assert Revision.objects.count() == revisions + 2
    for row in (Schedule.objects.get(), Agenda.objects.get()):
        assert row.live
        assert not row.has_unpublished_changes
        assert row.live_revision == row.latest_revision
        actions = [
            entry
            for entry in ModelLogEntry.objects.for_instance(row).order_by("-pk")
            if entry.action in ("wagtail.edit", "wagtail.publish")
        ][:2]
        assert {entry.action for entry in actions} == {"wagtail.edit", "wagtail.publish"}
        edit = next(entry for entry in actions if entry.action == "wagtail.edit")
        assert edit.data["command"] == "agenda_import"
        assert edit.revision == row.latest_revision
    assert ModelLogEntry.objects.count() > entries
    before = everything_set_up()
    take_in(file)
    assert everything_set_up() == before


def test_a_draft_stays_a_draft_and_can_be_published():
    take_in(file_with(agendas=[{"label": "Later", "live": False}]))
    agenda = Agenda.objects.get(slug="later")
    assert not agenda.live
    assert agenda.latest_revision is not None
    take_in(file_with(agendas=[{"slug": "later", "location": "Hall"}]))
    agenda.refresh_from_db()
    assert (agenda.live, agenda.get_latest_revision_as_object().location) == (False, "Hall")
    take_in(file_with(agendas=[{"slug": "later", "live": True}]))
    agenda.refresh_from_db()
    assert (agenda.live, agenda.location) == (True, "Hall")
    assert exported_data(agenda)["agendas"][0]["live"] is True
    take_in(file_with(agendas=[{"slug": "later", "live": False}]))
    agenda.refresh_from_db()
    assert not agenda.live


def test_a_draft_leaves_in_its_latest_version():
    agenda = make_agenda(slug="later", live=False)
    agenda.location = "Hall"
    agenda.save_revision()
    (data,) = exported_data(agenda)["agendas"]
    assert (data["live"], data["location"]) == (False, "Hall")


def test_what_is_only_drafted_of_a_published_agenda_does_not_leave():
    agenda = make_agenda(slug="passports", location="Here")
    agenda.save_revision().publish()
    agenda.location = "There"
    agenda.save_revision()
    agenda = Agenda.objects.get()
    assert exported_data(agenda)["agendas"][0]["location"] == "Here"


def test_an_agenda_that_is_locked_is_left_alone():
    make_agenda(slug="passports", locked=True)
    problems = refusal(file_with(agendas=[{"slug": "passports", "location": "X"}]))
    assert list(problems) == ["agendas[0]"]
    assert "locked" in problems["agendas[0]"]


# Hours and closures, which are known by their labels


def test_hours_are_known_by_their_label_and_named_by_their_key():
    schedule = make_schedule(label="Office hours")
    take_in(
        file_with(
            schedules=[
                {"key": "a", "label": "Office hours", "periods": [weekly(weekdays=["6"])]},
                {"key": "b", "label": "Evenings", "periods": [weekly()]},
            ],
            agendas=[
                {"label": "Hall", "schedule": "b", "desks": [{"label": "One", "schedule": "a"}]}
            ],
        )
    )
    schedule.refresh_from_db()
    assert list(schedule.periods[0].value["weekdays"]) == ["6"]
    agenda = Agenda.objects.get(slug="hall")
    assert (agenda.schedule.label, agenda.desks.get().schedule) == ("Evenings", schedule)


def test_of_several_with_the_same_label_each_stays_itself():
    first, second = (
        make_schedule(label="Hours"),
        make_schedule(weekly(weekdays=["5"]), label="Hours"),
    )
    agenda = make_agenda(slug="hall", schedule=second)
    file = exported_data(agenda)
    assert [one["key"] for one in file["schedules"]] == ["hours"]
    assert verdicts(take_in(file)) == {"schedule Hours": UNCHANGED, f"agenda {agenda}": UNCHANGED}
    file["schedules"].insert(0, {"key": "other", "label": "Hours", "periods": []})
    take_in(file)
    first.refresh_from_db()
    assert list(first.periods) == []
    agenda.refresh_from_db()
    assert agenda.schedule == second


def test_a_key_that_is_not_in_the_file_names_what_the_site_has():
    schedule, calendar = (
        make_schedule(label="Office hours"),
        make_closure_calendar(label="Holidays"),
    )
    workflow = Workflow.objects.get(slug="default")
    agenda = agenda_json.read_agenda(
        {
            "label": "Hall",
            "schedule": "office-hours",
            "closure_calendars": ["holidays"],
            "workflow": "default",
        },
        now=NOW,
    )
    assert (agenda.schedule, agenda.workflow) == (schedule, workflow)
    assert list(agenda.closure_calendars.all()) == [calendar]


# Statuses, types, reasons, members


def test_references_of_a_workflow_are_those_of_the_other_site():
    make_everything()
    file = exported_data()
    rule_ids = [row["id"] for row in Workflow.objects.get(slug="counters").transitions.raw_data]
    counters = next(one for one in file["workflows"] if one["slug"] == "counters")
    timed = next(rule for rule in counters["transitions"] if rule["type"] == "time")
    assert timed["value"]["status"] == "ordered"
    assert timed["value"]["only_from"] == ["confirmed"]
    conditions = {one["type"]: one["value"] for one in timed["value"]["conditions"]}
    assert conditions["agenda"]["agenda"] == "passports"
    assert conditions["meeting_type"]["meeting_type"] == "passports/passport"
    by_hand = next(rule for rule in counters["transitions"] if rule["type"] == "by_hand")
    assert by_hand["value"]["groups"] == ["Archivists"]

    # A rule keeps its id, by which its timers know it.
    timed["value"]["amount"] = 3
    take_in(file)
    workflow = Workflow.objects.get(slug="counters")
    assert [row["id"] for row in workflow.transitions.raw_data] == rule_ids
    assert [rule.value["amount"] for rule in workflow.transitions if rule.block_type == "time"] == [
        3
    ]


def test_no_primary_key_and_nobody_who_has_booked_stands_in_a_file():
    make_everything()
    agenda = Agenda.objects.get(slug="passports")
    Agenda.objects.filter(pk=agenda.pk).update(needs_approval=False, workflow=None)
    make_booking(Agenda.objects.get(pk=agenda.pk), user_name="Ada Martin")
    text = json.dumps(exported_data())
    assert "Ada" not in text
    assert "ada@" not in text
    assert '"id"' not in text
    assert '"pk"' not in text


def test_a_reason_is_what_it_is_about_and_its_label():
    AttendanceReason.objects.create(attendance="late", label="Train", sort_order=5)
    take_in(
        file_with(
            attendance_reasons=[
                {"attendance": "absent", "label": "Train"},
                {"attendance": "late", "label": "Train", "retired": True},
            ]
        )
    )
    rows = AttendanceReason.objects.order_by("pk").values_list(
        "attendance", "retired", "sort_order"
    )
    assert list(rows) == [("late", True, 5), ("absent", False, 0)]


def test_a_virtual_agenda_may_come_before_those_behind_it():
    file = file_with(
        agendas=[
            {"slug": "any", "label": "Any", "kind": "virtual", "members": ["b", "a"]},
            {"slug": "a", "label": "A"},
            {"slug": "b", "label": "B"},
        ]
    )
    take_in(file)
    virtual = Agenda.objects.get(slug="any")
    assert [row.agenda.slug for row in virtual.members.all()] == ["b", "a"]
    data = exported_data(virtual)
    assert [one["slug"] for one in data["agendas"]] == ["a", "any", "b"]


def test_types_name_their_desks_and_resources():
    take_in(
        file_with(
            resources=[{"slug": "van", "label": "Van"}],
            agendas=[
                {
                    "label": "Hall",
                    "resources": ["van"],
                    "desks": [{"label": "One"}, {"label": "Two"}],
                    "meeting_types": [
                        {"label": "Move", "duration": 60, "desks": ["two"], "resources": ["van"]}
                    ],
                }
            ],
        )
    )
    made = MeetingType.objects.get()
    assert [desk.slug for desk in made.desks.all()] == ["two"]
    assert list(made.resources.all()) == [Resource.objects.get(slug="van")]


def test_nothing_of_another_agenda_is_touched():
    agenda = make_agenda(slug="passports")
    make_desk(agenda, label="One", slug="one")
    make_meeting_type(agenda, slug="passport")
    before = everything_set_up()
    take_in(file_with(agendas=[{"slug": "hall", "label": "Hall", "desks": [{"label": "One"}]}]))
    after = everything_set_up()
    assert [row for row in after["Desk"] if row["agenda_id"] == agenda.pk] == before["Desk"]
    assert after["MeetingType"] == before["MeetingType"]


def test_trying_changes_nothing_and_says_what_would_be():
    make_closure_calendar(label="Holidays")
    file = file_with(
        closure_calendars=[{"key": "h", "label": "Holidays", "closures": []}],
        agendas=[{"label": "Hall"}],
    )
    before = everything_set_up()
    outcomes = take_in(file, trying=True)
    assert everything_set_up() == before
    assert verdicts(outcomes) == {
        "closure_calendar Holidays": UNCHANGED,
        "agenda Hall": MADE,
    }
    assert ClosureCalendar.objects.count() == 1


# One agenda, as another system makes it


def test_one_agenda_is_written_and_read_alone():
    make_everything()
    agenda = Agenda.objects.get(slug="passports")
    data = agenda_json.written(agenda)
    assert data["minimal_booking_delay"] == 2
    before = everything_set_up()
    assert agenda_json.read_agenda(data, now=NOW) == agenda
    assert everything_set_up() == before
    copy = agenda_json.read_agenda({**data, "slug": "copy", "label": "Copy"}, now=NOW)
    assert agenda_json.written(copy) == {**data, "slug": "copy", "label": "Copy"}


def test_only_new_ones_are_made_where_that_is_asked():
    make_agenda(slug="hall", label="Hall")
    with pytest.raises(agenda_json.Refused) as refused:
        agenda_json.read_agenda({"slug": "hall", "label": "Hall"}, now=NOW, only_new=True)
    assert list(refused.value.problems) == ["slug"]
    made = agenda_json.read_agenda({"label": "Hall"}, now=NOW, only_new=True)
    assert made.slug == "hall-2"


def test_places_of_one_agenda_begin_at_the_agenda():
    with pytest.raises(agenda_json.Refused) as refused:
        agenda_json.read_agenda(
            {"label": "", "kind": AgendaKind.MEETINGS, "desks": [{"label": "X", "retired": 1}]},
            now=NOW,
        )
    assert set(refused.value.problems) == {"label", "desks[0].retired"}


def test_what_a_file_changes_together_is_judged_together():
    """A resource goes from an agenda and its type, another gets a shorter use with its types."""
    van, room = {"slug": "van", "label": "Van"}, {"slug": "room", "label": "Room"}
    agenda = {
        "slug": "hall",
        "label": "Hall",
        "resources": ["van", "room"],
        "meeting_types": [{"label": "Move", "duration": 60, "resources": ["van", "room"]}],
    }
    take_in(file_with(resources=[van, room], agendas=[agenda]))
    shorter = {"label": "Move", "duration": 30, "resources": ["room"]}
    room = {**room, "maximum_duration": 30}
    problems = refusal(file_with(agendas=[{**agenda, "resources": ["room"]}]))
    assert set(problems) == {"agendas[0].resources"}
    assert set(refusal(file_with(resources=[room]))) == {"resources[0].maximum_duration"}
    take_in(
        file_with(
            resources=[room],
            agendas=[{**agenda, "resources": ["room"], "meeting_types": [shorter]}],
        )
    )
    made = MeetingType.objects.get()
    assert (made.duration, [one.slug for one in made.resources.all()]) == (30, ["room"])
