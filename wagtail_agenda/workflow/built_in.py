"""The workflows that every site has, of bookings and of meetings, made where they are missing."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps as present_apps
from django.apps.registry import Apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from wagtail_agenda.choices import About, Audience, Colour, MailTo, Trigger
from wagtail_agenda.models import Workflow, WorkflowStatus

DEFAULT_WORKFLOW = "default"
"""Slug of the built-in booking workflow."""

DEFAULT_MEETING_WORKFLOW = "default-meetings"
"""Slug of the built-in meeting workflow."""

SLUGS = {About.BOOKINGS: DEFAULT_WORKFLOW, About.MEETINGS: DEFAULT_MEETING_WORKFLOW}
"""Of the workflow that agendas use which have chosen none, by what it is about."""


def ensure_default_workflow(
    using: str = DEFAULT_DB_ALIAS, apps: Apps = present_apps, **_kwargs
) -> None:
    """Make the built-in workflows where they are missing; leave what is there alone.

    Runs on ``post_migrate``, with the models as that migration left them. Their labels are in the
    site's language.
    """
    if using != DEFAULT_DB_ALIAS or not _is_migrated(using, apps):
        return
    workflows = apps.get_model(Workflow._meta.label).objects.using(using)
    with translation.override(settings.LANGUAGE_CODE), transaction.atomic(using=using):
        workflow, created = workflows.get_or_create(
            slug=DEFAULT_WORKFLOW, defaults={"label": _("Built-in booking workflow")}
        )
        if created:
            _fill_default_workflow(workflow, apps)
        if not any(field.name == "about" for field in workflows.model._meta.get_fields()):
            # Migrated no further than to a release without meetings.
            return
        workflow, created = workflows.get_or_create(
            slug=DEFAULT_MEETING_WORKFLOW,
            defaults={"label": _("Built-in meeting workflow"), "about": About.MEETINGS.value},
        )
        if created:
            _fill_meeting_workflow(workflow, apps)


def _is_migrated(using: str, apps: Apps) -> bool:
    # The signal also comes when other apps are migrated alone, before our tables are there.
    try:
        models = [apps.get_model(model._meta.label) for model in (Workflow, WorkflowStatus)]
    except LookupError:
        return False
    tables = connections[using].introspection.table_names()
    return {model._meta.db_table for model in models} <= set(tables)


def _fill_default_workflow(workflow: Workflow, apps: Apps) -> None:
    to_visitor, to_staff = (
        _mail_to(audience) for audience in (Audience.VISITOR.value, Audience.STAFF.value)
    )
    # A calendar entry is sent with what is confirmed alone; elsewhere it is taken back.
    both = [to_visitor, to_staff]
    rows = [
        ("requested", _("Requested"), Colour.GREY, "time", []),
        ("pending", _("Waiting for approval"), Colour.ORANGE, "warning", both),
        ("waiting", _("On the waiting list"), Colour.VIOLET, "time", both),
        ("offered", _("Offered a place"), Colour.VIOLET, "mail", [to_visitor]),
        ("confirmed", _("Confirmed"), Colour.BLUE, "circle-check", both),
        ("cancelled", pgettext("booking", "Cancelled"), Colour.RED, "circle-xmark", both),
        ("present", _("Present"), Colour.GREEN, "check", []),
        ("absent", _("Absent"), Colour.ORANGE, "cross", []),
    ]
    leads_to = {
        Trigger.BOOKED: "confirmed",
        Trigger.PENDING: "pending",
        Trigger.WAITING: "waiting",
        Trigger.OFFERED: "offered",
        Trigger.CANCELLED_BY_VISITOR: "cancelled",
        Trigger.CANCELLED_BY_AGENT: "cancelled",
        Trigger.PRESENT: "present",
        Trigger.ABSENT: "absent",
    }
    _fill(workflow, rows, leads_to, apps)


def _fill_meeting_workflow(workflow: Workflow, apps: Apps) -> None:
    everybody = [_mail_to(MailTo.PARTICIPANTS.value), _mail_to(MailTo.ORGANISER.value)]
    rows = [
        ("called", _("Called"), Colour.BLUE, "circle-check", everybody),
        ("cancelled", pgettext("meeting", "Cancelled"), Colour.RED, "circle-xmark", everybody),
    ]
    # What is changed is called anew: whoever has it as it is gets no mail.
    leads_to = {Trigger.MEETING_PUBLISHED: "called", Trigger.MEETING_CANCELLED: "cancelled"}
    _fill(workflow, rows, leads_to, apps)


def _mail_to(whom: str) -> dict[str, Any]:
    return {"type": "send_email", "value": {"to": whom, "with_invitation": True, "texts": []}}


def _fill(
    workflow: Workflow,
    rows: Sequence[tuple[str, str, str, str, list[Any]]],
    leads_to: Mapping[Trigger, str],
    apps: Apps,
) -> None:
    """Give it statuses, of slug, label, colour, icon and actions, and what leads to which."""
    statuses_of = apps.get_model(WorkflowStatus._meta.label).objects
    statuses = {
        slug: statuses_of.create(
            workflow=workflow,
            slug=slug,
            label=label,
            colour=colour,
            icon=icon,
            sort_order=order,
            actions=actions,
        )
        for order, (slug, label, colour, icon, actions) in enumerate(rows)
    }
    workflow.transitions = [
        {"type": "transition", "value": {"trigger": trigger.value, "status": statuses[slug].pk}}
        for trigger, slug in leads_to.items()
    ]
    workflow.save()
