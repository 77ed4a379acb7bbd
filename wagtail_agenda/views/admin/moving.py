"""Moving a booking: choose a free time, see from when to when, and do it by POST."""

from collections.abc import Sequence
from datetime import date, datetime, timezone
from functools import cached_property
from urllib.parse import urlencode

from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from wagtail.admin import messages

from wagtail_agenda import availability, permissions, slot_key
from wagtail_agenda import booking as bookings
from wagtail_agenda.availability import Slot
from wagtail_agenda.choices import Actor, Admission, Role
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.models import Agenda, Booking
from wagtail_agenda.views.admin import acts
from wagtail_agenda.views.admin.act_views import tell, try_again
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.bookings import BookingPage
from wagtail_agenda.views.admin.dates import today_in
from wagtail_agenda.views.admin.slot_choice import (
    SlotChoosing,
    key_of_length,
    length_text,
    lengths_of,
)
from wagtail_agenda.wording import day_text, moment_text, span_text

LONGEST_KEY = 250


class MoveView(SlotChoosing, BookingPage, TemplateView):
    """`?to=` names the slot that was chosen; a POST to that address moves the booking there."""

    template_name = "wagtail_agenda/admin/booking_move.html"
    problem = ""

    @cached_property
    def agenda(self) -> Agenda:
        """Where it was chosen, so that all the desks of a virtual agenda can be had again."""
        virtual = self.booking.virtual_agenda
        if virtual is not None and permissions.may(self.request.user, Role.AGENT, virtual):
            return virtual
        return self.booking.agenda

    def dispatch(self, request, *args, **kwargs):
        self.slot = None
        return super().dispatch(request, *args, **kwargs)

    def get(self, request, *args, **kwargs):
        if acts.MOVE not in acts.acts_for(self.booking, self.now):
            messages.warning(request, self.refusal())
            return redirect(self.own_url)
        if self.asked_key:
            self.look_up()
        return super().get(request, *args, **kwargs)

    def refusal(self) -> str:
        try:
            bookings.require_may_move(self.booking, actor=Actor.AGENT, now=self.now)
        except BookingError as error:
            return str(error)
        return ""

    def post(self, request, *args, **kwargs):
        # Whether one may is asked before anything else.
        booking = self.booking
        if not self.asked_key:
            self.problem = _("Choose one of the times.")
        else:
            self.look_up()
        if self.slot is None:
            return self.render_to_response(self.get_context_data())
        slot = self.slot
        try:
            outcome = acts.carry_out(acts.MOVE, booking, now=self.now, user=request.user, slot=slot)
        except Overloaded as error:
            messages.error(request, str(error))
            return try_again(self.render_to_response(self.get_context_data()), error)
        if outcome.failed:
            self.problem, self.slot = outcome.text, None
            return self.render_to_response(self.get_context_data())
        tell(request, outcome)
        return redirect(self.own_url)

    # Which slot

    @property
    def asked_key(self) -> str:
        return self.request.GET.get("to", "")[:LONGEST_KEY]

    @cached_property
    def minutes(self) -> int | None:
        """How long it is to last, where one chooses that: as long as before, unless asked for."""
        lengths = lengths_of(self.meeting_type)
        if not lengths:
            return None
        asked = self.request.GET.get("minutes", "")
        if asked.isascii() and asked.isdigit() and len(asked) < 5 and int(asked) in lengths:
            return int(asked)
        before = int((self.booking.end - self.booking.start).total_seconds()) // 60
        return before if before in lengths else lengths[0]

    def look_up(self) -> None:
        """Find the slot that is asked for, or say why it cannot be had."""
        try:
            found = availability.find(
                self.agenda,
                key_of_length(self.asked_key, self.minutes),
                now=self.now,
                bypass_delays=True,
                resources=self.resources,
                but_booking=self.but_booking,
            )
        except BookingError as error:
            self.problem = acts.in_words(error, self.booking)
            return
        self.slot = self.at_own_desks(found)
        if self.slot is None and self.is_where_it_is(found):
            self.problem = _("The booking is at this time already. Choose another one.")
        elif self.slot is None:
            self.problem = _("That desk is not free then. Choose another time, or any desk.")

    @property
    def but_booking(self) -> Booking:
        return self.booking

    def at_own_desks(self, slot: Slot) -> Slot | None:
        """Without the desk that it has, where nothing else would change."""
        slot = super().at_own_desks(slot)
        if slot is None or not self.is_where_it_is(slot):
            return slot
        others = tuple(pk for pk in slot.desk_ids if pk != self.booking.desk_id)
        return slot.only_at(others) if others else None

    def is_where_it_is(self, slot: Slot) -> bool:
        """Whether the booking has that time already, at one of the desks of that slot."""
        booking = self.booking
        if slot.event is not None or booking.desk_id not in slot.desks:
            return False
        times = [moment.astimezone(timezone.utc) for moment in (slot.start, slot.end)]
        same_type = slot.type_at(booking.desk_id).pk == booking.meeting_type_id
        return same_type and times == [booking.start, booking.end]

    @property
    def wanted_start(self) -> datetime:
        """When it was to begin, as far as that can be made out."""
        named = slot_key.read(self.asked_key)
        start = named.instant(self.agenda.zone) if named is not None else None
        return start or self.booking.start

    # What there is to choose

    def usual_day(self) -> date:
        return max(self.booking.start.astimezone(self.agenda.zone).date(), today_in(self.agenda))

    def usual_type(self) -> str:
        return self.booking.meeting_type.slug if self.booking.meeting_type else ""

    def usual_resources(self) -> Sequence[str]:
        # Once the form has been sent, nothing ticked means that none is wanted.
        if "date" in self.request.GET:
            return ()
        return [resource.slug for resource in self.booking.resources.all()]

    def slots_between(self, first: date, last: date) -> list[Slot]:
        found = super().slots_between(first, last)
        return [slot for slot in found if slot.event is None or self.has_room(slot)]

    def has_room(self, slot: Slot) -> bool:
        """Whether an event takes the booking: who has a place gives it up for nothing less."""
        places = self.booking.places
        if slot.event.pk == self.booking.event_id:
            return False
        if self.booking.admission == Admission.WAITING:
            return slot.has_room_for(places)
        return not slot.queued and slot.places_free >= places

    def is_chosen(self, slot: Slot) -> bool:
        return slot.key == self.asked_key or super().is_chosen(slot)

    # What is shown

    def get_page_subtitle(self):
        return acts.MOVE.label

    def trail(self):
        return [*super().trail(), ("", acts.MOVE.label)]

    def get_context_data(self, **kwargs):
        elsewhere = None if self.slots else self.next_day_with_room()
        slot = self.slot
        nearest = [] if slot or not self.problem else self.nearest(self.wanted_start)
        return super().get_context_data(
            **kwargs,
            agenda_of_choice=self.agenda,
            problem=self.problem,
            meeting_type=self.meeting_type,
            filter_form=self.filter_form(),
            day_text=day_text(self.day),
            choices=self.choices(),
            lengths=[
                (minutes, length_text(minutes), minutes == self.minutes)
                for minutes in lengths_of(self.meeting_type)
            ],
            slot=slot,
            slot_text=span_text(slot.start, slot.end) if slot else "",
            slot_resources=resources_of(slot) if slot else [],
            nearest=[(self.address_to(one), self.words_of(one)) for one in nearest],
            next_day=day_text(elsewhere) if elsewhere else "",
            next_day_url=f"{self.here}?{urlencode(self.asked_for(elsewhere))}" if elsewhere else "",
            here=self.here,
            asked=self.asked_for(self.day),
            back_url=self.own_url,
        )

    @property
    def here(self) -> str:
        return url_to("booking_move", self.booking.pk)

    def address_to(self, slot: Slot) -> str:
        day = slot.start.astimezone(self.agenda.zone).date()
        return f"{self.here}?{urlencode([*self.asked_for(day), ('to', slot.key)])}"

    def words_of(self, slot: Slot) -> str:
        when = moment_text(slot.start)
        return f"{slot.event}, {when}" if slot.event is not None else when


def resources_of(slot: Slot) -> list[str]:
    """What a slot takes beside its first desk."""
    desk_id = slot.desk_ids[0] if slot.desk_ids else None
    return [str(resource) for resource in slot.resources_at(desk_id)]
