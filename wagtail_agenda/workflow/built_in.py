"""The booking workflow that every site has, made where it is missing."""

from django.apps import apps as present_apps
from django.apps.registry import Apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from wagtail_agenda.choices import Audience, Colour, Trigger
from wagtail_agenda.models import Workflow, WorkflowStatus

DEFAULT_WORKFLOW = "default"
"""Slug of the built-in booking workflow."""


def ensure_default_workflow(
    using: str = DEFAULT_DB_ALIAS, apps: Apps = present_apps, **_kwargs
) -> None:
    """Make the built-in booking workflow where it is missing; leave what is there alone.

    Runs on ``post_migrate``, with the models as that migration left them. Its labels are in the
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


def _is_migrated(using: str, apps: Apps) -> bool:
    # The signal also comes when other apps are migrated alone, before our tables are there.
    try:
        models = [apps.get_model(model._meta.label) for model in (Workflow, WorkflowStatus)]
    except LookupError:
        return False
    tables = connections[using].introspection.table_names()
    return {model._meta.db_table for model in models} <= set(tables)


def _fill_default_workflow(workflow: Workflow, apps: Apps) -> None:
    statuses_of = apps.get_model(WorkflowStatus._meta.label).objects
    to_visitor, to_staff = (
        {"type": "send_email", "value": {"to": audience, "with_invitation": True, "texts": []}}
        for audience in (Audience.VISITOR.value, Audience.STAFF.value)
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
    workflow.transitions = [
        {"type": "transition", "value": {"trigger": trigger.value, "status": statuses[slug].pk}}
        for trigger, slug in leads_to.items()
    ]
    workflow.save()
