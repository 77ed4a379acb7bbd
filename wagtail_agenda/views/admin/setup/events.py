"""The form of an event, and what its list says of it."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from django import forms
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import booking
from wagtail_agenda.choices import Admission, AgendaKind
from wagtail_agenda.errors import EventIsBooked
from wagtail_agenda.models import MOST_PLACES, Booking, Event, Occupation
from wagtail_agenda.setup_rules.offers import event_time_errors
from wagtail_agenda.views.admin.setup.asking import (
    AskingForm,
    Question,
    coming_bookings,
    lines_of,
)
from wagtail_agenda.views.admin.setup.dates import read_in_zone
from wagtail_agenda.views.admin.setup.offers import OfferForm
from wagtail_agenda.wording import day_text, short_moment_text, span_text, time_text

TIMES = ("start", "end", "publish_at")


class EventForm(AskingForm, OfferForm):
    """An event and its places, which `booking` alone writes.

    Another time for those who have booked is asked about, and so is whether they are told of other
    texts. Whoever is told of another time reads the new texts with it.
    """

    kind = AgendaKind.EVENTS

    places = forms.IntegerField(
        label=_("Places"),
        min_value=1,
        max_value=MOST_PLACES,
        initial=1,
        help_text=_("How many can be booked in all. Never fewer than are booked already."),
    )
    waiting_places = forms.IntegerField(
        label=_("Places on the waiting list"),
        min_value=0,
        max_value=MOST_PLACES,
        required=False,
        help_text=_(
            "How many can wait for a place once all are taken. With 0, there is no waiting list. "
            "The agenda says who gets a place that becomes free."
        ),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.bookable_id:
            self.initial.setdefault("places", self.instance.places)
            self.initial.setdefault("waiting_places", self.instance.waiting_places)
        self._freeze_slug()
        self.time_on_record = (self.instance.start, self.instance.end)
        self.texts_on_record = {name: getattr(self.instance, name) for name in booking.EVENT_TEXTS}
        self.bookings_asked_about = 0
        self.telling = False
        for name in TIMES:
            self.fields[name].help_text = self._help_of_time(name)
            if self.instance.pk and getattr(self.instance, name):
                # Without a zone, so that the field does not convert it to the site's own.
                shown = timezone.make_naive(getattr(self.instance, name), self.instance.agenda.zone)
                self.initial[name] = shown

    def _help_of_time(self, name: str) -> str:
        if name == "publish_at":
            return _(
                "Visitors do not see it before; colleagues do. Left empty, it is shown at once. "
                "In the time zone of the agenda."
            )
        return _("In the time zone of the agenda.")

    def clean_waiting_places(self) -> int:
        """As many as there are, where the field was left out or left empty."""
        value = self.cleaned_data.get("waiting_places")
        if value is not None:
            return value
        return self.instance.waiting_places if self.instance.bookable_id else 0

    def clean(self):
        cleaned = super().clean()
        if agenda := cleaned.get("agenda"):
            read_in_zone(self, cleaned, TIMES, agenda.zone)
        start, end = cleaned.get("start"), cleaned.get("end")
        for field, error in event_time_errors(start, end, cleaned.get("publish_at")):
            self.add_error(field, error)
        if self.instance.pk and not self.errors and not self.instance.is_cancelled:
            if self.time_on_record != (start, end):
                self._ask_about_bookings(start, end)
            elif self._changed_texts():
                self._ask_about_telling()
        return cleaned

    def _changed_texts(self) -> dict[str, str]:
        """What stands in mails and calendar entries, where the form says something else."""
        return {
            name: self.cleaned_data[name]
            for name, before in self.texts_on_record.items()
            if self.cleaned_data.get(name, before) != before
        }

    def _ask_about_telling(self) -> None:
        bookings = coming_bookings(timezone.now(), event=self.instance)
        if bookings.exists():
            self.telling = self.ask(rewording(bookings, self._changed_texts(), self.for_user))

    def _ask_about_bookings(self, start: datetime, end: datetime) -> None:
        bookings = coming_bookings(timezone.now(), event=self.instance)
        self.bookings_asked_about = bookings.count()
        if self.bookings_asked_about:
            zone = self.instance.agenda.zone
            local = (start.astimezone(zone), end.astimezone(zone))
            self.ask(moving(bookings, *local, self.for_user))

    def save(self, commit=True):
        """Raises BookingError when the places or the time cannot be what the form says."""
        start, end = self.cleaned_data["start"], self.cleaned_data["end"]
        event, now = self.instance, timezone.now()
        is_new = event.pk is None
        if not is_new:
            event.start, event.end = self.time_on_record
        with transaction.atomic():
            if not is_new and not event.is_cancelled and (changed := self._changed_texts()):
                booking.reword_event(
                    event, changed, now=now, user=self.for_user, telling=self.telling
                )
            event = super().save(commit)
            if not is_new and self.time_on_record != (start, end):
                self._change_time(event, start, end, now)
            self._change_places(event, now)
        return event

    def _change_time(self, event: Event, start: datetime, end: datetime, now: datetime) -> None:
        moved = booking.change_event_time(
            event,
            start,
            end,
            now=now,
            user=self.for_user,
            with_bookings=self.bookings_asked_about > 0,
        )
        if moved != self.bookings_asked_about:
            # Somebody has booked or cancelled since: whoever decides has not seen that.
            raise EventIsBooked()

    def _change_places(self, event: Event, now: datetime) -> None:
        places = self.cleaned_data["places"]
        waiting_places = self.cleaned_data["waiting_places"]
        if (event.places, event.waiting_places) != (places, waiting_places):
            booking.change_places(event, places, now=now, waiting_places=waiting_places)


def moving(bookings: QuerySet[Booking], start: datetime, end: datetime, user) -> Question:
    """Whether to move an event, with those who have booked it, to other local times."""
    count = bookings.count()
    lines = lines_of(bookings, user)
    happens = ngettext(
        "%(count)d booking would move to %(when)s, and its visitor would be told as the booking "
        "workflow says.",
        "%(count)d bookings would move to %(when)s, and their visitors would be told as the "
        "booking workflow says.",
        count,
    )
    return Question(
        field="start",
        key=f"moved:{start.isoformat()}:{end.isoformat()}:{count}",
        sentences=[happens % {"count": count, "when": span_text(start, end)}],
        answer=gettext("Move it, and tell everybody who has booked"),
        lines=lines,
        more=count - len(lines),
    )


def rewording(bookings: QuerySet[Booking], wanted: Mapping[str, str], user) -> Question:
    """Whether those who have booked an event are told of its new texts."""
    count = bookings.count()
    lines = lines_of(bookings, user)
    happens = ngettext(
        "%(count)d booking has been told something else: where it takes place, what it is called, "
        "or what is said of it. You can tell its visitor, as the booking workflow says, with an "
        "update for their calendar.",
        "%(count)d bookings have been told something else: where it takes place, what it is "
        "called, or what is said of it. You can tell their visitors, as the booking workflow says, "
        "with an update for their calendars.",
        count,
    )
    said = hashlib.sha256(repr(sorted(wanted.items())).encode()).hexdigest()[:16]
    return Question(
        field=next(iter(wanted)),
        key=f"reworded:{said}:{count}",
        sentences=[happens % {"count": count}],
        answer=gettext("Save it, and tell everybody who has booked"),
        otherwise=gettext("Save it without telling anybody"),
        lines=lines,
        more=count - len(lines),
    )


# What the list of events says


def start_in_words(event: Event) -> str:
    """When an event starts, as its visitors read it."""
    local = event.start.astimezone(event.agenda.zone)
    return f"{day_text(local.date())}, {time_text(local)}"


def with_places_on_offer(events: QuerySet[Event], now: datetime) -> QuerySet[Event]:
    """Events with `places_on_offer`: how many are kept for those who wait to accept them.

    Offers lapse by the clock, so they are in no counter of the bookable.
    """
    offers = Occupation.objects.filter(
        bookable_id=OuterRef("bookable_id"),
        waiting=False,
        lapses_at__gt=now,
        booking__admission=Admission.OFFERED,
    )
    total = offers.order_by().values("bookable_id").values_list(Sum("places"))
    return events.annotate(places_on_offer=Coalesce(Subquery(total), 0))


def places_in_words(event: Event) -> str:
    """“3 of 20 booked, 1 on offer, 2 waiting”, of an event `with_places_on_offer`."""
    bookable = event.bookable
    said = [
        gettext("%(booked)d of %(places)d booked")
        % {"booked": bookable.places_booked, "places": bookable.places}
    ]
    offered, waiting = event.places_on_offer, bookable.places_waiting
    if offered:
        text = ngettext("%(count)d on offer", "%(count)d on offer", offered)
        said.append(text % {"count": offered})
    if waiting:
        text = ngettext("%(count)d waiting", "%(count)d waiting", waiting)
        said.append(text % {"count": waiting})
    return ", ".join(said)


def state_in_words(event: Event) -> str:
    """Whether visitors can book it, and if not, why not."""
    if event.is_cancelled:
        return gettext("Cancelled")
    now = timezone.now()
    if event.start <= now:
        return gettext("Has begun")
    if event.publish_at and event.publish_at > now:
        when = short_moment_text(event.publish_at.astimezone(event.agenda.zone))
        return gettext("Published on %(when)s") % {"when": when}
    return gettext("Open for booking") if event.open_for_booking else gettext("Closed")
