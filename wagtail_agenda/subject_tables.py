"""The tables of what is said and done about a booking or a called meeting, which `models` takes in.

Each row has a foreign key to either, of which a constraint keeps exactly one filled. No use case
lives here.
"""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.choices import Actor, Answer, Audience, DeliveryKind, DeliveryState
from wagtail_agenda.deletion import with_its_owner


def about_one_of_two(name: str) -> models.CheckConstraint:
    """The constraint that a row is about a booking or about a called meeting, never about both."""
    return models.CheckConstraint(
        condition=models.Q(booking__isnull=False, called_meeting__isnull=True)
        | models.Q(booking__isnull=True, called_meeting__isnull=False),
        name=name,
    )


class HasSubject:
    """A row about a booking or about a called meeting."""

    @property
    def subject(self):
        """What it is about."""
        return self.booking if self.called_meeting_id is None else self.called_meeting

    @property
    def subject_id(self) -> int:
        """The key of what it is about."""
        return self.booking_id if self.called_meeting_id is None else self.called_meeting_id


class Entry(HasSubject, models.Model):
    """One line of the history of a booking or meeting: what happened, who did it, when.

    Append only. `advances` marks what came from the network or the clock and has still to move the
    workflow on, which the worker does, in order and once. `failed_at` is when that last failed
    unexpectedly: whatever has not failed goes before it.
    """

    booking = models.ForeignKey(
        "Booking", with_its_owner, null=True, blank=True, related_name="entries"
    )
    called_meeting = models.ForeignKey(
        "CalledMeeting", with_its_owner, null=True, blank=True, related_name="entries"
    )
    what = models.CharField(max_length=50)
    actor = models.CharField(max_length=10, choices=Actor.choices, default=Actor.SYSTEM)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)
    data = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    advances = models.BooleanField(default=False)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("history entry")
        verbose_name_plural = _("history entries")
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["booking", "at"], name="agenda_entry_by_booking"),
            models.Index(fields=["advances", "id"], name="agenda_entry_to_advance"),
        ]
        constraints = [about_one_of_two("agenda_entry_about_one")]

    def __str__(self):
        return f"{self.what} @ {self.at:%Y-%m-%d %H:%M}"


class Invitation(HasSubject, models.Model):
    """One recipient's calendar copy of a booking or meeting, and what they have answered.

    `uid` is made once and never changes; `sequence` rises with every revision of the content
    (RFC 5546 §2.1.4), and `stamp` is the time of that revision, so that a retry is the same bytes.
    """

    booking = models.ForeignKey(
        "Booking", with_its_owner, null=True, blank=True, related_name="invitations"
    )
    called_meeting = models.ForeignKey(
        "CalledMeeting", with_its_owner, null=True, blank=True, related_name="invitations"
    )
    audience = models.CharField(max_length=10, choices=Audience.choices)
    address = models.CharField(max_length=254)
    uid = models.CharField(max_length=255, unique=True)
    sequence = models.PositiveIntegerField(default=0)
    stamp = models.DateTimeField()
    method = models.CharField(max_length=10, default="REQUEST")
    content_hash = models.CharField(max_length=64)
    answer = models.CharField(
        _("answer"), max_length=10, choices=Answer.choices, default=Answer.NONE, blank=True
    )
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "audience", "address"], name="agenda_invitation_once_a_recipient"
            ),
            models.UniqueConstraint(
                fields=["called_meeting", "audience", "address"],
                name="agenda_invitation_once_a_participant",
            ),
            about_one_of_two("agenda_invitation_about_one"),
        ]

    def __str__(self):
        return f"{self.uid} #{self.sequence}"


