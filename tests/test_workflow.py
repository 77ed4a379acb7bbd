"""Trigger, status, actions: what leads where, and what a project or an editor makes of it."""

import logging

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_migrate
from wagtail import blocks

from tests.factories import NOW, make_agenda, make_appointments, make_booking
from wagtail_agenda import attendance, outbox, signals, workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda.blocks.actions import ActionsBlock
from wagtail_agenda.choices import TRIGGERS_OF, About, Actor, Attendance, Trigger
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import (
    Agenda,
    Booking,
    Delivery,
    Entry,
    Invitation,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.views.admin.setup.workflows import STATUS_ICONS
from wagtail_agenda.workflow import DEFAULT_MEETING_WORKFLOW, DEFAULT_WORKFLOW, registry

pytestmark = pytest.mark.django_db


def make_workflow(leads_to, slug="own", about=About.BOOKINGS, **actions):
    """A workflow whose statuses are those that `leads_to` names, in that order."""
    made = Workflow.objects.create(label="Own", slug=slug, about=about)
    statuses = {}
    for order, name in enumerate(dict.fromkeys(leads_to.values())):
        statuses[name] = WorkflowStatus.objects.create(
            workflow=made, slug=name, label=name, sort_order=order, actions=actions.get(name, [])
        )
    made.transitions = [
        {"type": "transition", "value": {"trigger": trigger, "status": statuses[name].pk}}
        for trigger, name in leads_to.items()
    ]
    made.save()
    return made


def email(to="visitor", **value):
    return {"type": "send_email", "value": {"to": to, "with_invitation": True, **value}}


# The built-in workflow


def test_it_is_there_after_migrating():
    built_in = Workflow.objects.get(slug="default")

    assert [status.slug for status in built_in.statuses.all()] == [
        "requested",
        "pending",
        "waiting",
        "offered",
        "confirmed",
        "cancelled",
        "present",
        "absent",
    ]


def test_its_statuses_can_be_edited_without_losing_their_icons():
    icons = set(WorkflowStatus.objects.values_list("icon", flat=True))

    assert icons <= set(dict(STATUS_ICONS))


def test_migrating_again_changes_nothing_that_was_edited():
    built_in = Workflow.objects.get(slug="default")
    built_in.statuses.filter(slug="confirmed").update(label="All set")
    built_in.statuses.filter(slug="requested").delete()
    built_in.transitions = []
    built_in.save()

    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)

    assert Workflow.objects.get(about=About.BOOKINGS) == built_in
    assert list(Workflow.objects.get(pk=built_in.pk).transitions.raw_data) == []
    assert built_in.statuses.get(slug="confirmed").label == "All set"
    assert not built_in.statuses.filter(slug="requested").exists()


def test_a_missing_one_is_made_again():
    Workflow.objects.all().delete()

    call_command("migrate", verbosity=0)

    assert make_booking(make_appointments()[0]).status.slug == "confirmed"


def test_other_apps_can_be_migrated_before_our_tables_are_there():
    class NothingMigrated:
        def get_model(self, label):
            raise LookupError(label)

    Workflow.objects.all().delete()

    workflow.ensure_default_workflow(apps=NothingMigrated())

    assert not Workflow.objects.exists()


def test_it_is_made_without_the_models_of_a_later_release():
    """`post_migrate` hands over the models as the migrations left them."""
    Workflow.objects.all().delete()
    migrated = MigrationLoader(connection).project_state().apps

    workflow.ensure_default_workflow(apps=migrated)

    assert WorkflowStatus.objects.filter(workflow__slug="default").count() == 8


def test_it_is_connected_once():
    config = apps.get_app_config("wagtail_agenda")
    config.ready()
    Workflow.objects.all().delete()

    post_migrate.send(sender=config, app_config=config, using="default", verbosity=0)

    slugs = Workflow.objects.order_by("pk").values_list("slug", flat=True)
    assert list(slugs) == [DEFAULT_WORKFLOW, DEFAULT_MEETING_WORKFLOW]


# What leads where


