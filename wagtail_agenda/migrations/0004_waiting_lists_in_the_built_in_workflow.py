"""The built-in booking workflow of sites that have it already learns what it was not made for."""

from django.conf import settings
from django.db import migrations
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext as _

KNOWN = {"requested", "confirmed", "cancelled", "present", "absent"}


def mail(audience):
    return {"type": "send_email", "value": {"to": audience, "with_invitation": True, "texts": []}}


def new_statuses():
    """Slug, which is the trigger as well, label, colour, icon and actions."""
    return [
        ("pending", _("Waiting for approval"), "orange", "warning", ["visitor", "staff"]),
        ("waiting", _("On the waiting list"), "violet", "time", ["visitor", "staff"]),
        ("offered", _("Offered a place"), "violet", "mail", ["visitor"]),
    ]


def teach(apps, schema_editor):
    """Add the statuses and rules, unless somebody has given the workflow a shape of their own."""
    using = schema_editor.connection.alias
    workflows = apps.get_model("wagtail_agenda", "Workflow").objects.using(using)
    statuses = apps.get_model("wagtail_agenda", "WorkflowStatus").objects.using(using)
    workflow = workflows.filter(slug="default").first()
    if workflow is None:
        return
    present = statuses.filter(workflow=workflow)
    rules = [row for row in workflow.transitions.raw_data if isinstance(row, dict)]
    values = [row.get("value") for row in rules]
    ruled = {str(value.get("trigger")) for value in values if isinstance(value, dict)}
    with translation.override(settings.LANGUAGE_CODE):
        new = new_statuses()
    if set(present.values_list("slug", flat=True)) != KNOWN or ruled & {row[0] for row in new}:
        return
    first = present.get(slug="requested").sort_order
    present.filter(sort_order__gt=first).update(sort_order=F("sort_order") + len(new))
    for order, (slug, label, colour, icon, audiences) in enumerate(new, first + 1):
        status = statuses.create(
            workflow=workflow,
            slug=slug,
            label=label,
            colour=colour,
            icon=icon,
            sort_order=order,
            actions=[mail(audience) for audience in audiences],
        )
        rules.append({"type": "transition", "value": {"trigger": slug, "status": status.pk}})
    workflow.transitions = rules
    workflow.save(using=using, update_fields=["transitions"])


class Migration(migrations.Migration):
    dependencies = [("wagtail_agenda", "0003_places_and_waiting_lists")]

    operations = [migrations.RunPython(teach, migrations.RunPython.noop)]