class Timer(HasSubject, models.Model):
    """A rule of a workflow that time sets off for one booking or meeting: « two days before ».

    `rule` is the block of the rule, and `occasion` what it was reckoned from, so that it goes off
    once for each: planned anew when the booking moves or reaches a status, never fired twice.
    `failed_at` is as that of an `Entry`.
    """

    booking = models.ForeignKey(
        "Booking", with_its_owner, null=True, blank=True, related_name="timers"
    )
    called_meeting = models.ForeignKey(
        "CalledMeeting", with_its_owner, null=True, blank=True, related_name="timers"
    )
    rule = models.CharField(max_length=64)
    occasion = models.CharField(max_length=100)
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("timer")
        verbose_name_plural = _("timers")
        ordering = ["due_at", "pk"]
        indexes = [models.Index(fields=["fired_at", "due_at"], name="agenda_timer_by_due_time")]
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "rule", "occasion"], name="agenda_timer_once_an_occasion"
            ),
            models.UniqueConstraint(
                fields=["called_meeting", "rule", "occasion"], name="agenda_timer_once_a_meeting"
            ),
            about_one_of_two("agenda_timer_about_one"),
        ]

    def __str__(self):
        return f"{self.rule} @ {self.due_at:%Y-%m-%d %H:%M}"


class KeptFile(HasSubject, models.Model):
    """What an action made or fetched for a booking or meeting, under an identifier.

    A calendar file, or the answer of a web service: JSON, whose fields texts can use, or a file.
    Later actions name it by that identifier.
    """

    booking = models.ForeignKey(
        "Booking", with_its_owner, null=True, blank=True, related_name="kept_files"
    )
    called_meeting = models.ForeignKey(
        "CalledMeeting", with_its_owner, null=True, blank=True, related_name="kept_files"
    )
    identifier = models.SlugField(_("identifier"), max_length=100)
    name = models.CharField(_("file name"), max_length=255)
    content_type = models.CharField(_("content type"), max_length=255)
    content = models.BinaryField()
    made_at = models.DateTimeField(_("made at"), default=timezone.now)

    class Meta:
        verbose_name = _("file of a booking")
        verbose_name_plural = _("files of bookings")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "identifier"], name="agenda_file_once_an_identifier"
            ),
            models.UniqueConstraint(
                fields=["called_meeting", "identifier"], name="agenda_file_once_a_meeting"
            ),
            about_one_of_two("agenda_file_about_one"),
        ]

    def __str__(self):
        return self.name


class Delivery(HasSubject, models.Model):
    """One mail or call that must leave: the outbox. Written with its cause, made by the worker.

    `action` keeps the wording as it stood when the status was reached; `letter` the finished
    message from the first attempt on, so that every retry sends the same bytes. It is emptied
    once delivered, because it contains the link that manages the booking. A call has a `url`, and
    its `host`, of which only so many are called at once. What is being sent and has `done_at` has
    left already, which is still to be noted.
    """

    kind = models.CharField(
        _("kind"), max_length=20, choices=DeliveryKind.choices, default=DeliveryKind.MAIL
    )
    key = models.CharField(max_length=200, unique=True)
    booking = models.ForeignKey(
        "Booking", with_its_owner, null=True, blank=True, related_name="deliveries"
    )
    called_meeting = models.ForeignKey(
        "CalledMeeting", with_its_owner, null=True, blank=True, related_name="deliveries"
    )
    invitation = models.ForeignKey(
        Invitation, models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    audience = models.CharField(max_length=10, choices=Audience.choices, blank=True)
    recipient = models.CharField(_("recipient"), max_length=254, blank=True)
    url = models.CharField(_("address called"), max_length=2000, blank=True)
    host = models.CharField(max_length=255, blank=True)
    answered = models.PositiveIntegerField(_("HTTP status answered"), null=True, blank=True)
    sequence = models.PositiveIntegerField(null=True, blank=True)
    method = models.CharField(max_length=10, blank=True)
    action = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    letter = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    message_id = models.CharField(max_length=255)
    state = models.CharField(
        _("state"), max_length=20, choices=DeliveryState.choices, default=DeliveryState.DUE
    )
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    give_up_at = models.DateTimeField(_("given up at"))
    leased_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.TextField(_("last error"), blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["pk"]
        indexes = [models.Index(fields=["state", "due_at"], name="agenda_delivery_by_due_time")]
        constraints = [about_one_of_two("agenda_delivery_about_one")]

    def __str__(self):
        return self.key
