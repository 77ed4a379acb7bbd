"""Every table of the add-on, with its constraints and small properties. No use case lives here.

Two kinds of rows are kept apart. Revisioned snippets (`Agenda`, `Schedule`) hold only what an
editor types, because publishing an older draft writes every field back. What happens at run time
(locks, counters, bookings, deliveries) lives in rows of its own, and nothing here has a foreign key
to a child of a revisioned row.
"""

import secrets
import uuid
import zoneinfo
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from modelcluster.models import ClusterableModel
from wagtail.models import (
    DraftStateMixin,
    LockableMixin,
    Orderable,
    PreviewableMixin,
    RevisionMixin,
    Site,
)
from wagtail.search import index

from wagtail_agenda.choices import (
    About,
    Actor,
    Admission,
    AgendaKind,
    AlarmUnit,
    Attendance,
    Colour,
    DelayUnit,
    Role,
    WaitingListPromotion,
)
from wagtail_agenda.deletion import with_its_owner
from wagtail_agenda.fields import BlocksField
from wagtail_agenda.meeting_tables import CalledMeeting, Meeting, Participant  # noqa: F401
from wagtail_agenda.outside_tables import (  # noqa: F401
    ApiClient,
    ClosedAddress,
    KeptAnswer,
    MailSettings,
    UsedNonce,
)
from wagtail_agenda.subject_tables import (  # noqa: F401
    Delivery,
    Entry,
    Invitation,
    KeptFile,
    Timer,
)
from wagtail_agenda.timegrid import CELL_MINUTES
from wagtail_agenda.validators import (
    validate_addresses,
    validate_dates,
    validate_on_grid,
    validate_time_zone,
    validate_weekdays,
)

REFERENCE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Capitals and digits that cannot be mistaken for one another when read out over a counter."""

WHOLE_DAY_MINUTES = 24 * 60

MOST_PLACES = 100_000
"""How many places an event, its waiting list or a booking can have at most."""


def default_time_zone() -> str:
    """The site's own time zone, for agendas that are made without one."""
    return settings.TIME_ZONE


def make_reference() -> str:
    """A booking's number as people say it: two groups of four, ``K7QM-3FTD``."""
    letters = [secrets.choice(REFERENCE_ALPHABET) for _position in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def unique_slug(instance: models.Model, siblings: models.QuerySet, fallback: str) -> str:
    """A free slug made from the instance's label, for rows that an editor left without one."""
    stem = slugify(getattr(instance, "label", "") or "")[:80] or fallback
    taken = set(
        siblings.exclude(pk=instance.pk)
        .filter(slug__startswith=stem)
        .values_list("slug", flat=True)
    )
    candidate, number = stem, 1
    while candidate in taken:
        number += 1
        candidate = f"{stem}-{number}"
    return candidate


# Opening hours and closures


class Schedule(PreviewableMixin, DraftStateMixin, LockableMixin, RevisionMixin, models.Model):
    """Opening hours in local wall time, shared by agendas and desks. The zone is the agenda's."""

    label = models.CharField(_("label"), max_length=150)
    periods = BlocksField(
        "wagtail_agenda.blocks.schedule.PeriodsBlock",
        verbose_name=_("opening hours"),
        blank=True,
        default=list,
    )

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ["label"]

    def __str__(self):
        return self.label

    def get_preview_template(self, request, mode_name):
        return "wagtail_agenda/schedule_preview.html"

    def get_preview_context(self, request, mode_name):
        from wagtail_agenda.blocks.schedule import periods_of
        from wagtail_agenda.schedule_picture import week_picture

        picture = week_picture(periods_of(self.periods))
        return {**super().get_preview_context(request, mode_name), "picture": picture}


class ClosureCalendar(models.Model):
    """Days on which the agendas and desks that use it are closed."""

    label = models.CharField(_("label"), max_length=150)
    closures = BlocksField(
        "wagtail_agenda.blocks.closures.ClosuresBlock",
        verbose_name=_("closures"),
        blank=True,
        default=list,
    )

    class Meta:
        verbose_name = _("closure calendar")
        verbose_name_plural = _("closure calendars")
        ordering = ["label"]

    def __str__(self):
        return self.label


# The booking workflow: a status, and what each trigger leads to


class Workflow(models.Model):
    """The statuses a booking or meeting passes through, and what each trigger leads to."""

    about = models.CharField(
        _("about"), max_length=10, choices=About.choices, default=About.BOOKINGS
    )
    label = models.CharField(_("label"), max_length=150)
    slug = models.SlugField(_("slug"), max_length=100, unique=True)
    transitions = BlocksField(
        "wagtail_agenda.blocks.transitions.TransitionsBlock",
        verbose_name=_("what leads where"),
        blank=True,
        default=list,
    )

    class Meta:
        verbose_name = _("booking workflow")
        verbose_name_plural = _("booking workflows")
        ordering = ["label"]

    def __str__(self):
        return self.label


class WorkflowStatus(models.Model):
    """One status of a booking workflow. Reaching it runs its actions, in their order."""

    workflow = models.ForeignKey(
        Workflow, models.CASCADE, related_name="statuses", verbose_name=_("booking workflow")
    )
    label = models.CharField(_("label"), max_length=150)
    slug = models.SlugField(_("slug"), max_length=100)
    colour = models.CharField(
        _("colour"), max_length=20, choices=Colour.choices, default=Colour.GREY
    )
    icon = models.CharField(_("icon"), max_length=50, default="circle-check")
    sort_order = models.PositiveIntegerField(_("order"), default=0)
    final = models.BooleanField(
        _("final"),
        default=False,
        help_text=_(
            "Time leads nowhere from here: no reminder is sent, and no rule counts how long a "
            "booking has been in this status."
        ),
    )
    visitor_text = models.TextField(
        _("text for the visitor"),
        blank=True,
        help_text=_("Shown on the visitor's own page while the booking is in this status."),
    )
    actions = BlocksField(
        "wagtail_agenda.blocks.actions.ActionsBlock",
        verbose_name=_("actions"),
        blank=True,
        default=list,
        help_text=_("Carried out in this order whenever a booking reaches this status."),
    )

    class Meta:
        verbose_name = _("workflow status")
        verbose_name_plural = _("workflow statuses")
        ordering = ["workflow", "sort_order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "slug"], name="agenda_status_slug_once_a_workflow"
            )
        ]

    def __str__(self):
        return self.label


