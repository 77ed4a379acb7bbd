"""Booking for somebody: what and when by GET, who by POST."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.coreutils import get_content_languages
from wagtail.models import Site

from wagtail_agenda import availability, slot_key
from wagtail_agenda import booking as bookings
from wagtail_agenda.availability import Slot
from wagtail_agenda.booking import Waiting
from wagtail_agenda.choices import Actor, Admission
from wagtail_agenda.cleaning import clean_text, one_line
from wagtail_agenda.errors import BookingError, NotOffered, Overloaded, SoldOut
from wagtail_agenda.models import MOST_PLACES, Agenda, Booking
from wagtail_agenda.views.admin.act_views import try_again
from wagtail_agenda.views.admin.base import AgentPage, log_act, url_to
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.slot_choice import (
    DAYS_TO_LOOK_AHEAD,
    SlotChoosing,
    key_of_length,
    length_text,
    lengths_of,
)
from wagtail_agenda.wording import day_text, span_text

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
LONGEST_KEY = 250
MOST_TOGETHER = 100
"""How many events one booking in one go may name."""


class SlotsField(forms.Field):
    """The names of the slots that were ticked: a list, also where one is chosen alone."""

    widget = forms.MultipleHiddenInput

    def clean(self, value):
        keys = [key for key in value or () if key]
        if not keys or len(keys) > MOST_TOGETHER or any(len(key) > LONGEST_KEY for key in keys):
            raise forms.ValidationError(_("Choose one of the times."), code="required")
        return list(dict.fromkeys(keys))


class NewBookingForm(forms.Form):
    """Who is booked, and for which of the slots that the page lists."""

    slot = SlotsField()
    places = forms.IntegerField(
        label=gettext_lazy("Places"),
        min_value=1,
        max_value=MOST_PLACES,
        initial=1,
        required=False,
        help_text=gettext_lazy("Agents may give more places than visitors can choose."),
    )
    waiting = forms.BooleanField(
        label=gettext_lazy("Put on the waiting list if there is no place"),
        required=False,
        help_text=gettext_lazy("Without this, nobody is booked who would have to wait."),
    )
    minutes = forms.TypedChoiceField(label=pgettext_lazy("of an appointment", "Length"), coerce=int)
    user_name = forms.CharField(label=gettext_lazy("Name"), max_length=255)
    user_email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        required=False,
        help_text=gettext_lazy("The confirmation goes there. Without it, no mail is sent."),
    )
    user_phone_number = forms.CharField(
        label=gettext_lazy("Telephone"), max_length=50, required=False
    )
    description = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Stands in the invitation too: the visitor can read it."),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language of the visitor"),
        help_text=gettext_lazy("Mails are written in this language."),
    )

    def __init__(self, *args, agenda: Agenda, lengths: Sequence[int], **kwargs):
        super().__init__(*args, **kwargs)
        if agenda.takes_appointments:
            del self.fields["places"]
            del self.fields["waiting"]
        if lengths:
            self.fields["minutes"].choices = [(one, length_text(one)) for one in lengths]
        else:
            del self.fields["minutes"]
        languages = list(get_content_languages().items())
        self.fields["language"].choices = languages
        self.fields["language"].initial = settings.LANGUAGE_CODE
        if len(languages) < 2:
            del self.fields["language"]

    @property
    def visitor_fields(self):
        return [field for field in self if field.name != "slot"]

    def clean_places(self):
        return self.cleaned_data["places"] or 1

    def clean_user_name(self):
        return one_line(self.cleaned_data["user_name"])

    def clean_user_phone_number(self):
        return one_line(self.cleaned_data["user_phone_number"])

    def clean_description(self):
        return clean_text(self.cleaned_data["description"])


class NewBookingView(SlotChoosing, AgentPage, FormView):
    """An agent books for somebody: what and when by GET, who by POST.

    The booking delays are for visitors; an agent may book whatever is open and free.
    """

    form_class = NewBookingForm
    template_name = "wagtail_agenda/admin/booking_new.html"
    page_title = gettext_lazy("New booking")

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()

    @cached_property
    def agenda(self):
        return self.get_agenda(self.kwargs["slug"])

    @property
    def together(self) -> bool:
        """Whether several events may be chosen at once; they are listed beyond the day then."""
        return self.agenda.several_events and not self.agenda.takes_appointments

    @cached_property
    def slots(self) -> list[Slot]:
        last = self.day + timedelta(days=DAYS_TO_LOOK_AHEAD) if self.together else self.day
        return self.slots_between(self.day, last)

    def is_chosen(self, slot: Slot) -> bool:
        """Whether the slot was ticked or, before that, named by the cell or event one came from."""
        if self.request.method == "POST":
            return slot.key in self.request.POST.getlist("slot")
        return super().is_chosen(slot)

    def get_form_kwargs(self):
        lengths = lengths_of(self.meeting_type)
        return {**super().get_form_kwargs(), "agenda": self.agenda, "lengths": lengths}

    def here(self, day: date) -> str:
        """This page on another day."""
        return f"{url_to('booking_new', self.agenda.slug)}?{urlencode(self.asked_for(day))}"

    def why_url(self) -> str:
        """Why the time of the cell that one came from is not among those to choose from."""
        asked = self.request.GET.get("time", "")
        if not CLOCK.fullmatch(asked) or not self.agenda.takes_appointments:
            return ""
        query = {
            "agenda": self.agenda.slug,
            "at": f"{self.day.isoformat()}T{asked}",
            "type": self.meeting_type.slug if self.meeting_type else "",
        }
        return with_query(url_to("explain"), query)

    def trail(self):
        return [
            (url_to("day", self.agenda.slug, self.day), self.agenda),
            ("", _("New booking")),
        ]

    def find(self, key: str) -> Slot:
        """The slot of that name, at the desk that was asked for if it is free there.

        Raises what `availability.find` does, and `NotOffered` if no desk of one's own is free.
        """
        slot = availability.find(
            self.agenda, key, now=self.now, bypass_delays=True, resources=self.resources
        )
        at_desk = self.at_own_desks(slot)
        if at_desk is not None:
            return at_desk
        if self.agenda.is_virtual:
            raise NotOffered()
        return slot

    def post(self, request, *args, **kwargs):
        # Whether one may is asked before whether the form is right.
        self.agenda  # noqa: B018
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        typed = dict(form.cleaned_data)
        keys, minutes = typed.pop("slot"), typed.pop("minutes", None)
        may_wait = typed.pop("waiting", False)
        typed.setdefault("language", settings.LANGUAGE_CODE)
        slots: list[Slot] = []
        try:
            for key in keys if self.together else keys[:1]:
                slots.append(self.find(key_of_length(key, minutes)))
            made = self.book(
                slots,
                bookings.Details(**typed, site=Site.find_for_request(self.request)),
                Waiting.ACCEPTED if may_wait else Waiting.REFUSED,
            )
        except Overloaded as error:
            form.add_error(None, str(error))
            return try_again(self.form_invalid(form), error)
        except (NotOffered, SoldOut) as error:
            longest = self.longest_from(keys[0]) if minutes else 0
            if longest and longest < minutes:
                text = _("At that time it is free for %(length)s at most.")
                form.add_error("minutes", text % {"length": length_text(longest)})
                return self.form_invalid(form)
            self.say_sold_out(form, error, slots, may_wait)
            return self.form_invalid(form)
        except BookingError as error:
            form.add_error("slot", str(error))
            return self.form_invalid(form)
        for booking in made:
            log_act(booking, "book", self.request.user)
            self.tell(booking)
        day_url = url_to("day", self.agenda.slug, made[0].local_start.date())
        return redirect(f"{day_url}#booking-{made[0].pk}")

    def book(self, slots: list[Slot], details: bookings.Details, waiting: Waiting) -> list[Booking]:
        """All of the slots or none of them."""
        how = {
            "now": self.now,
            "actor": Actor.AGENT,
            "user": self.request.user,
            "waiting": waiting,
        }
        if len(slots) == 1:
            return [bookings.book(slots[0], details, **how)]
        return bookings.book_together(self.agenda, slots, details, **how).booked

    def longest_from(self, key: str) -> int:
        """For how many minutes the time of that name is free; 0 if it is not."""
        named = slot_key.read(key)
        start = named.instant(self.agenda.zone) if named is not None else None
        if start is None or self.meeting_type is None:
            return 0
        found = availability.ends(
            self.agenda,
            self.meeting_type,
            start,
            now=self.now,
            bypass_delays=True,
            resources=self.resources,
        )
        free = [slot for slot in found if self.at_own_desks(slot) is not None]
        return int((free[-1].end - free[-1].start).total_seconds()) // 60 if free else 0

    def say_sold_out(self, form, error: BookingError, slots: list[Slot], may_wait: bool) -> None:
        """Say that there is no room, and where a waiting list would do."""
        places = form.cleaned_data.get("places", 1)
        has_list = (
            isinstance(error, SoldOut)
            and slots
            and all(slot.event and slot.waiting_free >= places for slot in slots)
        )
        if has_list and not may_wait:
            form.add_error(
                "waiting",
                _("There is no place, or others are waiting for it. Tick this to let them wait."),
            )
        elif isinstance(error, SoldOut) and slots and slots[0].event and not error.event:
            form.add_error(
                "slot", _("There are not enough places left for this. Give the event more places.")
            )
        else:
            form.add_error("slot", str(error))

    def tell(self, booking: Booking) -> None:
        """Say who is booked, or waits, and for what."""
        said = _("%(name)s is booked for %(when)s.")
        if booking.admission == Admission.WAITING:
            said = _("%(name)s is on the waiting list for %(when)s.")
        when = span_text(booking.local_start, booking.local_end)
        messages.success(
            self.request,
            said % {"name": booking.display_name, "when": when},
            buttons=[messages.button(url_to("booking", booking.pk), _("See the booking"))],
        )

    def form_invalid(self, form):
        messages.error(self.request, _("Nobody was booked: see what is marked below."))
        return super().form_invalid(form)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        elsewhere = None if self.slots else self.next_day_with_room()
        choices = self.choices()
        return context | {
            "agenda": self.agenda,
            "day": self.day,
            "day_text": day_text(self.day),
            "meeting_type": self.meeting_type,
            "filter_form": self.filter_form(),
            "choices": choices,
            "why_url": "" if any(one.checked for one in choices) else self.why_url(),
            "why_time": self.request.GET.get("time", "")[:5],
            "together": self.together,
            "next_day": day_text(elsewhere) if elsewhere else "",
            "next_day_url": self.here(elsewhere) if elsewhere else "",
            "here": self.request.get_full_path(),
            "back_url": url_to("day", self.agenda.slug, self.day),
        }
