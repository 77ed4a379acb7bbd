"""The set-up screens of booking workflows: every kind of rule, and what is refused in words."""

import html
import re

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from wagtail.test.utils.form_data import nested_form_data, streamfield

from tests.factories import make_agenda, make_meeting_type
from wagtail_agenda.models import Workflow, WorkflowStatus
from wagtail_agenda.workflow import road_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser(username="ada"))
    return client


@pytest.fixture
def made():
    return Workflow.objects.create(label="Own", slug="own")


def make_status(workflow, name, actions=()):
    return WorkflowStatus.objects.create(
        workflow=workflow, slug=name, label=name.title(), actions=list(actions)
    )


def listed(*values):
    """The items of a list inside a block, as its form sends them."""
    data = {"count": str(len(values))}
    for place, value in enumerate(values):
        data |= {
            f"{place}": {"deleted": "", "order": str(place), "id": "", "type": "item"},
        }
        data[f"{place}"]["value"] = value
    return data


def save(client, workflow, *rows):
    rows = [
        (
            kind,
            {
                **value,
                "only_from": listed(*value.get("only_from", ())),
                "conditions": streamfield(value.get("conditions", [])),
            },
        )
        for kind, value in rows
    ]
    data = nested_form_data(
        {"label": workflow.label, "slug": workflow.slug, "transitions": streamfield(rows)}
    )
    address = reverse("wagtailsnippets_wagtail_agenda_workflow:edit", args=[workflow.pk])
    answer = client.post(address, data)
    workflow.refresh_from_db()
    return answer


def words(answer):
    """What the page says; errors inside blocks are JSON in an attribute."""
    said = html.unescape(answer.content.decode())
    return re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), said)


def test_every_kind_of_rule_is_saved_and_read(administrator, made):
    status, other = make_status(made, "new"), make_status(made, "old")
    group = Group.objects.create(name="Office")
    agenda = make_agenda(workflow=made)
    meeting_type = make_meeting_type(agenda)
    text = {"comparison": "is", "text": "x"}
    conditions = [
        ("agenda", {"comparison": "is", "agenda": agenda.pk}),
        ("meeting_type", {"comparison": "is_not", "meeting_type": str(meeting_type.pk)}),
        ("event", {"comparison": "contains", "text": "Yoga"}),
        ("answer", {"question": "subject", **text}),
        ("waiting_list", {"comparison": "is", "admission": "waiting"}),
        ("places", {"comparison": "at_least", "number": "2"}),
        ("hours_until_start", {"comparison": "at_most", "number": "48"}),
        ("language", {"comparison": "is", "language": "fr"}),
        ("kept_answer", {"identifier": "till", "field": "sum", **text}),
    ]

    answer = save(
        administrator,
        made,
        ("transition", {"trigger": "booked", "status": status.pk, "conditions": conditions}),
        ("transition", {"trigger": "booked", "status": status.pk}),
        ("time", {"amount": "2", "unit": "days", "moment": "before_start", "status": other.pk}),
        (
            "by_hand",
            {"label": "Go", "identifier": "go", "groups": (str(group.pk),), "status": other.pk},
        ),
        ("called", {"identifier": "paid", "status": other.pk, "only_from": [status.pk]}),
        ("action_failed", {"error": "sold out", "status": other.pk}),
    )

    assert answer.status_code == 302, words(answer)
    rules = road_of(agenda).rules
    assert [rule.cause for rule in rules] == [
        "booked",
        "booked",
        "time",
        "by_hand",
        "called",
        "action_failed",
    ]
    assert [condition.about for condition in rules[0].conditions] == [
        about for about, _value in conditions
    ]
    assert (rules[2].amount, rules[2].unit, rules[2].moment) == (2, "days", "before_start")
    assert (rules[3].identifier, rules[3].groups) == ("go", {group.pk})
    assert rules[4].only_from == {status.pk}
    assert rules[5].error == "sold out"
    # The page shows them again.
    address = reverse("wagtailsnippets_wagtail_agenda_workflow:edit", args=[made.pk])
    assert administrator.get(address).status_code == 200


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({}, "There is a rule for this already"),
        ({"conditions": [("places", {"comparison": "is", "number": "1"})]}, "never reached"),
    ],
)
def test_a_rule_that_another_leaves_nothing_to_is_refused(administrator, made, second, said):
    status = make_status(made, "new")
    rule = {"trigger": "booked", "status": status.pk}

    answer = save(administrator, made, ("transition", rule), ("transition", {**rule, **second}))

    assert said in words(answer)
    assert not made.transitions