# Agendas and what they offer


class Agenda(DraftStateMixin, LockableMixin, RevisionMixin, index.Indexed, ClusterableModel):
    """What is booked. A draft may be incomplete; only a live agenda takes bookings."""

    kind = models.CharField(
        _("kind"), max_length=20, choices=AgendaKind.choices, default=AgendaKind.MEETINGS
    )
    label = models.CharField(_("label"), max_length=150)
    slug = models.SlugField(
        _("slug"),
        max_length=100,
        unique=True,
        blank=True,
        help_text=_("Names the agenda in addresses. Made from the label when left empty."),
    )
    description = models.TextField(_("description"), blank=True)
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        default=default_time_zone,
        validators=[validate_time_zone],
        help_text=_("Opening hours are meant, and times are shown, in this zone."),
    )
    location = models.CharField(
        _("location"),
        max_length=255,
        blank=True,
        help_text=_("Stands in the invitation; a precise address lets calendars offer a map."),
    )
    contact = models.TextField(
        _("contact"),
        blank=True,
        help_text=_("Whom visitors can turn to: telephone, e-mail, desk."),
    )
    url = models.URLField(
        _("address of a page about it"),
        blank=True,
        help_text=_("Stands in the invitation. Must not be a private address."),
    )
    comment = models.TextField(
        _("comment for the invitation"),
        blank=True,
        help_text=_("What visitors should bring or know; stands in the invitation."),
    )
    minimal_booking_delay = models.PositiveIntegerField(
        _("minimum notice"),
        default=0,
        help_text=_("How long beforehand a booking must be made, at the latest."),
    )
    minimal_booking_delay_unit = models.CharField(
        _("unit of the minimum notice"),
        max_length=20,
        choices=DelayUnit.choices,
        default=DelayUnit.HOURS,
    )
    maximal_booking_delay = models.PositiveIntegerField(
        _("maximum horizon"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(17_520)],
        help_text=_("How far ahead bookings are taken."),
    )
    maximal_booking_delay_unit = models.CharField(
        _("unit of the maximum horizon"),
        max_length=20,
        choices=DelayUnit.choices,
        default=DelayUnit.DAYS,
    )
    schedule = models.ForeignKey(
        Schedule,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="agendas",
        verbose_name=_("schedule"),
        help_text=_("Opening hours of every desk that has none of its own."),
    )
    closure_calendars = ParentalManyToManyField(
        ClosureCalendar, blank=True, related_name="agendas", verbose_name=_("closure calendars")
    )
    workflow = models.ForeignKey(
        Workflow,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="agendas",
        verbose_name=_("booking workflow"),
        help_text=_("The built-in one is used when none is chosen."),
    )
    meeting_workflow = models.ForeignKey(
        Workflow,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="agendas_of_meetings",
        verbose_name=_("meeting workflow"),
        help_text=_("The built-in one is used when none is chosen."),
    )
    resources = ParentalManyToManyField(
        "Resource",
        blank=True,
        related_name="agendas",
        verbose_name=_("resources"),
        help_text=_("Shared rooms and objects that appointments of this agenda may need."),
    )
    needs_approval = models.BooleanField(
        _("bookings need approval"),
        default=False,
        help_text=_("What visitors book keeps its place until an agent approves or refuses it."),
    )
    approval_hours = models.PositiveIntegerField(
        _("hours to approve"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(8_784)],
        help_text=_("A request that nobody has decided by then lapses. Leave empty to wait."),
    )
    waiting_list_promotion = models.CharField(
        _("who gets a place that becomes free"),
        max_length=20,
        choices=WaitingListPromotion.choices,
        default=WaitingListPromotion.AUTOMATIC,
        help_text=_("For events with a waiting list."),
    )
    offer_hours = models.PositiveIntegerField(
        _("hours to accept an offered place"),
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_("An offer ends when the event begins, if that is sooner."),
    )
    places_per_booking = models.PositiveIntegerField(
        _("most places on one booking"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PLACES)],
        help_text=_("More than one lets visitors choose how many places of an event they take."),
    )
    several_events = models.BooleanField(
        _("several events at once"),
        default=False,
        help_text=_("Visitors may choose several events and book them together, or none."),
    )
    bookings_per_day = models.PositiveIntegerField(
        _("most bookings of a person on one day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Who has the same external id, or else the same e-mail address, is one person."
        ),
    )
    bookings_per_week = models.PositiveIntegerField(
        _("most bookings of a person in one week"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("From Monday to Sunday."),
    )
    bookings_per_person = models.PositiveIntegerField(
        _("most coming bookings of a person"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("What has begun already is not counted."),
    )
    visitors_may_move = models.BooleanField(
        _("visitors may move their bookings"),
        default=True,
        help_text=_("By the link in their mail, to another time that is free."),
    )
    move_notice = models.PositiveIntegerField(
        _("hours beforehand until which visitors may move"),
        default=0,
        validators=[MaxValueValidator(8_784)],
        help_text=_("0 lets them move a booking until it begins."),
    )
    tentative_entries = models.BooleanField(
        _("who waits gets a tentative calendar entry"),
        default=False,
        help_text=_(
            "For who waits for approval, for a place or for an answer. It keeps no time busy."
        ),
    )
    alarm_before = models.PositiveIntegerField(
        _("alarm before the start"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("Leave empty for none."),
    )
    alarm_before_unit = models.CharField(
        _("unit of the alarm"),
        max_length=20,
        choices=AlarmUnit.choices,
        default=AlarmUnit.MINUTES,
    )
    staff_addresses = models.TextField(
        _("staff told of new bookings"),
        blank=True,
        validators=[validate_addresses],
        help_text=_("One e-mail address a line."),
    )
    retention_days = models.PositiveIntegerField(
        _("days after which personal data goes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(36_500)],
        help_text=_(
            "Counted from the end of a booking. Who it was is then forgotten, that it was is not. "
            "Leave empty to keep it."
        ),
    )
    label_template = models.CharField(_("label of a booking"), max_length=255, blank=True)
    user_display_label_template = models.CharField(
        _("title of the invitation"), max_length=255, blank=True
    )
    description_template = models.TextField(_("description of a booking"), blank=True)
    backoffice_url_template = models.CharField(
        _("address in your back office"), max_length=500, blank=True
    )
    form_url_template = models.CharField(_("address of the form"), max_length=500, blank=True)

    search_fields = [
        index.SearchField("label"),
        index.AutocompleteField("label"),
        index.FilterField("kind"),
    ]

    class Meta:
        verbose_name = _("agenda")
        verbose_name_plural = _("agendas")
        ordering = ["label", "pk"]
        permissions = [("administer_agendas", _("Can administer all agendas"))]

    def __str__(self):
        return self.label or self.slug

    def save(self, *args, **kwargs):
        # A draft may come without a slug, and two such drafts must not collide.
        if not self.slug:
            self.slug = unique_slug(self, Agenda.objects.all(), fallback="agenda")
        super().save(*args, **kwargs)

    @cached_property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)

    @property
    def takes_appointments(self) -> bool:
        """Whether its slots are appointments: its own, or those of the agendas behind it."""
        return self.kind != AgendaKind.EVENTS

    @property
    def is_virtual(self) -> bool:
        return self.kind == AgendaKind.VIRTUAL

    @property
    def alarm(self) -> timedelta | None:
        """How long before the start calendars are asked to remind their owner; None for never."""
        if self.alarm_before is None:
            return None
        minutes = 60 if self.alarm_before_unit == AlarmUnit.HOURS else 1
        return timedelta(minutes=self.alarm_before * minutes)

    @property
    def staff_address_list(self) -> list[str]:
        return [line.strip() for line in self.staff_addresses.splitlines() if line.strip()]


class AgendaMember(Orderable):
    """One of the appointment agendas behind a virtual one, in the order in which they are tried."""

    virtual_agenda = ParentalKey(Agenda, on_delete=models.CASCADE, related_name="members")
    agenda = models.ForeignKey(
        Agenda,
        models.CASCADE,
        related_name="virtual_memberships",
        verbose_name=_("agenda"),
        limit_choices_to={"kind": AgendaKind.MEETINGS},
    )

    class Meta(Orderable.Meta):
        verbose_name = _("agenda behind a virtual one")
        verbose_name_plural = _("agendas behind a virtual one")

    def __str__(self):
        return str(self.agenda)


class Bookable(models.Model):
    """The lock and the cache key of whatever can be taken: one row per desk, resource and event.

    Written by `booking` alone. `version` rises with every change of what is taken here. Of the
    main list, `places` is how many may be taken at once, and `places_booked` how many are taken
    for good: what lapses by the clock (holds, offers, requests with a deadline) is not in it, and
    is counted when asked. `waiting_places` and `places_waiting` say the same of the waiting list.
    """

    version = models.BigIntegerField(default=0)
    places = models.PositiveIntegerField(default=1)
    places_booked = models.PositiveIntegerField(default=0)
    waiting_places = models.PositiveIntegerField(default=0)
    places_waiting = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("bookable")
        verbose_name_plural = _("bookables")

    def __str__(self):
        return f"{self.pk} v{self.version}"


class HasBookable(models.Model):
    """A row that can be taken, and therefore never exists without its lock."""

    bookable = models.OneToOneField(
        Bookable, models.PROTECT, editable=False, related_name="%(class)s"
    )

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        if self.bookable_id is None:
            self.bookable = Bookable.objects.create()
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        bookable = self.bookable
        deleted = super().delete(*args, **kwargs)
        bookable.delete()
        return deleted


class Desk(HasBookable):
    """A counter, person or room that takes one appointment at a time."""

    agenda = models.ForeignKey(
        Agenda, models.CASCADE, related_name="desks", verbose_name=_("agenda")
    )
    label = models.CharField(_("label"), max_length=150)
    slug = models.SlugField(_("slug"), max_length=100, blank=True)
    schedule = models.ForeignKey(
        Schedule,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="desks",
        verbose_name=_("own schedule"),
        help_text=_("Leave empty to follow the agenda's opening hours."),
    )
    closure_calendars = models.ManyToManyField(
        ClosureCalendar,
        blank=True,
        related_name="desks",
        verbose_name=_("own closure calendars"),
        help_text=_("Closed on these days as well as on the agenda's."),
    )
    sort_order = models.PositiveIntegerField(_("order"), default=0)
    retired = models.BooleanField(
        _("retired"),
        default=False,
        help_text=_("Takes no more bookings; those it has stay."),
    )

    class Meta:
        verbose_name = _("desk")
        verbose_name_plural = _("desks")
        ordering = ["agenda", "sort_order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["agenda", "slug"], name="agenda_desk_slug_once_an_agenda"
            )
        ]

    def __str__(self):
        return self.label

    def save(self, *args, **kwargs):
        if not self.slug:
            self.slug = unique_slug(
                self, Desk.objects.filter(agenda_id=self.agenda_id), fallback="desk"
            )
        super().save(*args, **kwargs)


class Resource(HasBookable):
    """A shared room or object that appointments of several agendas need beside their desk."""

    label = models.CharField(_("label"), max_length=150)
    slug = models.SlugField(
        _("slug"),
        max_length=100,
        unique=True,
        blank=True,
        help_text=_("Names the resource for other systems. Made from the label when left empty."),
    )
    description = models.TextField(_("description"), blank=True)
    schedule = models.ForeignKey(
        Schedule,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="resources",
        verbose_name=_("own schedule"),
        help_text=_("Leave empty if it can be had whenever an agenda is open."),
    )
    timezone = models.CharField(
        _("time zone"), max_length=64, default=default_time_zone, validators=[validate_time_zone]
    )
    closure_calendars = models.ManyToManyField(
        ClosureCalendar, blank=True, related_name="resources", verbose_name=_("closure calendars")
    )
    maximal_booking_delay = models.PositiveIntegerField(
        _("days ahead"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(17_520)],
        help_text=_("How many days ahead it can be booked. Leave empty for no limit of its own."),
    )
    maximum_duration = models.PositiveIntegerField(
        _("longest use in minutes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(CELL_MINUTES), MaxValueValidator(WHOLE_DAY_MINUTES)],
        help_text=_("Longer appointments cannot have it. Leave empty for no limit."),
    )
    sort_order = models.PositiveIntegerField(_("order"), default=0)
    retired = models.BooleanField(
        _("retired"), default=False, help_text=_("Takes no more bookings; those it has stay.")
    )

    class Meta:
        verbose_name = _("resource")
        verbose_name_plural = _("resources")
        ordering = ["sort_order", "label", "pk"]

    def __str__(self):
        return self.label

    def save(self, *args, **kwargs):
        if not self.slug:
            self.slug = unique_slug(self, Resource.objects.all(), fallback="resource")
        super().save(*args, **kwargs)

    @cached_property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)


class MeetingType(models.Model):
    """A kind of appointment: how long it takes, which desks give it and what else it needs.

    With a `maximum_duration` the visitor chooses the end as well, from `duration` up to it.
    """

    agenda = models.ForeignKey(
        Agenda, models.CASCADE, related_name="meeting_types", verbose_name=_("agenda")
    )
    label = models.CharField(_("label"), max_length=150)
    slug = models.SlugField(
        _("slug"),
        max_length=100,
        blank=True,
        help_text=_("Part of the slots' names for other systems; fixed from the first booking."),
    )
    description = models.TextField(_("description"), blank=True)
    duration = models.PositiveIntegerField(
        _("duration in minutes"),
        default=30,
        validators=[
            MinValueValidator(CELL_MINUTES),
            MaxValueValidator(WHOLE_DAY_MINUTES),
            validate_on_grid,
        ],
    )
    maximum_duration = models.PositiveIntegerField(
        _("longest duration in minutes"),
        null=True,
        blank=True,
        validators=[
            MinValueValidator(CELL_MINUTES),
            MaxValueValidator(WHOLE_DAY_MINUTES),
            validate_on_grid,
        ],
        help_text=_(
            "Lets visitors choose when the appointment ends: after the duration above at the "
            "earliest, and after this one at the latest. Leave empty for a fixed duration."
        ),
    )
    buffer_before = models.PositiveIntegerField(
        _("minutes kept free before"),
        default=0,
        validators=[MaxValueValidator(WHOLE_DAY_MINUTES), validate_on_grid],
    )
    buffer_after = models.PositiveIntegerField(
        _("minutes kept free after"),
        default=0,
        validators=[MaxValueValidator(WHOLE_DAY_MINUTES), validate_on_grid],
    )
    step = models.PositiveIntegerField(
        _("minutes from one start to the next"),
        null=True,
        blank=True,
        validators=[
            MinValueValidator(CELL_MINUTES),
            MaxValueValidator(WHOLE_DAY_MINUTES),
            validate_on_grid,
        ],
        help_text=_("Leave empty to offer one appointment after the other, buffers included."),
    )
    desks = models.ManyToManyField(
        Desk,
        blank=True,
        related_name="meeting_types",
        verbose_name=_("desks"),
        help_text=_("Desks that give it; none chosen means every desk of the agenda."),
    )
    resources = models.ManyToManyField(
        Resource,
        blank=True,
        related_name="meeting_types",
        verbose_name=_("resources"),
        help_text=_("All of them must be free as well."),
    )
    sort_order = models.PositiveIntegerField(_("order"), default=0)
    retired = models.BooleanField(
        _("retired"), default=False, help_text=_("No longer offered; bookings of it stay.")
    )

    class Meta:
        verbose_name = _("appointment type")
        verbose_name_plural = _("appointment types")
        ordering = ["agenda", "sort_order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["agenda", "slug"], name="agenda_type_slug_once_an_agenda"
            )
        ]

    def __str__(self):
        return self.label

    def save(self, *args, **kwargs):
        if not self.slug:
            self.slug = unique_slug(
                self, MeetingType.objects.filter(agenda_id=self.agenda_id), fallback="appointment"
            )
        super().save(*args, **kwargs)

    @property
    def start_step(self) -> int:
        """Minutes between the starts on offer."""
        return self.step or self.buffer_before + self.duration + self.buffer_after

    @property
    def free_range(self) -> bool:
        """Whether visitors choose when it ends."""
        return self.maximum_duration is not None and self.maximum_duration > self.duration


class EventSeries(models.Model):
    """Events that come back: every so many weeks on some weekdays. Its events are made ahead.

    Times are local to the agenda. `weekdays` are numbers from 0, Monday; `exceptions` are dates as
    ``2026-05-14``. An event made from it names its date in `Event.occurrence`.
    """

    agenda = models.ForeignKey(
        Agenda, models.PROTECT, related_name="event_series", verbose_name=_("agenda")
    )
    label = models.CharField(_("label"), max_length=150)
    description = models.TextField(_("description"), blank=True)
    location = models.CharField(_("location"), max_length=255, blank=True)
    url = models.URLField(_("address of a page about it"), blank=True)
    first_day = models.DateField(_("from"))
    until = models.DateField(
        _("until"), null=True, blank=True, help_text=_("Leave empty if it goes on.")
    )
    weekdays = models.JSONField(_("on these days"), default=list, validators=[validate_weekdays])
    every_weeks = models.PositiveSmallIntegerField(
        _("every so many weeks"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(52)],
    )
    exceptions = models.JSONField(
        _("not on these dates"), default=list, blank=True, validators=[validate_dates]
    )
    start_time = models.TimeField(_("starts at"))
    duration = models.PositiveIntegerField(
        _("duration in minutes"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(7 * WHOLE_DAY_MINUTES)],
    )
    places = models.PositiveIntegerField(
        _("places"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PLACES)],
    )
    waiting_places = models.PositiveIntegerField(
        _("places on the waiting list"), default=0, validators=[MaxValueValidator(MOST_PLACES)]
    )
    open_for_booking = models.BooleanField(_("open for booking"), default=True)
    publish_days = models.PositiveIntegerField(
        _("published this many days beforehand"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(3_660)],
        help_text=_("Leave empty to publish its events as soon as they are made."),
    )
    made_until = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("series of events")
        verbose_name_plural = _("series of events")
        ordering = ["first_day", "pk"]

    def __str__(self):
        return self.label