@pytest.mark.parametrize(
    ("act", "status", "what"),
    [
        (lambda b: None, "confirmed", "booked"),
        (
            lambda b: bookings.cancel(b, actor=Actor.VISITOR, now=NOW),
            "cancelled",
            "cancelled_by_visitor",
        ),
        (
            lambda b: bookings.cancel(b, actor=Actor.AGENT, now=NOW),
            "cancelled",
            "cancelled_by_agent",
        ),
        (lambda b: attendance.check_in(b, Attendance.PRESENT, now=NOW), "present", "present"),
        (lambda b: attendance.check_in(b, Attendance.ABSENT, now=NOW), "absent", "absent"),
    ],
)
def test_each_trigger_leads_to_its_status(act, status, what):
    booking = make_booking()

    act(booking)

    booking.refresh_from_db()
    entry = booking.entries.last()
    assert booking.status.slug == status
    assert entry.what == what
    assert entry.data["status"] == booking.status.pk
    assert entry.data["status_label"] == booking.status.label


def test_the_agendas_own_workflow_wins():
    own = make_workflow({"booked": "awaited"})

    booking = make_booking(make_appointments(workflow=own)[0])

    assert booking.status.workflow == own
    assert not Delivery.objects.exists()


def test_a_trigger_that_leads_nowhere_is_noted():
    own = make_workflow({"booked": "awaited"})
    booking = make_booking(make_appointments(workflow=own)[0])

    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW, reason="Ill")

    entry = Entry.objects.get(what="cancelled_by_visitor")
    assert (entry.data["reason"], entry.data["from_status"]) == ("Ill", booking.status_id)
    assert "status" not in entry.data
    assert Booking.objects.get().status.slug == "awaited"


def test_a_site_without_any_workflow_takes_bookings():
    Workflow.objects.all().delete()

    booking = make_booking()
    attendance.check_in(booking, Attendance.PRESENT, now=NOW)
    attendance.check_in(booking, Attendance.UNKNOWN, now=NOW)
    bookings.cancel(booking, actor=Actor.AGENT, now=NOW)

    booking.refresh_from_db()
    assert booking.status is None
    assert booking.entries.count() == 4


def test_the_status_of_another_workflow_is_nowhere():
    own = make_workflow({"booked": "awaited"})
    other = make_workflow({"booked": "elsewhere"}, slug="other")
    own.transitions = [
        {
            "type": "transition",
            "value": {"trigger": "booked", "status": other.statuses.get().pk},
        }
    ]
    own.save()

    booking = make_booking(make_appointments(workflow=own)[0])

    assert booking.status.slug == "awaited"
    assert "status" not in booking.entries.get().data


BROKEN = [
    [],
    [{"type": "transition"}],
    [{"type": "transition", "value": None}],
    [{"type": "transition", "value": []}],
    [{"type": "transition", "value": {"trigger": ["booked"], "status": {}}}],
    [{"type": "transition", "value": {"trigger": "booked", "status": None}}],
    [{"type": "transition", "value": {"trigger": "booked", "status": 10**9}}],
    [{"type": "removed", "value": {"trigger": "booked", "status": 1}}],
]


@pytest.mark.parametrize("rows", BROKEN)
def test_broken_rules_cost_no_booking(rows):
    own = make_workflow({"booked": "awaited"})
    agenda = make_appointments(workflow=own)[0]
    Workflow.objects.filter(pk=own.pk).update(transitions=rows)

    booking = make_booking(Agenda.objects.get(pk=agenda.pk))

    assert booking.entries.get().what == "booked"


@pytest.mark.parametrize(
    "row",
    [
        {"type": "send_email"},
        {"type": "send_email", "value": None},
        {"type": "send_email", "value": "x"},
        {"type": "send_email", "value": {"to": "nobody"}},
        {"type": "send_email", "value": {"to": ["visitor"]}},
        {"type": "fly_to_the_moon", "value": {}},
    ],
)
def test_broken_actions_do_nothing(row):
    own = make_workflow({"booked": "awaited"})
    own.statuses.update(actions=[row, email()])

    booking = make_booking(make_appointments(workflow=own)[0])

    assert booking.deliveries.count() == 1


