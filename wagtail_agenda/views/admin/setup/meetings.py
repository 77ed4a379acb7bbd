"""The form of a meeting and of its participants."""

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import InlinePanel

from wagtail_agenda import permissions
from wagtail_agenda.choices import Role
from wagtail_agenda.mail_settings import sender
from wagtail_agenda.models import Agenda, Desk, Meeting, Resource
from wagtail_agenda.views.admin.setup.dates import read_in_zone

MOST_PARTICIPANTS = 500
TIMES = ("start", "end")


def colleagues() -> QuerySet:
    """Those with an account who keep some agenda; anybody else is invited by their address."""
    users = get_user_model()._default_manager.filter(is_active=True)
    keep = Q(groups__agenda_grants__isnull=False) | Q(is_superuser=True)
    return users.filter(keep).distinct().order_by(get_user_model().USERNAME_FIELD)


class ColleagueField(forms.ModelChoiceField):
    def label_from_instance(self, user) -> str:
        return user.get_full_name() or user.get_username()


class ParticipantForm(WagtailAdminModelForm):
    """One of them: a colleague, or somebody with an address."""

    user = ColleagueField(queryset=None, required=False, label=_("Colleague"))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        chosen = self.instance.user_id
        field = self.fields["user"]
        field.queryset = colleagues()
        if chosen and not field.queryset.filter(pk=chosen).exists():
            field.queryset = get_user_model()._default_manager.filter(pk=chosen)

    def clean(self):
        cleaned = super().clean()
        address = (cleaned.get("address") or "").strip()
        if self.is_deferred_validation or "address" in self.errors:
            return cleaned
        user = cleaned.get("user")
        own = getattr(user, get_user_model().get_email_field_name(), "") if user else ""
        if not address and not own:
            message = (
                _("This colleague has no e-mail address. Type one, or add it to the account.")
                if user
                else _("Choose a colleague, or type an e-mail address.")
            )
            self.add_error("address", ValidationError(message, code="no_address"))
        elif (address or own).lower() == sender().address.lower():
            message = _(
                "The mails come from this address: no calendar shows an invitation that comes "
                "from its own reader. Type another one."
            )
            self.add_error("address", ValidationError(message, code="service_address"))
        return cleaned


class ParticipantsPanel(InlinePanel):
    """The list of them."""

    def get_form_options(self):
        options = super().get_form_options()
        options["formsets"][self.relation_name] |= {
            "form": ParticipantForm,
            "inherit_kwargs": ["for_user"],
        }
        return options


class MeetingForm(WagtailAdminModelForm):
    """A meeting as it is edited. A draft may lack anything but the agenda that keeps it."""

    organiser = ColleagueField(queryset=None, required=False, label=_("Organiser"))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        mine = permissions.agendas_for(self.for_user, Role.AGENT)
        agenda = self.fields["agenda"]
        agenda.queryset = mine
        if self._called is not None:
            agenda.disabled = True
            agenda.help_text = _("Stays as it is, because the meeting has been called.")
        self.fields["organiser"].queryset = colleagues()
        if not self.instance.pk and not self.initial.get("organiser"):
            self.initial["organiser"] = self.for_user.pk
        self._narrow_rooms(mine)
        for name in TIMES:
            self.fields[name].help_text = _("In the time zone of the agenda.")
            moment = getattr(self.instance, name)
            if moment and self.instance.agenda_id:
                # Without a zone, so that the field does not convert it to the site's own.
                self.initial[name] = timezone.make_naive(moment, self.instance.agenda.zone)

    @property
    def _called(self):
        return getattr(self.instance, "called", None) if self.instance.pk else None

    def _narrow_rooms(self, mine: QuerySet[Agenda]) -> None:
        """Offer what these agendas have, and what the meeting has taken already."""
        keys = mine.order_by().values("pk")
        desks = Q(agenda__in=keys, retired=False) | Q(pk=self.instance.desk_id)
        self.fields["desk"].queryset = Desk.objects.filter(desks).select_related("agenda")
        offered = Q(agendas__in=keys) | Q(meeting_types__agenda__in=keys)
        resources = Resource.objects.filter(
            Q(pk__in=Resource.objects.filter(offered, retired=False).order_by().values("pk"))
            | Q(pk=self.instance.resource_id)
        )
        self.fields["resource"].queryset = resources

    def clean(self):
        cleaned = super().clean()
        agenda = cleaned.get("agenda")
        if agenda is not None:
            read_in_zone(self, cleaned, TIMES, agenda.zone)
            self._check_rooms(agenda, cleaned)
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and end <= start:
            message = _("This is not after the start. Choose a later time.")
            self.add_error("end", ValidationError(message, code="ends_before_start"))
        if not self.is_deferred_validation:
            self._check_complete(cleaned)
        return cleaned

    def _check_rooms(self, agenda: Agenda, cleaned) -> None:
        desk, resource = cleaned.get("desk"), cleaned.get("resource")
        if desk is not None and desk.agenda_id != agenda.pk:
            message = _("This desk is not one of “%(agenda)s”. Choose one of its own.")
            self.add_error(
                "desk", ValidationError(message, code="other_agenda", params={"agenda": agenda})
            )
        if resource is not None:
            uses = Q(agendas=agenda) | Q(meeting_types__agenda=agenda)
            if not Resource.objects.filter(uses, pk=resource.pk).exists():
                message = _(
                    "“%(agenda)s” does not use this resource. Choose one that it uses, or add it "
                    "to the agenda first."
                )
                self.add_error(
                    "resource",
                    ValidationError(message, code="other_agenda", params={"agenda": agenda}),
                )

    def _check_complete(self, cleaned) -> None:
        """Says what everybody has to be told before anybody is invited."""
        if self._called is not None and self._called.is_cancelled:
            message = _("This meeting is cancelled. Copy it to call another one.")
            self.add_error(None, ValidationError(message, code="cancelled"))
        user = cleaned.get("organiser")
        own = getattr(user, get_user_model().get_email_field_name(), "") if user else ""
        if not (cleaned.get("organiser_address") or own) and "organiser_address" not in self.errors:
            message = _("Choose an organiser with an e-mail address, or type one here.")
            self.add_error("organiser_address", ValidationError(message, code="no_organiser"))
        rows = self.formsets["participants"]
        rows.is_valid()
        kept = [
            row
            for row in rows.forms
            if getattr(row, "cleaned_data", None)
            and not row.cleaned_data.get(forms.formsets.DELETION_FIELD_NAME)
        ]
        if not kept:
            message = _("Invite at least one participant.")
            self.add_error(None, ValidationError(message, code="no_participants"))


def state_in_words(meeting: Meeting) -> str:
    """What has become of a meeting, as its list says it."""
    called = getattr(meeting, "called", None)
    if called is None or called.published_at is None:
        return _("Draft")
    if called.is_cancelled:
        return pgettext("meeting", "Cancelled")
    if called.end <= timezone.now():
        return _("Past")
    if meeting.has_unpublished_changes:
        return _("Called; changes not published")
    return str(called.status) if called.status else _("Called")