def test_only_from_a_status_of_its_own(administrator, made):
    status = make_status(made, "new")
    foreign = WorkflowStatus.objects.filter(workflow__slug="default").first()

    answer = save(
        administrator,
        made,
        ("transition", {"trigger": "moved", "status": status.pk, "only_from": [foreign.pk]}),
    )

    assert "belongs to the booking workflow" in words(answer)
    assert not made.transitions


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("time", {"amount": "0", "unit": "hours", "moment": "in_status"}, "At least one minute"),
        ("time", {"amount": "9999", "unit": "days", "moment": "after_end"}, "Five years at most"),
        ("time", {"amount": "-1", "unit": "days", "moment": "after_end"}, "greater than or equal"),
        ("time", {"amount": "9" * 50, "unit": "days", "moment": "after_end"}, "less than or equal"),
        ("time", {"amount": "1", "unit": "years", "moment": "after_end"}, "valid choice"),
        ("by_hand", {"label": "Go", "identifier": "gö hin"}, "valid “slug”"),
        ("by_hand", {"label": "★", "identifier": ""}, "Write an identifier"),
        ("called", {"identifier": ""}, "required"),
        (
            "transition",
            {
                "trigger": "moved",
                "conditions": [("answer", {"question": "x", "comparison": "is", "text": " "})],
            },
            "Say what to compare with",
        ),
        (
            "transition",
            {
                "trigger": "moved",
                "conditions": [("agenda", {"comparison": "is", "agenda": "x" * 40})],
            },
            "required",
        ),
    ],
)
def test_what_no_rule_can_say_is_refused_in_words(administrator, made, kind, value, said):
    status = make_status(made, "new")

    answer = save(administrator, made, (kind, {**value, "status": status.pk}))

    assert answer.status_code == 200
    assert said in words(answer)
    assert not made.transitions


@pytest.mark.parametrize(("label", "made_of_it"), [("Papers OK!", "papers-ok"), ("Да", "da")])
def test_a_button_needs_no_identifier(administrator, made, label, made_of_it):
    status = make_status(made, "new")
    button = {"label": label, "identifier": "", "status": status.pk}
    assert save(administrator, made, ("by_hand", button)).status_code == 302
    made.refresh_from_db()
    assert made.transitions[0].value["identifier"] == made_of_it


# Circles


def change_to(status):
    return {"type": "change_status", "value": {"status": status.pk}}


def test_a_circle_is_refused_when_the_workflow_is_saved_and_named(administrator, made):
    call = {"type": "call", "value": {"url": "https://till.example/", "method": "GET"}}
    start, problem = make_status(made, "start", [call]), make_status(made, "problem")
    problem.actions = [change_to(start)]
    problem.save()
    rule = ("action_failed", {"error": "", "status": problem.pk})

    answer = save(administrator, made, rule)

    assert "Bookings would go round without anything happening from outside" in words(answer)
    assert "“Problem” (Call a web service, if it fails)" in words(answer)
    assert "“Start” (Change status)" in words(answer)
    assert not made.transitions


def test_a_rule_for_failures_leads_only_from_where_it_is_meant_for(administrator, made):
    call = {"type": "call", "value": {"url": "https://till.example/", "method": "GET"}}
    start, problem = make_status(made, "start", [call]), make_status(made, "problem", [call])
    rule = {"error": "", "status": problem.pk}

    assert "go round" in words(save(administrator, made, ("action_failed", rule)))
    kept = save(administrator, made, ("action_failed", {**rule, "only_from": [start.pk]}))

    assert kept.status_code == 302


def test_a_circle_is_refused_when_a_status_is_saved(administrator, made):
    first, second = make_status(made, "first"), make_status(made, "second")
    second.actions = [change_to(first)]
    second.save()
    address = reverse("wagtailsnippets_wagtail_agenda_workflowstatus:edit", args=[first.pk])
    data = nested_form_data(
        {
            "label": "First",
            "slug": "first",
            "colour": "grey",
            "icon": "check",
            "actions": streamfield([("change_status", {"status": second.pk})]),
        }
    )

    answer = administrator.post(address, data)

    assert "“First” → “Second” (Change status) → “First” (Change status)" in words(answer)
    first.refresh_from_db()
    assert not first.actions


