"""Roles are granted in the form of a group: per agenda, with the group's other permissions."""

from django import forms
from django.contrib.auth.models import Group, Permission
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from wagtail import hooks
from wagtail.admin.forms.formsets import BaseFormSetMixin

from wagtail_agenda.models import Agenda, AgendaGrant


class GrantForm(forms.ModelForm):
    class Meta:
        model = AgendaGrant
        fields = ["agenda", "role"]
        widgets = {"agenda": forms.Select}

    def validate_constraints(self):
        """Nothing, from Django 6.1 on: the formset knows which roles are taken back."""


class BaseGrantFormSet(BaseFormSetMixin, forms.BaseInlineFormSet):
    """The panel of a group's form that says what its members may do with which agenda."""

    def __init__(self, *args, **kwargs):
        # An instance that Wagtail leaves out is the group that is being made.
        kwargs.setdefault("instance", Group())
        super().__init__(*args, prefix="agenda_grants", **kwargs)
        self.queryset = self.queryset.select_related("agenda")

    def add_fields(self, form, index):
        super().add_fields(form, index)
        form.fields["agenda"].queryset = Agenda.objects.order_by("label", "pk")

    def initial_form_count(self):
        # The number comes with the form, and Django believes one below zero.
        return max(0, super().initial_form_count())

    def clean(self):
        super().clean()
        if self.instance.pk is None:
            return
        filled = [form for form in self.forms if hasattr(form, "cleaned_data")]
        leaving = {form.instance.pk for form in filled if self._should_delete_form(form)}
        granted = dict(
            self.instance.agenda_grants.exclude(pk__in=leaving).values_list("agenda", "pk")
        )
        for form in filled:
            agenda = form.cleaned_data.get("agenda")
            if agenda and granted.get(agenda.pk, form.instance.pk) != form.instance.pk:
                # Somebody else has given it while this form was open.
                form.add_error(
                    "agenda",
                    _("The group has a role on this agenda already. Reload the page to see it."),
                )

    def as_admin_panel(self):
        return render_to_string("wagtail_agenda/admin/grants.html", {"formset": self})


GrantFormSet = forms.inlineformset_factory(
    Group,
    AgendaGrant,
    form=GrantForm,
    formset=BaseGrantFormSet,
    extra=0,
    can_delete=True,
)


@hooks.register("register_group_permission_panel")
def register_grant_panel():
    return GrantFormSet


@hooks.register("register_permissions")
def register_administer_permission():
    return Permission.objects.filter(
        content_type__app_label="wagtail_agenda", codename="administer_agendas"
    )
