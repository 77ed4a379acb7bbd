"""The agendas behind a virtual one: how they are chosen, and which may be."""

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import InlinePanel

from wagtail_agenda import permissions
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import Agenda
from wagtail_agenda.setup_rules.members import MOST_MEMBERS, member_error


class MemberForm(WagtailAdminModelForm):
    """One of them: an agenda for appointments that the editor may see, or that stands here."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        seen = permissions.agendas_for(self.for_user, Role.AGENT).filter(kind=AgendaKind.MEETINGS)
        self.fields["agenda"].queryset = Agenda.objects.filter(
            Q(pk__in=seen.order_by().values("pk")) | Q(pk=self.instance.agenda_id)
        )


class MembersPanel(InlinePanel):
    """The list of them, in the order in which they are tried; only a virtual agenda shows it."""

    def get_form_options(self):
        options = super().get_form_options()
        options["formsets"][self.relation_name] |= {
            "form": MemberForm,
            "inherit_kwargs": ["for_user"],
        }
        return options

    class BoundPanel(InlinePanel.BoundPanel):
        def __init__(self, **kwargs):
            form, relation = kwargs["form"], kwargs["panel"].relation_name
            if form is not None and relation not in form.formsets:
                kwargs["form"] = None
            super().__init__(**kwargs)

        def is_shown(self):
            return self.form is not None and super().is_shown()


def limit(formset) -> None:
    """Keeps a form that no page sends from making thousands of rows."""
    formset.max_num, formset.absolute_max = MOST_MEMBERS, MOST_MEMBERS + 1
    formset.validate_max = True
    formset.error_messages["too_many_forms"] = _("At most %(num)d agendas can stand behind one.")


def chosen_rows(formset) -> list[tuple[forms.ModelForm, Agenda]]:
    """The rows of the list that name an agenda and are to stay, in the order of the page."""
    formset.is_valid()
    return [
        (row, row.cleaned_data["agenda"])
        for row in formset.forms
        if getattr(row, "cleaned_data", {}).get("agenda")
        and not row.cleaned_data.get(forms.formsets.DELETION_FIELD_NAME)
    ]


def mark_unfit(formset, agenda: Agenda, zone: str) -> None:
    """Says at each row why its agenda cannot stand behind the virtual `agenda` in `zone`."""
    known: set[int] = set()
    for row, member in chosen_rows(formset):
        error = member_error(member, agenda, zone, known)
        if error:
            row.add_error("agenda", error)
        known.add(member.pk)


def drop_doubles(agenda: Agenda) -> None:
    """Keeps each agenda once among those behind a virtual one: as the form has it.

    Whoever saves while Wagtail is saving by itself sends rows that have been made a moment ago as
    new ones. Nothing is written before the agenda is.
    """
    rows = sorted(agenda.members.all(), key=lambda row: row.pk is not None)
    known: set[int] = set()
    for row in rows:
        if row.agenda_id in known:
            agenda.members.remove(row)
        known.add(row.agenda_id)
