"""Why something is cancelled: what is asked before it is done."""

from django import forms
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.cleaning import clean_text


class ReasonField(forms.CharField):
    """A reason for the mail that tells of it. Nobody has to give one."""

    def __init__(self, *, help_text) -> None:
        super().__init__(
            label=_("Reason"),
            required=False,
            max_length=2000,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text=help_text,
        )

    def clean(self, value):
        return clean_text(super().clean(value))


class ReasonForVisitorForm(forms.Form):
    reason = ReasonField(
        help_text=_("Stands in the mail that tells the visitor. May be left empty.")
    )


class ReasonForEverybodyForm(forms.Form):
    reason = ReasonField(help_text=_("Stands in the mail that tells everybody. May be left empty."))
