"""What the forms above the admin's lists share: the booking log's, and that of mails and calls."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from wagtail_agenda.views.admin.base import agendas_of
from wagtail_agenda.views.admin.finding import cleaned


class SearchField(forms.CharField):
    """Words to look for. What no name has, NUL for one, is taken out and not complained of."""

    def to_python(self, value):
        return cleaned(super().to_python(value))


class ListFilters(forms.Form):
    """The form above a list, sent by GET. A field that is left empty narrows nothing.

    Subclasses name the column that each of their plain choices is compared with, and have a choice
    called `agenda`, which is filled here with the agendas that one may see.
    """

    template_name = "wagtail_agenda/admin/booking_log/filters.html"
    name: ClassVar[str]
    columns: ClassVar[Mapping[str, str]]

    def __init__(self, data, *, user):
        super().__init__(data, auto_id=f"wagtail-agenda-{self.name}-%s")
        self.agendas = list(agendas_of(user))
        self.fields["agenda"].choices = [
            ("", _("All agendas")),
            *[(agenda.slug, str(agenda)) for agenda in self.agendas],
        ]

    def valid_wishes(self) -> dict[str, Any]:
        """What is asked for, without the fields that are empty or wrong."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def by_columns(self, rows: QuerySet, wishes: Mapping[str, Any]) -> QuerySet:
        """The rows narrowed by the plain choices among what is asked for."""
        wanted = {column: wishes[name] for name, column in self.columns.items() if name in wishes}
        return rows.filter(**wanted)

    @property
    def asked(self) -> dict[str, str]:
        """What is asked for, as the address of the page has it."""
        return {name: self.data[name] for name in self.fields if self.data.get(name)}