class Event(HasBookable):
    """One dated occurrence with a number of places. Its places are on its `Bookable`."""

    agenda = models.ForeignKey(
        Agenda, models.PROTECT, related_name="events", verbose_name=_("agenda")
    )
    label = models.CharField(_("label"), max_length=150)
    slug = models.SlugField(_("slug"), max_length=100, blank=True)
    description = models.TextField(_("description"), blank=True)
    location = models.CharField(
        _("location"),
        max_length=255,
        blank=True,
        help_text=_("Where it takes place, if not at the agenda's own location."),
    )
    url = models.URLField(_("address of a page about it"), blank=True)
    start = models.DateTimeField(_("starts at"))
    end = models.DateTimeField(_("ends at"))
    open_for_booking = models.BooleanField(_("open for booking"), default=True)
    publish_at = models.DateTimeField(
        _("published at"),
        null=True,
        blank=True,
        help_text=_("Visitors do not see it before. Leave empty to show it at once."),
    )
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True, editable=False)
    cancellation_reason = models.TextField(
        _("reason for the cancellation"), blank=True, editable=False
    )
    series = models.ForeignKey(
        EventSeries,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="events",
        verbose_name=_("series of events"),
    )
    occurrence = models.DateField(_("date in its series"), null=True, blank=True, editable=False)
    differs_from_series = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["start", "pk"]
        indexes = [models.Index(fields=["agenda", "start"], name="agenda_event_by_start")]
        constraints = [
            models.UniqueConstraint(
                fields=["agenda", "slug"], name="agenda_event_slug_once_an_agenda"
            ),
            models.UniqueConstraint(
                fields=["series", "occurrence"], name="agenda_event_once_an_occurrence"
            ),
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")), name="agenda_event_ends_after_start"
            ),
        ]

    def __str__(self):
        return self.label

    def save(self, *args, **kwargs):
        if not self.slug:
            self.slug = unique_slug(
                self, Event.objects.filter(agenda_id=self.agenda_id), fallback="event"
            )
        super().save(*args, **kwargs)

    @property
    def places(self) -> int:
        return self.bookable.places

    @property
    def waiting_places(self) -> int:
        return self.bookable.waiting_places

    @property
    def is_cancelled(self) -> bool:
        return self.cancelled_at is not None


