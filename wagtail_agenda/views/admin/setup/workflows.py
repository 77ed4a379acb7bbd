"""The forms of booking workflows and of their statuses, and the way from one to the other."""

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import Panel
from wagtail.admin.ui.tables import Column
from wagtail.blocks import BlockField, StreamBlock
from wagtail.blocks.list_block import ListBlockValidationError
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.snippets.views.chooser import ChooseResultsView, ChooseView
from wagtail.snippets.views.snippets import CreateView, EditView

from wagtail_agenda import permissions
from wagtail_agenda.blocks.actions import ActionsBlock
from wagtail_agenda.blocks.transitions import TransitionsBlock
from wagtail_agenda.choices import About
from wagtail_agenda.models import Agenda, Workflow, WorkflowStatus, unique_slug
from wagtail_agenda.setup_rules.workflows import (
    foreign_status,
    foreign_statuses,
    in_circles,
    unknown_names,
)
from wagtail_agenda.views.admin.presentation import Badge, status_badge
from wagtail_agenda.views.admin.scope import ScopedChooserViewSet
from wagtail_agenda.workflow import SLUGS, loops
from wagtail_agenda.workflow.rules import rules_of

FALLBACK_SLUG = "workflow"


def _offering(form: WagtailAdminModelForm, name: str, block: StreamBlock) -> None:
    """Let a field offer the blocks of that one, which are some of its own."""
    field = form.fields[name]
    block.set_meta_options({"required": field.required})
    form.fields[name] = BlockField(
        block=block, required=field.required, label=field.label, help_text=field.help_text
    )


class SlugMayBeEmpty(WagtailAdminModelForm):
    """Makes the slug from the label where an editor has left it empty."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False

    def made_slug(self, siblings: QuerySet) -> str:
        """A free one among `siblings`; the label must have been cleaned before."""
        labelled = type(self.instance)(pk=self.instance.pk, label=self.cleaned_data.get("label"))
        return unique_slug(labelled, siblings, FALLBACK_SLUG)


class WorkflowForm(SlugMayBeEmpty):
    """A workflow stays about what it was made for; that says what can happen and be asked."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # A form of before there were meetings does not say.
        self.fields["about"].required = False
        self.fields["about"].help_text = _(
            "Says what can happen and who can be written to: it cannot change any more once the "
            "workflow is saved."
        )
        if self.instance.pk:
            self.fields["about"].disabled = True
            self.fields["about"].help_text = (
                _("Stays as it is. For bookings, make another workflow.")
                if self.instance.about == About.MEETINGS
                else _("Stays as it is. For meetings, make another workflow.")
            )
            _offering(self, "transitions", TransitionsBlock(about=self.instance.about))

    def clean_about(self) -> str:
        return self.cleaned_data.get("about") or About.BOOKINGS.value

    def clean_slug(self) -> str:
        slug = self.cleaned_data.get("slug") or self.made_slug(Workflow.objects.all())
        before = self.initial.get("slug")
        if self.instance.pk and before in SLUGS.values() and slug != before:
            raise ValidationError(
                _("A built-in workflow keeps its slug, “%(slug)s”."),
                code="built_in",
                params={"slug": before},
            )
        return slug

    def clean(self):
        cleaned = super().clean()
        errors = {}
        for index, child in enumerate(cleaned.get("transitions") or ()):
            wrong = {}
            if foreign := self._foreign(child.value.get("status")):
                wrong["status"] = foreign
            sources = enumerate(child.value.get("only_from") or ())
            if foreign_sources := {
                place: error for place, status in sources if (error := self._foreign(status))
            }:
                wrong["only_from"] = ListBlockValidationError(foreign_sources)
            if wrong:
                errors[index] = StructBlockValidationError(wrong)
        if errors:
            self.add_error("transitions", StreamBlockValidationError(block_errors=errors))
        elif "transitions" in cleaned and self.instance.pk:
            rules = rules_of(cleaned["transitions"].get_prep_value())
            steps = loops.steps_of(loops.stored_actions(self.instance.statuses.all()), rules)
            if way := loops.circle(steps):
                self.add_error("transitions", in_circles(way, self.instance))
        return cleaned

    def _foreign(self, status: WorkflowStatus | None) -> ValidationError | None:
        if status is None or status.workflow_id == self.instance.pk:
            return None
        return foreign_status(status)


