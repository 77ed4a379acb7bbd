"""The booking workflow of the passport counters: the built-in one, and a button more."""

from wagtail_agenda.choices import Colour
from wagtail_agenda.models import Workflow, WorkflowStatus
from wagtail_agenda.workflow import DEFAULT_WORKFLOW


def passport_counters() -> Workflow:
    """As built in; from « Confirmed », a button has the archive send the old file."""
    made, created = Workflow.objects.get_or_create(
        slug="passport-counters", defaults={"label": "Passport counters"}
    )
    if not created:
        return made
    built_in = Workflow.objects.get(slug=DEFAULT_WORKFLOW)
    keys = {}
    for status in built_in.statuses.all():
        before = status.pk
        status.pk, status._state.adding, status.workflow = None, True, made
        status.save()
        keys[before] = status.pk
    ordered = WorkflowStatus.objects.create(
        workflow=made,
        slug="old-file-ordered",
        label="Old file ordered",
        colour=Colour.BLUE,
        icon="redirect",
        sort_order=len(keys),
        actions=[
            {"type": "archive_slip", "value": {"identifier": "slip"}},
            {
                "type": "send_email",
                "value": {
                    "to": "addresses",
                    "addresses": "archive@fairbridge.example",
                    "with_invitation": False,
                    "files": ["slip"],
                    "documents": [],
                    "texts": [
                        {
                            "subject": "Old file for {date}, {time}",
                            "text": "Please bring the file on the attached slip to {desk}.",
                        }
                    ],
                },
            },
        ],
    )
    rules = [
        {"type": row["type"], "value": {**row["value"], "status": keys[row["value"]["status"]]}}
        for row in built_in.transitions.raw_data
    ]
    confirmed = made.statuses.get(slug="confirmed")
    button = {
        "label": "Order the old file",
        "identifier": "old-file",
        "status": ordered.pk,
        "only_from": [confirmed.pk],
        "groups": [],
        "conditions": [],
    }
    made.transitions = [*rules, {"type": "by_hand", "value": button}]
    made.save()
    return made