# What visitors set in motion


class FormVersion(models.Model):
    """What a booking block asked, exactly as a visitor saw it. Written once, never changed."""

    digest = models.CharField(max_length=64, unique=True)
    agenda = models.ForeignKey(Agenda, models.CASCADE, related_name="form_versions")
    definition = models.JSONField(encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("form version")
        verbose_name_plural = _("form versions")

    def __str__(self):
        return self.digest[:12]


class Booking(models.Model):
    """Who comes when. Written by `booking` alone.

    `agenda` is the one whose desk or event it takes; `virtual_agenda` the one where it was chosen,
    if that is another. `waiting_since` orders the waiting list and stays when a place is had;
    `suspended` keeps somebody there until an agent takes them back. `decide_by` is when an offer
    or a request lapses. Bookings made in one go share `booked_together`. `person_digest` is a
    keyed digest of whom the caps count. `address_version` rises whenever the visitor's address is
    corrected: their link and the UID of their calendar entry are then made anew.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField(_("number"), max_length=12, unique=True, default=make_reference)
    agenda = models.ForeignKey(
        Agenda, models.PROTECT, related_name="bookings", verbose_name=_("agenda")
    )
    meeting_type = models.ForeignKey(
        MeetingType,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("appointment type"),
    )
    desk = models.ForeignKey(
        Desk,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("desk"),
    )
    event = models.ForeignKey(
        Event,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("event"),
    )
    virtual_agenda = models.ForeignKey(
        Agenda,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="bookings_through_it",
        verbose_name=_("chosen in"),
    )
    resources = models.ManyToManyField(
        Resource, blank=True, related_name="bookings", verbose_name=_("resources")
    )
    start = models.DateTimeField(_("starts at"))
    end = models.DateTimeField(_("ends at"))
    places = models.PositiveIntegerField(_("places"), default=1)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    suspended = models.BooleanField(_("put back on the waiting list"), default=False)
    decide_by = models.DateTimeField(_("to be decided by"), null=True, blank=True)
    booked_together = models.UUIDField(null=True, blank=True, editable=False)
    admission = models.CharField(
        _("admission"), max_length=20, choices=Admission.choices, default=Admission.CONFIRMED
    )
    status = models.ForeignKey(
        WorkflowStatus,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("status"),
    )
    attendance = models.CharField(
        _("attendance"),
        max_length=10,
        choices=Attendance.choices,
        default=Attendance.UNKNOWN,
        blank=True,
    )
    attendance_reason = models.ForeignKey(
        "AttendanceReason",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("reason for the attendance"),
    )
    attendance_note = models.CharField(_("note on the attendance"), max_length=500, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    cancellation_reason = models.TextField(_("reason for the cancellation"), blank=True)

    label = models.CharField(_("label"), max_length=255, blank=True)
    user_display_label = models.CharField(_("title of the invitation"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    user_name = models.CharField(_("name"), max_length=255, blank=True)
    user_email = models.CharField(_("e-mail"), max_length=254, blank=True)
    user_phone_number = models.CharField(_("telephone"), max_length=50, blank=True)
    user_external_id = models.CharField(_("external id"), max_length=250, blank=True)
    extra_emails = models.JSONField(_("further e-mail addresses"), default=list, blank=True)
    extra_phone_numbers = models.JSONField(_("further telephone numbers"), default=list, blank=True)
    backoffice_url = models.CharField(_("address in your back office"), max_length=500, blank=True)
    form_url = models.CharField(_("address of the form"), max_length=500, blank=True)
    extra_data = models.JSONField(_("further data"), default=dict, blank=True)
    cancel_callback_url = models.CharField(
        _("address to call when it is cancelled here"), max_length=2000, blank=True
    )
    presence_callback_url = models.CharField(
        _("address to call for who was present"), max_length=2000, blank=True
    )
    absence_callback_url = models.CharField(
        _("address to call for who was absent"), max_length=2000, blank=True
    )
    client = models.ForeignKey(
        "ApiClient",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("made by the system"),
    )

    form_version = models.ForeignKey(
        FormVersion, models.PROTECT, null=True, blank=True, related_name="bookings"
    )
    answers = models.JSONField(_("answers"), default=dict, blank=True, encoder=DjangoJSONEncoder)
    status_since = models.DateTimeField(_("in this status since"), null=True, blank=True)
    anonymised_at = models.DateTimeField(
        _("personal data removed at"), null=True, blank=True, editable=False
    )
    language = models.CharField(_("language"), max_length=20, blank=True)
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True, related_name="+")
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    address_version = models.PositiveIntegerField(default=0, editable=False)
    person_digest = models.CharField(max_length=64, blank=True, editable=False)
    made_by = models.CharField(
        _("made by"), max_length=10, choices=Actor.choices, default=Actor.VISITOR
    )
    created_at = models.DateTimeField(_("made at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        ordering = ["start", "pk"]
        indexes = [
            models.Index(fields=["agenda", "start"], name="agenda_booking_by_start"),
            models.Index(fields=["desk", "start"], name="agenda_booking_by_desk"),
            models.Index(fields=["agenda", "person_digest"], name="agenda_booking_by_person"),
            models.Index(fields=["decide_by"], name="agenda_booking_by_deadline"),
            models.Index(fields=["booked_together"], name="agenda_booking_together"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")),
                name="agenda_booking_ends_after_start",
            ),
            models.CheckConstraint(
                condition=models.Q(places__gte=1), name="agenda_booking_has_a_place"
            ),
            models.CheckConstraint(
                condition=models.Q(event__isnull=True)
                | models.Q(desk__isnull=True, meeting_type__isnull=True),
                name="agenda_booking_event_or_appointment",
            ),
        ]

    def __str__(self):
        return f"{self.display_name} ({self.reference})"

    @property
    def display_name(self) -> str:
        """`label – user name`, as agendas show it."""
        return " – ".join(part for part in (self.label, self.user_name) if part) or self.reference

    @property
    def is_cancelled(self) -> bool:
        return self.admission == Admission.CANCELLED

    @property
    def local_start(self):
        return self.start.astimezone(self.agenda.zone)

    @property
    def local_end(self):
        return self.end.astimezone(self.agenda.zone)


class Hold(models.Model):
    """What one lock code keeps while its visitor fills the form, with what they typed so far.

    It lapses by the clock alone: its occupations count for nothing after `lapses_at`. The row
    itself stays a day, so that nothing typed is lost when a slot is. `agenda` is where the visitor
    chose, which for a virtual agenda is not the desk's. `waiting` says that the places kept are
    those of the waiting list. Of several events at once, `event` is the first, and `event_ids`
    are all of them.
    """

    agenda = models.ForeignKey(Agenda, models.CASCADE, related_name="holds")
    lock_code = models.CharField(max_length=100)
    visitor_key = models.CharField(max_length=64, blank=True)
    address_key = models.CharField(max_length=64, blank=True)
    meeting_type = models.ForeignKey(
        MeetingType, models.CASCADE, null=True, blank=True, related_name="+"
    )
    desk = models.ForeignKey(Desk, models.CASCADE, null=True, blank=True, related_name="+")
    event = models.ForeignKey(Event, models.CASCADE, null=True, blank=True, related_name="+")
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)
    places = models.PositiveIntegerField(default=1)
    waiting = models.BooleanField(default=False)
    resource_ids = models.JSONField(default=list, blank=True)
    event_ids = models.JSONField(default=list, blank=True)
    lapses_at = models.DateTimeField(null=True, blank=True)
    form_version = models.ForeignKey(
        FormVersion, models.CASCADE, null=True, blank=True, related_name="holds"
    )
    answers = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    return_path = models.CharField(max_length=1000, blank=True)
    booking = models.OneToOneField(
        Booking, models.CASCADE, null=True, blank=True, related_name="hold"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(
                fields=["agenda", "lock_code"], name="agenda_hold_once_a_lock_code"
            )
        ]
        indexes = [
            models.Index(fields=["visitor_key", "lapses_at"], name="agenda_hold_by_visitor"),
            models.Index(fields=["address_key", "lapses_at"], name="agenda_hold_by_address"),
        ]

    def __str__(self):
        return self.lock_code


class Occupation(models.Model):
    """The only thing that takes time or places. Listings and admission read nothing else.

    `busy_from` and `busy_to` are whole minutes since the epoch, UTC, with buffers: integers are
    about ten times cheaper to read in bulk than timestamps. A null `lapses_at` never lapses.
    `waiting` ones take places of the waiting list instead of the main one.
    """

    bookable = models.ForeignKey(Bookable, models.CASCADE, related_name="occupations")
    busy_from = models.IntegerField()
    busy_to = models.IntegerField()
    places = models.PositiveIntegerField(default=1)
    waiting = models.BooleanField(default=False)
    booking = models.ForeignKey(
        Booking, with_its_owner, null=True, blank=True, related_name="occupations"
    )
    hold = models.ForeignKey(
        Hold, with_its_owner, null=True, blank=True, related_name="occupations"
    )
    called_meeting = models.ForeignKey(
        CalledMeeting, with_its_owner, null=True, blank=True, related_name="occupations"
    )
    lapses_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("occupation")
        verbose_name_plural = _("occupations")
        indexes = [
            # Admission asks what ends after a moment that is nearly always near: with the end
            # first, years of history are never walked through.
            models.Index(
                fields=["bookable", "busy_to", "busy_from"], name="agenda_occupation_by_end"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(busy_to__gt=models.F("busy_from")),
                name="agenda_occupation_ends_after_start",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    booking__isnull=False, hold__isnull=True, called_meeting__isnull=True
                )
                | models.Q(booking__isnull=True, hold__isnull=False, called_meeting__isnull=True)
                | models.Q(booking__isnull=True, hold__isnull=True, called_meeting__isnull=False),
                name="agenda_occupation_has_one_owner",
            ),
            models.UniqueConstraint(
                fields=["booking", "bookable"], name="agenda_occupation_once_a_booking"
            ),
            models.UniqueConstraint(
                fields=["hold", "bookable"], name="agenda_occupation_once_a_hold"
            ),
            models.UniqueConstraint(
                fields=["called_meeting", "bookable"], name="agenda_occupation_once_a_meeting"
            ),
        ]

    def __str__(self):
        return f"{self.bookable_id}: {self.busy_from}–{self.busy_to}"


class PersonLock(models.Model):
    """The lock of one person's bookings in one agenda, made when something counts them.

    Taken before any `Bookable`, so that two bookings of one person at one moment see each other.
    """

    agenda = models.ForeignKey(Agenda, models.CASCADE, related_name="+")
    person_digest = models.CharField(max_length=64)
    version = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("lock of a person")
        verbose_name_plural = _("locks of persons")
        constraints = [
            models.UniqueConstraint(
                fields=["agenda", "person_digest"], name="agenda_person_lock_once_a_person"
            )
        ]

    def __str__(self):
        return f"{self.agenda_id}: {self.person_digest[:8]}"


# Who came


class AttendanceReason(models.Model):
    """Why somebody was late or did not come, to choose from a list instead of typing it."""

    agenda = models.ForeignKey(
        Agenda,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="attendance_reasons",
        verbose_name=_("agenda"),
        help_text=_("Leave empty to offer it on every agenda."),
    )
    attendance = models.CharField(
        _("attendance"),
        max_length=10,
        choices=[choice for choice in Attendance.choices if choice[0]],
        default=Attendance.ABSENT,
        help_text=_("Whoever is checked in like this can be given the reason."),
    )
    label = models.CharField(_("label"), max_length=150)
    sort_order = models.PositiveIntegerField(_("order"), default=0)
    retired = models.BooleanField(
        _("retired"),
        default=False,
        help_text=_("Is no longer offered; where it was given, it stays."),
    )

    class Meta:
        verbose_name = _("attendance reason")
        verbose_name_plural = _("attendance reasons")
        ordering = ["sort_order", "pk"]

    def __str__(self):
        return self.label


class AttendanceSheet(models.Model):
    """Who came to one event, or to one agenda on one day: the lock of all its check-ins.

    Written by `attendance.py` alone; made with the first check-in. While `checked_at` says when
    the sheet was marked as checked, nothing on it changes. `version` rises with every change.
    """

    agenda = models.ForeignKey(Agenda, models.CASCADE, related_name="attendance_sheets")
    # Unique constraints let any number of empty values pass, on every database.
    event = models.OneToOneField(
        Event, models.CASCADE, null=True, blank=True, related_name="attendance_sheet"
    )
    day = models.DateField(null=True, blank=True)
    version = models.BigIntegerField(default=0)
    checked_at = models.DateTimeField(null=True, blank=True)
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    last_act = models.UUIDField(null=True, blank=True)

    class Meta:
        verbose_name = _("attendance sheet")
        verbose_name_plural = _("attendance sheets")
        constraints = [
            models.UniqueConstraint(
                fields=["agenda", "day"], name="agenda_attendance_sheet_once_a_day"
            ),
            models.CheckConstraint(
                condition=models.Q(event__isnull=True, day__isnull=False)
                | models.Q(event__isnull=False, day__isnull=True),
                name="agenda_attendance_sheet_event_or_day",
            ),
        ]

    def __str__(self):
        return str(self.event or f"{self.agenda}, {self.day}")


# Who may do what


class AgendaGrant(models.Model):
    """Gives the members of a group a role on one agenda."""

    agenda = models.ForeignKey(
        Agenda, models.CASCADE, related_name="grants", verbose_name=_("agenda")
    )
    group = models.ForeignKey(
        Group, models.CASCADE, related_name="agenda_grants", verbose_name=_("group")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.AGENT)

    class Meta:
        verbose_name = _("agenda role")
        verbose_name_plural = _("agenda roles")
        constraints = [
            models.UniqueConstraint(fields=["agenda", "group"], name="agenda_grant_once_a_group")
        ]

    def __str__(self):
        return f"{self.group} → {self.agenda}: {self.get_role_display()}"