def test_an_action_without_a_function_is_skipped_and_logged(monkeypatch, caplog):
    monkeypatch.setattr(registry, "_actions", {})

    booking = make_booking()

    assert not booking.deliveries.exists()
    assert "send_email" in caplog.text


@pytest.mark.parametrize("texts", [None, "x", 3, [None], ["x"], [{"value": None}], [{}]])
def test_broken_texts_become_the_built_in_ones(texts):
    own = make_workflow({"booked": "awaited"}, awaited=[email(texts=texts)])

    booking = make_booking(make_appointments(workflow=own)[0])

    assert letter_of(booking.deliveries.get(), NOW).subject.startswith("Confirmed:")


def road(**leads_to):
    """A road whose statuses are named after the numbers that the rules lead to; 1 is the first."""
    statuses = {number: WorkflowStatus(pk=number) for number in (1, *leads_to.values())}
    return workflow.Road(statuses=statuses, transitions=leads_to)


@pytest.mark.parametrize(
    ("trigger", "others"),
    [
        ("late", ["present"]),
        ("promoted", ["booked"]),
        ("approved", ["booked"]),
        ("moved", ["booked"]),
        ("changed", ["booked"]),
        ("declined", ["cancelled_by_visitor"]),
        ("refused", ["cancelled_by_agent"]),
        ("lapsed", ["refused", "cancelled_by_agent"]),
        ("event_cancelled", ["cancelled_by_agent"]),
        ("suspended", ["waiting"]),
    ],
)
def test_without_a_rule_of_its_own_a_trigger_does_what_another_does(trigger, others):
    trigger = Trigger(trigger)

    for number, other in enumerate(others, 2):
        farther = dict.fromkeys(others[others.index(other) + 1 :], number + 1)
        assert road(**{other: number}, **farther).after(trigger).pk == number
        assert road(**{other: number, trigger.value: 9}).after(trigger).pk == 9
    assert road().after(trigger) is None


@pytest.mark.parametrize(
    "trigger",
    [
        Trigger.BOOKED,
        Trigger.PENDING,
        Trigger.WAITING,
        Trigger.OFFERED,
        Trigger.PRESENT,
        Trigger.ABSENT,
        Trigger.CANCELLED_BY_VISITOR,
        Trigger.CANCELLED_BY_AGENT,
    ],
)
def test_what_nothing_else_can_stand_for_leads_nowhere_without_a_rule(trigger):
    others = {other.value: 2 for other in Trigger if other != trigger}

    assert road(**others).after(trigger) is None


@pytest.mark.parametrize("trigger", [Trigger.MOVED, Trigger.CHANGED])
def test_who_waits_is_not_confirmed_by_a_change(trigger):
    way = road(booked=2, pending=3, waiting=4, offered=5)

    assert way.after(trigger).pk == 2
    assert [
        way.after(trigger, admission).pk for admission in ("pending", "waiting", "offered")
    ] == [
        3,
        4,
        5,
    ]
    assert way.after(trigger, "cancelled") is None
    assert road(booked=2).after(trigger, "waiting") is None
    assert road(booked=2, changed=6, moved=6).after(trigger, "waiting").pk == 6


def test_a_booking_is_written_where_its_trigger_leads_or_else_at_the_first():
    assert road(pending=2).at_entry(Trigger.PENDING).pk == 2
    assert road(booked=2).at_entry(Trigger.WAITING).pk == 1
    assert workflow.Road().at_entry(Trigger.BOOKED) is None


def test_a_booking_that_is_there_already_stays_and_its_actions_run_again():
    own = make_workflow({"requested": "first", "booked": "awaited"}, awaited=[email()])
    booking = make_booking(make_appointments(workflow=own)[0])

    way = workflow.road_of(booking.agenda)
    entry = workflow.advance(booking, Trigger.MOVED, road=way, actor=Actor.AGENT, now=NOW)

    booking.refresh_from_db()
    assert booking.status.slug == "awaited"
    assert entry.data["from_status"] == entry.data["status"] == booking.status_id
    assert booking.deliveries.count() == 2


