"""What an installation that has the built-in booking workflow gets when waiting lists arrive."""

from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from wagtail_agenda.choices import Trigger
from wagtail_agenda.models import Workflow, WorkflowStatus
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db

NAME = "0004_waiting_lists_in_the_built_in_workflow"
NEW = ("pending", "waiting", "offered")


def shape(workflow):
    """Everything about a workflow but its keys."""
    statuses = list(workflow.statuses.all())
    slugs = {status.pk: status.slug for status in statuses}
    return (
        [
            (one.slug, one.label, one.colour, one.icon, one.sort_order, plain(one.actions))
            for one in statuses
        ],
        {(rule["trigger"], slugs.get(rule["status"])) for rule in plain(workflow.transitions)},
    )


def plain(stream):
    return [row["value"] for row in stream.raw_data]


@pytest.fixture
def before():
    """The built-in workflow as it was made before there were waiting lists."""
    workflow = Workflow.objects.get(slug="default")
    workflow.transitions = [
        {"type": "transition", "value": rule}
        for rule in plain(workflow.transitions)
        if rule["trigger"] not in NEW
    ]
    workflow.save()
    workflow.statuses.filter(slug__in=NEW).delete()
    for order, status in enumerate(workflow.statuses.all()):
        status.sort_order = order
        status.save()
    return workflow


class Editor:
    """All that the migration asks of one; SQLite's own cannot be had in a test's transaction."""

    connection = connection


def migrate():
    apps = MigrationLoader(connection).project_state().apps
    import_module(f"wagtail_agenda.migrations.{NAME}").teach(apps, Editor())
    return Workflow.objects.filter(slug="default").first()


def test_it_becomes_what_a_new_site_gets(before):
    assert len(shape(before)[0]) == 5
    known = shape(migrate())
    Workflow.objects.all().delete()
    ensure_default_workflow()

    assert known == shape(Workflow.objects.get(slug="default"))


def test_it_is_done_once(before):
    assert shape(migrate()) == shape(migrate())


def test_what_people_have_changed_stays(before):
    before.statuses.filter(slug="confirmed").update(label="All set", actions=[], sort_order=7)
    absent = before.statuses.get(slug="absent")
    before.transitions = [
        *before.transitions.raw_data,
        {"type": "transition", "value": {"trigger": "late", "status": absent.pk}},
    ]
    before.save()

    after = migrate()

    confirmed = after.statuses.get(slug="confirmed")
    assert (confirmed.label, plain(confirmed.actions)) == ("All set", [])
    assert after.statuses.first().slug == "requested"
    assert after.statuses.last() == confirmed
    assert {("late", "absent"), ("waiting", "waiting")} <= shape(after)[1]


@pytest.mark.parametrize("slug", ["requested", "cancelled"])
def test_a_shape_of_ones_own_is_left_alone(before, slug):
    before.statuses.filter(slug=slug).update(slug="own")
    known = shape(before)

    assert shape(migrate()) == known


def test_rules_of_ones_own_are_left_alone(before):
    confirmed = before.statuses.get(slug="confirmed")
    rule = {"trigger": Trigger.WAITING.value, "status": confirmed.pk}
    before.transitions = [*before.transitions.raw_data, {"type": "transition", "value": rule}]
    before.save()

    assert shape(migrate()) == shape(before)


@pytest.mark.parametrize("rows", [[], [{"type": "transition", "value": None}]])
def test_broken_rules_break_no_migration(before, rows):
    Workflow.objects.filter(pk=before.pk).update(transitions=rows)

    assert migrate().statuses.count() == 8


def test_a_site_without_the_built_in_workflow_gets_none():
    WorkflowStatus.objects.all().delete()
    Workflow.objects.all().delete()

    assert migrate() is None