class WorkflowStatusForm(SlugMayBeEmpty):
    """A status stays in the booking workflow it was made for, whose rules lead to it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["workflow"]
        field.queryset = permissions.editable(self.for_user, Workflow.objects.all())
        if self.instance.pk:
            field.disabled = True
            field.help_text = _("Stays as it is. Make another one for another workflow.")
        if (workflow := self._workflow_meant()) is not None:
            _offering(self, "actions", ActionsBlock(about=workflow.about))

    def _workflow_meant(self) -> Workflow | None:
        """The workflow of the status, or the one that was chosen for a new one."""
        if self.instance.pk:
            return self.instance.workflow
        chosen = self.data.get("workflow") if self.is_bound else self.initial.get("workflow")
        try:
            return self.fields["workflow"].clean(chosen) if chosen else None
        except ValidationError:
            return None

    def clean_slug(self) -> str:
        workflow = self.cleaned_data.get("workflow")
        siblings = WorkflowStatus.objects.filter(workflow=workflow)
        return self.cleaned_data.get("slug") or self.made_slug(siblings)

    def clean(self):
        cleaned = super().clean()
        workflow = self._workflow_meant()
        if workflow is None or "actions" not in cleaned:
            return cleaned
        errors = {}
        for index, child in enumerate(cleaned["actions"]):
            wrong = foreign_statuses(child.value, workflow) if self.instance.pk else {}
            if wrong:
                errors[index] = StructBlockValidationError(wrong)
            elif unknown := unknown_names(child, workflow):
                errors[index] = StructBlockValidationError(non_block_errors=[unknown])
        if errors:
            self.add_error("actions", StreamBlockValidationError(block_errors=errors))
        if errors or not self.instance.pk:
            return cleaned
        actions = loops.stored_actions(workflow.statuses.all())
        actions[self.instance.pk] = cleaned["actions"].get_prep_value()
        steps = loops.steps_of(actions, rules_of(workflow.transitions.raw_data))
        if way := loops.circle(steps, through=self.instance.pk):
            self.add_error("actions", in_circles(way, workflow))
        return cleaned


# From one to the other


def edit_url(row: Workflow | WorkflowStatus) -> str:
    name = f"wagtailsnippets_{row._meta.app_label}_{row._meta.model_name}:edit"
    return reverse(name, args=[row.pk])


class WorkflowCreateView(CreateView):
    """Goes on to the new workflow's own page, where its statuses and rules are made."""

    def get_success_url(self):
        return edit_url(self.object)

    def get_success_message(self, instance):
        return gettext("“%(workflow)s” is made. Now give it its statuses.") % {"workflow": instance}


class StatusCreateView(CreateView):
    """Starts with the workflow that one comes from, and goes back to it."""

    def get_initial(self):
        initial = super().get_initial()
        workflow = self.request.GET.get("workflow", "")
        if workflow.isascii() and workflow.isdigit():
            initial["workflow"] = int(workflow)
        return initial

    def get_success_url(self):
        return edit_url(self.object.workflow)


class StatusEditView(EditView):
    """Stays at the status, where what was saved can be tried."""

    def get_success_url(self):
        return edit_url(self.object)


class StatusesPanel(Panel):
    """The statuses of a workflow, each with the way to it, and the agendas that use them."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/workflow_statuses.html"

        class Media:
            css = {"all": ["wagtail_agenda/admin.css"]}

        def is_shown(self):
            return super().is_shown() and self.instance.pk is not None

        @property
        def statuses(self) -> list[tuple[str, Badge]]:
            return [(edit_url(one), status_badge(one)) for one in self.instance.statuses.all()]

        @property
        def add_url(self) -> str:
            name = "wagtailsnippets_wagtail_agenda_workflowstatus:add"
            return f"{reverse(name)}?workflow={self.instance.pk}"

        @property
        def agendas(self) -> QuerySet[Agenda]:
            is_of_meetings = self.instance.about == About.MEETINGS
            chosen_as = "meeting_workflow" if is_of_meetings else "workflow"
            used = Q(**{chosen_as: self.instance})
            if self.instance.slug in SLUGS.values():
                used |= Q(**{chosen_as: None})
            return permissions.visible(self.request.user, Agenda.objects.filter(used))


class WithWorkflow:
    """Tells statuses apart in their chooser: many workflows have one that is called “Confirmed”."""

    @property
    def columns(self):
        title, *others = super().columns
        workflow = Column("workflow", label=_("Booking workflow"), accessor="workflow")
        return [title, workflow, *others]

    def get_object_list(self):
        return super().get_object_list().select_related("workflow")


class StatusChooseView(WithWorkflow, ChooseView):
    pass


class StatusChooseResultsView(WithWorkflow, ChooseResultsView):
    pass


class StatusChooserViewSet(ScopedChooserViewSet):
    choose_view_class = StatusChooseView
    choose_results_view_class = StatusChooseResultsView


STATUS_ICONS = [
    ("calendar-check", _("Calendar sheet with a tick")),
    ("check", _("Tick")),
    ("circle-check", _("Tick in a circle")),
    ("circle-xmark", _("Cross in a circle")),
    ("cross", _("Cross")),
    ("history", _("Clock turning back")),
    ("info-circle", _("Letter i in a circle")),
    ("lock", _("Padlock")),
    ("mail", _("Envelope")),
    ("redirect", _("Arrow")),
    ("time", _("Clock")),
    ("user", _("Person")),
    ("warning", _("Exclamation mark")),
]
"""Icons of a status. All of them come with Wagtail."""