def test_bookings_of_one_agenda_each_go_where_their_admission_leads():
    own = make_workflow({"booked": "in", "waiting": "out"})
    agenda = make_appointments(desks=2, workflow=own)[0]
    confirmed, waiting = make_booking(agenda), make_booking(agenda)
    Booking.objects.update(status=None)
    waiting.admission = "waiting"
    confirmed.status = waiting.status = None

    workflow.advance_all(
        [(confirmed, {}), (waiting, {})],
        Trigger.CHANGED,
        road=workflow.road_of(agenda),
        actor=Actor.AGENT,
        now=NOW,
    )

    slugs = Booking.objects.order_by("pk").values_list("status__slug", flat=True)
    assert list(slugs) == ["in", "out"]


# Actions


def test_a_project_can_register_an_action_with_its_block(monkeypatch):
    monkeypatch.setattr(registry, "_actions", dict(registry._actions))
    monkeypatch.setattr(registry, "_action_blocks", dict(registry._action_blocks))
    seen = []

    class BellBlock(blocks.StructBlock):
        loud = blocks.BooleanBlock(required=False)

    @workflow.register_action("ring_a_bell", block=BellBlock())
    def ring(occasion, value):
        seen.append((occasion.booking, occasion.status.slug, occasion.entry.what, value))

    field = WorkflowStatus._meta.get_field("actions")
    monkeypatch.setitem(field.__dict__, "stream_block", ActionsBlock())
    own = make_workflow(
        {"booked": "awaited"}, awaited=[{"type": "ring_a_bell", "value": {"loud": True}}]
    )
    booking = make_booking(make_appointments(workflow=own)[0])

    assert seen == [(booking, "awaited", "booked", {"loud": True})]


def test_the_texts_of_an_editor_go_out_per_language():
    texts = [
        {"language": "fr", "subject": "À bientôt", "text": "Bonjour {user_name}", "html": ""},
        {"language": "en", "subject": "See you", "text": "Hello {user_name}", "html": ""},
    ]
    own = make_workflow({"booked": "awaited"}, awaited=[email(texts=texts)])
    agenda = make_appointments(desks=3, workflow=own)[0]

    subjects = [
        letter_of(make_booking(agenda, language=language).deliveries.get(), NOW).subject
        for language in ("fr", "en", "de")
    ]

    assert subjects[:2] == ["À bientôt", "See you"]
    assert subjects[2].startswith("Bestätigt:")


def test_a_text_keeps_the_words_it_had_when_the_booking_was_made():
    own = make_workflow({"booked": "a"}, a=[email(texts=[{"text": "Old", "language": ""}])])
    booking = make_booking(make_appointments(workflow=own)[0])

    own.statuses.update(actions=[email(texts=[{"text": "New", "language": ""}])])

    assert letter_of(booking.deliveries.get(), NOW).text == "Old\n"


def test_staff_are_mailed_once_each():
    addresses = "a@fairbridge.example\n\n A@Fairbridge.example \nb@fairbridge.example"
    booking = make_booking(make_appointments(staff_addresses=addresses)[0])

    assert booking.deliveries.filter(audience="staff").count() == 2


def test_an_address_too_long_for_any_server_costs_no_booking(caplog):
    long_address = "x@" + "y" * 300 + ".example"
    agenda = make_appointments(staff_addresses=f"{long_address}\nb@fairbridge.example")[0]

    booking = make_booking(agenda)

    assert booking.deliveries.filter(audience="staff").get().recipient == "b@fairbridge.example"
    assert "too long" in caplog.text


def test_what_an_action_raises_undoes_the_booking(monkeypatch):
    def explode(occasion, value):
        raise RuntimeError("no")

    monkeypatch.setitem(registry._actions, "send_email", explode)
    agenda = make_appointments()[0]

    with pytest.raises(RuntimeError):
        make_booking(agenda)

    assert not Booking.objects.exists()
    assert not Entry.objects.exists()


def test_receivers_hear_of_it_after_the_commit_and_cannot_break_it(
    django_capture_on_commit_callbacks, caplog
):
    heard = []

    def listen(booking, entry, **kwargs):
        heard.append((booking, entry.what))
        raise RuntimeError("a receiver of the project fails")

    signals.booking_advanced.connect(listen)
    try:
        with (
            caplog.at_level(logging.ERROR),
            django_capture_on_commit_callbacks(execute=True),
        ):
            booking = make_booking()
            assert heard == []
    finally:
        signals.booking_advanced.disconnect(listen)

    assert heard == [(booking, "booked")]


