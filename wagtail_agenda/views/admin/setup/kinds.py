"""Which fields of an agenda's form fit which kind of agenda.

A page shows the fields of the kind that the agenda has, and says in a hidden field which kind that
was. So a form is read as it was shown, also when its kind has changed since, and what it did not
show stays as it is.
"""

from typing import Any

from django import forms
from wagtail.admin.forms.models import WagtailAdminModelForm

from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Agenda
from wagtail_agenda.setup_rules.kinds import OF_SOME_KINDS, fields_that_fit
from wagtail_agenda.views.admin.setup.members import limit


class KindForm(WagtailAdminModelForm):
    """The part of an agenda's form that leaves out what does not fit the agenda's kind."""

    shown_kind = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.kind_shown = self._kind_shown()
        self.initial["shown_kind"] = self.kind_shown
        fitting = fields_that_fit(self.kind_shown)
        for name in OF_SOME_KINDS.intersection(self.fields):
            if name not in fitting and not self._is_left_over(name):
                del self.fields[name]
        if self.kind_shown != AgendaKind.VIRTUAL:
            self.formsets.pop("members", None)
        for formset in self.formsets.values():
            limit(formset)

    def _kind_shown(self) -> str:
        if self.is_bound:
            return self.data.get(self.add_prefix("shown_kind")) or ""
        # A copy has no key yet, but the kind that its original has.
        return self.instance.kind if self.instance.pk or self.instance.label else ""

    def _is_left_over(self, name: str) -> bool:
        """Whether a schedule is still there to be taken away, though the kind has none."""
        return name == "schedule" and self.instance.schedule_id is not None

    def forget_what_does_not_fit(self, kind: str) -> None:
        """Gives what only other kinds have the value it began with; a schedule stays to be seen."""
        for name in OF_SOME_KINDS.difference(fields_that_fit(kind), ("schedule",)):
            self.cleaned_data.pop(name, None)
            setattr(self.instance, name, _initial_value(name))


def _initial_value(name: str) -> Any:
    column = Agenda._meta.get_field(name)
    return [] if column.many_to_many else column.get_default()
