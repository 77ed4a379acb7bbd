"""The form and the list of the reasons that can be given for being late or absent."""

from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm

from wagtail_agenda import permissions
from wagtail_agenda.choices import Role
from wagtail_agenda.models import AttendanceReason
from wagtail_agenda.views.admin.setup.offer_views import OfferFilterSet, OfferIndexView


class AttendanceReasonForm(WagtailAdminModelForm):
    """A reason of one agenda; those of all agendas are an administrator's to make.

    Once it has been given it keeps what it is about: otherwise somebody who was absent would have
    a reason for being late. Its label can be corrected; histories keep the words of their time.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        agenda = self.fields["agenda"]
        agenda.queryset = permissions.agendas_for(self.for_user, Role.EDITOR)
        if permissions.is_administrator(self.for_user):
            agenda.empty_label = _("All agendas")
        else:
            agenda.required = True
            agenda.help_text = ""
        if self.instance.pk and self.instance.bookings.exists():
            for name in ("agenda", "attendance"):
                self.fields[name].disabled = True
                self.fields[name].help_text = _(
                    "Fixed, because this reason has been given. Make another one instead."
                )


class AttendanceReasonIndexView(OfferIndexView):
    related = {AttendanceReason: ["agenda"]}


class AttendanceReasonFilterSet(OfferFilterSet):
    class Meta:
        model = AttendanceReason
        fields = ["agenda", "attendance", "retired"]