# Check-in and its undoing


def test_undoing_a_check_in_goes_back_and_mails_nobody():
    booking = make_booking()
    mails = Delivery.objects.count()

    attendance.check_in(booking, Attendance.ABSENT, now=NOW)
    attendance.check_in(booking, Attendance.PRESENT, now=NOW)
    undone = attendance.check_in(booking, Attendance.UNKNOWN, now=NOW)

    assert undone.status.slug == "confirmed"
    assert Delivery.objects.count() == mails
    assert [entry.what for entry in booking.entries.all()] == [
        "booked",
        "absent",
        "present",
        "check_in_undone",
    ]


def test_each_undoing_goes_back_to_where_its_check_in_began():
    booking = make_booking()

    for came in (Attendance.PRESENT, Attendance.UNKNOWN, Attendance.ABSENT):
        attendance.check_in(booking, came, now=NOW)
    undone = attendance.check_in(booking, Attendance.UNKNOWN, now=NOW)

    assert undone.status.slug == "confirmed"


def test_undoing_returns_to_no_status_if_there_was_none():
    own = make_workflow({"present": "here"})
    booking = make_booking(make_appointments(workflow=own)[0])
    Booking.objects.update(status=None)

    attendance.check_in(booking, Attendance.PRESENT, now=NOW)
    assert Booking.objects.get().status.slug == "here"
    attendance.check_in(booking, Attendance.UNKNOWN, now=NOW)

    assert Booking.objects.get().status is None


# Sequence numbers


@pytest.fixture
def again():
    """A workflow that sends the invitation when booked and again at check-in."""
    own = make_workflow(
        {"booked": "a", "present": "b", "absent": "c", "cancelled_by_agent": "d"},
        a=[email()],
        b=[email()],
        c=[email()],
        d=[email()],
    )
    return make_booking(make_appointments(workflow=own)[0])


def invitation():
    return Invitation.objects.values("uid", "sequence", "stamp", "method").get()


def test_a_repeat_of_the_same_content_keeps_sequence_and_stamp(again):
    first = invitation()

    attendance.check_in(again, Attendance.PRESENT, now=NOW.replace(hour=9))

    assert invitation() == first
    assert first["sequence"] == 0
    assert Delivery.objects.count() == 2


def test_changed_content_raises_the_sequence(again):
    first = invitation()
    Agenda.objects.update(location="Elsewhere")

    later = NOW.replace(hour=9)
    attendance.check_in(again, Attendance.PRESENT, now=later)

    assert invitation() == {**first, "sequence": 1, "stamp": later}
    earlier, newer = Delivery.objects.order_by("pk")
    assert (earlier.sequence, newer.sequence) == (0, 1)
    assert outbox.deliver(earlier.pk, now=later) == "superseded"


def test_a_cancellation_raises_it_once(again):
    bookings.cancel(again, actor=Actor.AGENT, now=NOW)

    assert invitation()["method"] == "CANCEL"
    assert invitation()["sequence"] == 1
    assert Delivery.objects.last().method == "CANCEL"


def test_who_was_never_invited_gets_no_cancellation_of_an_entry():
    own = make_workflow({"booked": "a", "cancelled_by_agent": "b"}, b=[email()])
    booking = make_booking(make_appointments(workflow=own)[0])

    bookings.cancel(booking, actor=Actor.AGENT, now=NOW)

    delivery = booking.deliveries.get()
    assert (delivery.method, delivery.invitation) == ("", None)
    assert letter_of(delivery, NOW).calendar is None


def test_every_trigger_is_known_to_the_built_in_workflow():
    for about, triggers in TRIGGERS_OF.items():
        road = workflow.road_of(make_agenda(), about)
        # What leads nowhere by itself: it is noted, and that is all.
        noted = {Trigger.CHECKED, Trigger.ANSWERED}

        assert all(road.after(trigger) for trigger in set(triggers) - noted)
