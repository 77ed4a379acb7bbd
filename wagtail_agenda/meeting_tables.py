"""The tables of meetings, which `models` takes in. No use case lives here.

A `Meeting` and its `Participant` rows hold only what an editor typed, because publishing an older
draft writes every field back and makes its children anew. What has become of a meeting is its
`CalledMeeting`, made when it is first published: to that history, invitations, deliveries, timers
and occupations belong, and from that the worker writes mails, whatever is drafted meanwhile.
"""

import uuid

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel
from wagtail.models import DraftStateMixin, LockableMixin, Orderable, RevisionMixin, Site
from wagtail.search import index

from wagtail_agenda.choices import Admission
from wagtail_agenda.fields import BlocksField


class Meeting(DraftStateMixin, LockableMixin, RevisionMixin, index.Indexed, ClusterableModel):
    """An invitation to several people, as it is edited. A draft may be incomplete."""

    agenda = models.ForeignKey(
        "Agenda",
        models.CASCADE,
        related_name="meetings",
        verbose_name=_("agenda"),
        help_text=_("Whose agents keep it. Its times are in the time zone of the agenda."),
    )
    title = models.CharField(_("title"), max_length=255)
    start = models.DateTimeField(_("starts at"), null=True)
    end = models.DateTimeField(_("ends at"), null=True)
    location = models.CharField(
        _("location"),
        max_length=255,
        blank=True,
        help_text=_("Where it takes place, if that is more than the desk or resource below."),
    )
    video_link = models.URLField(_("video link"), max_length=500, blank=True)
    description = models.TextField(
        _("agenda and description"),
        blank=True,
        help_text=_("What is talked about, and what to prepare. Stands in the calendar entry."),
    )
    organiser = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="agenda_meetings",
        verbose_name=_("organiser"),
        help_text=_("Answers by mail go to this person, who gets a copy for the calendar."),
    )
    organiser_name = models.CharField(
        _("name of the organiser"),
        max_length=150,
        blank=True,
        help_text=_("Only for somebody without an account, or to be called otherwise."),
    )
    organiser_address = models.EmailField(_("e-mail of the organiser"), blank=True)
    desk = models.ForeignKey(
        "Desk",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("desk"),
        help_text=_("Taken for as long as the meeting lasts, so that nobody else books it."),
    )
    resource = models.ForeignKey(
        "Resource",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("room or other resource"),
        help_text=_("Taken for as long as the meeting lasts, so that nobody else books it."),
    )
    documents = BlocksField(
        "wagtail_agenda.blocks.documents.DocumentsBlock",
        verbose_name=_("documents"),
        blank=True,
        default=list,
        help_text=_("Attached to the invitation."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    search_fields = [
        index.SearchField("title"),
        index.AutocompleteField("title"),
        index.SearchField("description"),
        index.SearchField("location"),
    ]

    class Meta:
        verbose_name = _("meeting")
        verbose_name_plural = _("meetings")
        ordering = ["-start", "-pk"]

    def __str__(self):
        return self.title or str(_("Meeting without a title"))


class Participant(Orderable):
    """Somebody to be invited: a user, or else a name and an address."""

    meeting = ParentalKey(Meeting, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=150, blank=True)
    address = models.EmailField(_("e-mail"), blank=True)
    required = models.BooleanField(
        _("needed"),
        default=True,
        help_text=_("Without it, the calendar entry says that they may come."),
    )

    class Meta(Orderable.Meta):
        verbose_name = _("participant")
        verbose_name_plural = _("participants")

    def __str__(self):
        return self.name or self.address or str(self.user or "")


class CalledMeeting(models.Model):
    """A meeting as it was last announced, and what has become of it. Written by `meetings`.

    It is told of and goes through a workflow as a `Booking` is, so what both have is called alike
    (see `subjects`). `participants` are those who are invited now, each with ``address``, ``name``
    and ``required``; `documents` are keys of documents. Without `published_at`, nobody has been
    told of it: what it needed was taken when it was to be published.
    """

    meeting = models.OneToOneField(Meeting, models.CASCADE, related_name="called")
    agenda = models.ForeignKey(
        "Agenda", models.PROTECT, related_name="called_meetings", verbose_name=_("agenda")
    )
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    title = models.CharField(_("title"), max_length=255)
    start = models.DateTimeField(_("starts at"))
    end = models.DateTimeField(_("ends at"))
    location = models.CharField(_("location"), max_length=255, blank=True)
    video_link = models.CharField(_("video link"), max_length=500, blank=True)
    description = models.TextField(_("agenda and description"), blank=True)
    organiser_name = models.CharField(_("name of the organiser"), max_length=150, blank=True)
    organiser_address = models.CharField(_("e-mail of the organiser"), max_length=254, blank=True)
    desk = models.ForeignKey(
        "Desk",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="called_meetings",
        verbose_name=_("desk"),
    )
    resource = models.ForeignKey(
        "Resource",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="called_meetings",
        verbose_name=_("room or other resource"),
    )
    participants = models.JSONField(default=list, blank=True, encoder=DjangoJSONEncoder)
    documents = models.JSONField(default=list, blank=True)
    status = models.ForeignKey(
        "WorkflowStatus",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="called_meetings",
        verbose_name=_("status"),
    )
    status_since = models.DateTimeField(_("in this status since"), null=True, blank=True)
    published_at = models.DateTimeField(_("called at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    cancellation_reason = models.TextField(_("reason for the cancellation"), blank=True)
    anonymised_at = models.DateTimeField(_("personal data removed at"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=20, blank=True)
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("called meeting")
        verbose_name_plural = _("called meetings")
        ordering = ["start", "pk"]
        indexes = [models.Index(fields=["agenda", "start"], name="agenda_meeting_by_start")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")),
                name="agenda_meeting_ends_after_start",
            )
        ]

    def __str__(self):
        return self.title

    @property
    def display_name(self) -> str:
        return self.title

    @property
    def is_cancelled(self) -> bool:
        return self.cancelled_at is not None

    @property
    def admission(self) -> str:
        return Admission.CANCELLED if self.is_cancelled else Admission.CONFIRMED

    @property
    def local_start(self):
        return self.start.astimezone(self.agenda.zone)

    @property
    def local_end(self):
        return self.end.astimezone(self.agenda.zone)
