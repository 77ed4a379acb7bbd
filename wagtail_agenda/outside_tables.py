"""The tables of what this site talks to, which `models` takes in: other systems, mail servers.

No use case lives here.
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from wagtail.models import Site

from wagtail_agenda.choices import MailSecurity


class ApiClient(models.Model):
    """Another system that calls this one, or is called by it, as somebody it knows.

    `orig` is the name under which it signs, its host; `secret` and `webhook_secret` are encrypted
    (see `encryption`), since both sides must know them, and of its key only the digest is kept.
    `previous_secret` goes on being accepted while the other side is told the new one. No agendas
    chosen means all.
    """

    label = models.CharField(_("name"), max_length=150)
    orig = models.CharField(
        _("host"),
        max_length=255,
        unique=True,
        null=True,
        blank=True,
        help_text=_("Its host, with the port if it has one of its own: forms.example.org"),
    )
    key_digest = models.CharField(max_length=64, unique=True, null=True, blank=True, editable=False)
    secret = models.TextField(blank=True, editable=False)
    previous_secret = models.TextField(blank=True, editable=False)
    webhook_secret = models.TextField(blank=True, editable=False)
    scopes = models.JSONField(_("what it may do"), default=list, blank=True)
    agendas = models.ManyToManyField(
        "Agenda",
        blank=True,
        related_name="clients",
        verbose_name=_("agendas"),
        help_text=_("Choose none to give it all of them."),
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("made at"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last seen at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        ordering = ["label", "pk"]

    def __str__(self):
        return self.label


class UsedNonce(models.Model):
    """A number that a client has signed a call with, which it may not use again."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="nonces")
    nonce = models.CharField(max_length=128)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("used number of a signature")
        verbose_name_plural = _("used numbers of signatures")
        indexes = [models.Index(fields=["used_at"], name="agenda_nonce_by_time")]
        constraints = [
            models.UniqueConstraint(fields=["client", "nonce"], name="agenda_nonce_once_a_client")
        ]

    def __str__(self):
        return self.nonce


class KeptAnswer(models.Model):
    """What a client was answered to a call with an ``Idempotency-Key``, for when it asks again.

    `request_digest` says what it had asked. The answer is encrypted with the client's own key for
    it, of which only a digest is kept: nobody else, with the database alone, can read it.
    """

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="kept_answers")
    key_digest = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)
    answer = models.TextField(blank=True)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        indexes = [models.Index(fields=["made_at"], name="agenda_answer_by_time")]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "key_digest"], name="agenda_answer_once_a_key"
            )
        ]

    def __str__(self):
        return self.key_digest[:12]


class ClosedAddress(models.Model):
    """An address whose owner answered that it wants no more calls (RFC 9110 §15.5.11)."""

    digest = models.CharField(max_length=64, unique=True)
    url = models.CharField(_("address"), max_length=2000)
    closed_at = models.DateTimeField(_("closed at"), default=timezone.now)

    class Meta:
        verbose_name = _("closed address")
        verbose_name_plural = _("closed addresses")
        ordering = ["-closed_at"]

    def __str__(self):
        return self.url


class MailSettings(models.Model):
    """How one site sends mail; what is empty is as the project's own settings have it.

    The password is encrypted (see `encryption`), or in the environment variable that is named.
    """

    site = models.OneToOneField(
        Site, models.CASCADE, related_name="agenda_mail_settings", verbose_name=_("site")
    )
    sender_name = models.CharField(_("name of the sender"), max_length=150, blank=True)
    sender_address = models.EmailField(
        _("address of the sender"),
        blank=True,
        help_text=_("Also the organiser of invitations. A mailbox that somebody reads."),
    )
    reply_to = models.EmailField(_("answers go to"), blank=True)
    signature = models.TextField(
        _("signature"), blank=True, help_text=_("Stands at the end of every mail.")
    )
    host = models.CharField(_("mail server"), max_length=255, blank=True)
    port = models.PositiveIntegerField(
        _("port"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )
    security = models.CharField(
        _("security"), max_length=10, choices=MailSecurity.choices, default=MailSecurity.STARTTLS
    )
    user = models.CharField(_("user"), max_length=255, blank=True)
    password = models.TextField(blank=True, editable=False)
    password_variable = models.CharField(
        _("environment variable with the password"), max_length=100, blank=True
    )

    class Meta:
        verbose_name = _("mail settings")
        verbose_name_plural = _("mail settings")

    def __str__(self):
        return str(self.site)