def test_a_status_is_made_final(administrator, made):
    status = make_status(made, "done")
    address = reverse("wagtailsnippets_wagtail_agenda_workflowstatus:edit", args=[status.pk])
    data = {"label": "Done", "slug": "done", "colour": "grey", "icon": "check", "final": "on"}

    answer = administrator.post(address, nested_form_data({**data, "actions": streamfield([])}))

    assert answer.status_code == 302
    status.refresh_from_db()
    assert status.final


def test_a_status_that_a_rule_leads_from_stays(administrator, made):
    source, status = make_status(made, "source"), make_status(made, "new")
    rule = {"trigger": "moved", "status": status.pk, "only_from": [source.pk]}
    assert save(administrator, made, ("transition", rule)).status_code == 302
    address = reverse("wagtailsnippets_wagtail_agenda_workflowstatus:delete", args=[source.pk])

    said = words(administrator.post(address, follow=True))

    assert "leads only from the status “Source”" in said
    assert WorkflowStatus.objects.filter(pk=source.pk).exists()


# From a workflow to its statuses, and back


WORKFLOW, STATUS = (
    f"wagtailsnippets_wagtail_agenda_{name}" for name in ("workflow", "workflowstatus")
)


def add_status(administrator, made, **fields):
    data = {"workflow": made.pk, "label": "Papers missing", "slug": "", **fields}
    data |= {"colour": "orange", "icon": "warning", "actions": streamfield([])}
    return administrator.post(reverse(f"{STATUS}:add"), nested_form_data(data))


def test_a_slug_that_is_left_empty_is_made_from_the_label(administrator):
    data = {"label": "Papers first", "slug": "", "transitions": streamfield([])}
    for _time in range(2):
        administrator.post(reverse(f"{WORKFLOW}:add"), nested_form_data(data))
    slugs = set(Workflow.objects.filter(label="Papers first").values_list("slug", flat=True))
    assert slugs == {"papers-first", "papers-first-2"}


def test_a_new_workflow_goes_on_to_its_own_page_and_a_new_status_comes_back_to_it(administrator):
    data = {"label": "Papers first", "slug": "", "transitions": streamfield([])}
    answer = administrator.post(reverse(f"{WORKFLOW}:add"), nested_form_data(data), follow=True)
    made = Workflow.objects.get(label="Papers first")
    own = reverse(f"{WORKFLOW}:edit", args=[made.pk])
    add = f"{reverse(f'{STATUS}:add')}?workflow={made.pk}"
    assert answer.redirect_chain == [(own, 302)]
    assert f'href="{add}"' in answer.content.decode()

    form = administrator.get(add).context["form"]
    assert form["workflow"].value() == made.pk
    answer = add_status(administrator, made)
    assert answer["Location"] == own
    status = made.statuses.get()
    assert status.slug == "papers-missing"
    page = administrator.get(own).content.decode()
    assert f'href="{reverse(f"{STATUS}:edit", args=[status.pk])}"' in page
    assert own in administrator.get(reverse(f"{STATUS}:edit", args=[status.pk])).content.decode()


@pytest.mark.parametrize("asked", ["", "x", "²", "-1", "9" * 40])
def test_a_workflow_that_cannot_be_is_not_chosen(administrator, made, asked):
    answer = administrator.get(f"{reverse(f'{STATUS}:add')}?workflow={asked}")
    assert answer.status_code == 200
    assert f'value="{made.pk}" selected' not in answer.content.decode()


def test_a_workflow_says_which_agendas_use_it(administrator, made):
    own = reverse(f"{WORKFLOW}:edit", args=[made.pk])
    assert "No agenda uses it yet." in administrator.get(own).content.decode()
    make_agenda(label="Passports", workflow=made)
    page = administrator.get(own).content.decode()
    assert "Passports" in page
    assert "No agenda uses it yet." not in page


def test_statuses_that_are_called_alike_are_told_apart_where_one_is_chosen(administrator, made):
    make_status(made, "confirmed")
    chooser = "wagtailsnippetchoosers_wagtail_agenda_workflowstatus"
    for name in ("choose", "choose_results"):
        address = reverse(f"{chooser}:{name}")
        shown = administrator.get(address, {"q": "confirmed"}).content.decode()
        assert "Own" in shown
        assert "Built-in booking workflow" in shown
