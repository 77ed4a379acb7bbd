"""One booking: its page, its cancellation, its mails; and booking for somebody."""

import dataclasses
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.admin.widgets.button import HeaderButton
from wagtail.coreutils import get_content_languages
from wagtail.models import Site

from wagtail_agenda import availability
from wagtail_agenda import booking as bookings
from wagtail_agenda.attendance import Sheet, as_seen, reasons_for, reasons_of
from wagtail_agenda.availability import Slot
from wagtail_agenda.choices import Actor, DeliveryState
from wagtail_agenda.cleaning import clean_text, one_line, web_address
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.form_definition import answers_in_words, in_words
from wagtail_agenda.models import Booking, Delivery, Desk, MeetingType
from wagtail_agenda.views.admin.base import (
    AgentPage,
    log_act,
    next_url,
    url_to,
)
from wagtail_agenda.views.admin.dates import complain_about_date, read_day, today_in
from wagtail_agenda.views.admin.filters import FilterForm, Offer
from wagtail_agenda.views.admin.presentation import (
    Line,
    clock,
    email_link,
    line,
    mark_text,
    telephone_link,
)
from wagtail_agenda.views.admin.timeline import timeline
from wagtail_agenda.wording import day_text, span_text, zone_text

DAYS_TO_LOOK_AHEAD = 60


class BookingPage(AgentPage):
    """A page about the booking that the address names."""

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()

    @cached_property
    def booking(self) -> Booking:
        return self.get_booking(self.kwargs["pk"], "site")

    @property
    def own_url(self) -> str:
        return url_to("booking", self.booking.pk)

    @property
    def day_url(self) -> str:
        agenda = self.booking.agenda
        return url_to("day", agenda.slug, self.booking.local_start.date())

    @cached_property
    def line(self) -> Line:
        return line(self.booking, zone=self.booking.agenda.zone, now=self.now)

    def get_page_title(self):
        return self.booking.display_name

    def trail(self):
        return [(self.day_url, self.booking.agenda), (self.own_url, self.booking.display_name)]

    def get_context_data(self, **kwargs):
        booking = self.booking
        return super().get_context_data(
            **kwargs,
            booking=booking,
            agenda=booking.agenda,
            line=self.line,
            when=span_text(booking.local_start, booking.local_end),
            zone=zone_text(booking.local_start),
            own_url=self.own_url,
            day_url=self.day_url,
        )


class BookingView(BookingPage, TemplateView):
    """Everything there is to know about one booking, and what can be done with it."""

    template_name = "wagtail_agenda/admin/booking.html"

    @cached_property
    def header_buttons(self):
        buttons = []
        elsewhere = web_address(self.booking.backoffice_url)
        if elsewhere:
            buttons.append(
                HeaderButton(
                    label=_("Open in the back office"),
                    url=elsewhere,
                    icon_name="link-external",
                    attrs={"rel": "noopener"},
                )
            )
        return buttons

    def get_context_data(self, **kwargs):
        booking = self.booking
        zone = booking.agenda.zone
        asked = booking.form_version.definition if booking.form_version else {}
        return super().get_context_data(
            **kwargs,
            email_link=email_link(booking.user_email),
            telephone_link=telephone_link(booking.user_phone_number),
            answers=answers_in_words(asked, booking.answers or {}),
            further_data=[
                (name, in_words(value)) for name, value in (booking.extra_data or {}).items()
            ],
            timeline=timeline(booking),
            deliveries=[DeliveryLine(delivery, zone) for delivery in booking.deliveries.all()],
            language=language_name(booking.language),
            form_url=web_address(booking.form_url),
            here=self.own_url,
            attendance_reasons=reasons_for(booking, reasons_of(booking.agenda)),
            attendance_seen=as_seen(booking),
            cancel_url=url_to("booking_cancel", booking.pk),
            # Somebody may come before their day; here it is clear who is meant.
            check_in=dataclasses.replace(
                self.line,
                check_in_url=url_to("booking_check_in", booking.pk),
                mark=mark_text(Sheet.of(booking).row, zone),
            ),
        )


@dataclasses.dataclass(frozen=True)
class DeliveryLine:
    """One mail of a booking, as its page shows it."""

    delivery: Delivery
    zone: object

    @property
    def failed(self) -> bool:
        return self.delivery.state == DeliveryState.FAILED

    @property
    def is_waiting(self) -> bool:
        return self.delivery.state == DeliveryState.DUE

    @property
    def retry_url(self) -> str:
        return url_to("delivery_retry", self.delivery.pk) if self.failed else ""


def language_name(code: str) -> str:
    return dict(settings.LANGUAGES).get(code, code)


class CancelForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Stands in the mail that tells the visitor. May be left empty."),
    )

    def clean_reason(self):
        return clean_text(self.cleaned_data["reason"])


class CancelView(BookingPage, FormView):
    """Asks for a reason; a POST cancels the booking, which mails the visitor."""

    form_class = CancelForm
    template_name = "wagtail_agenda/admin/cancel.html"

    def get_page_subtitle(self):
        return _("Cancel")

    def trail(self):
        return [*super().trail(), ("", _("Cancel"))]

    def get(self, request, *args, **kwargs):
        if self.booking.is_cancelled:
            messages.warning(request, _("This booking has been cancelled already."))
            return redirect(self.own_url)
        return super().get(request, *args, **kwargs)

    def post(self, request, *args, **kwargs):
        # Whether one may is asked before whether the form is right.
        self.booking  # noqa: B018
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        reason = form.cleaned_data["reason"]
        user = self.request.user
        try:
            bookings.cancel(self.booking, actor=Actor.AGENT, now=self.now, user=user, reason=reason)
        except Overloaded as error:
            messages.error(self.request, str(error))
            return try_again(self.render_to_response(self.get_context_data(form=form)), error)
        except BookingError as error:
            messages.error(self.request, str(error))
            return redirect(self.own_url)
        log_act(self.booking, "cancel", user, reason=reason)
        messages.success(
            self.request,
            _("The booking of %(name)s is cancelled.") % {"name": self.booking.display_name},
        )
        return redirect(next_url(self.request, self.own_url))

    def get_context_data(self, **kwargs):
        return super().get_context_data(**kwargs, back_url=next_url(self.request, self.own_url))


def try_again(response, error: Overloaded):
    response.status_code = 503
    response.headers["Retry-After"] = str(error.retry_after)
    return response


# Booking for somebody


class NewBookingForm(forms.Form):
    """Who is booked, and for which of the slots that the page lists."""

    slot = forms.CharField(
        max_length=250,
        error_messages={"required": gettext_lazy("Choose one of the times.")},
    )
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

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        languages = list(get_content_languages().items())
        self.fields["language"].choices = languages
        self.fields["language"].initial = settings.LANGUAGE_CODE
        if len(languages) < 2:
            del self.fields["language"]

    @property
    def visitor_fields(self):
        return [field for field in self if field.name != "slot"]

    def clean_user_name(self):
        return one_line(self.cleaned_data["user_name"])

    def clean_user_phone_number(self):
        return one_line(self.cleaned_data["user_phone_number"])

    def clean_description(self):
        return clean_text(self.cleaned_data["description"])


class NewBookingView(AgentPage, FormView):
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

    @cached_property
    def day(self) -> date:
        asked = self.request.GET.get("date", "")
        day = read_day(asked)
        if day is None:
            if asked:
                complain_about_date(self.request, asked)
            day = today_in(self.agenda)
        return day

    @cached_property
    def meeting_types(self) -> list[MeetingType]:
        if not self.agenda.takes_appointments:
            return []
        return availability.meeting_types_on_offer(self.agenda)

    @cached_property
    def meeting_type(self) -> MeetingType | None:
        """The one asked for, else the first one."""
        asked = self.request.GET.get("type", "")
        named = [one for one in self.meeting_types if one.slug == asked]
        return (named or self.meeting_types or [None])[0]

    @cached_property
    def desks(self) -> list[Desk]:
        if not self.agenda.takes_appointments:
            return []
        return list(self.agenda.desks.filter(retired=False))

    @cached_property
    def desk(self) -> Desk | None:
        """The one asked for; None stands for any."""
        asked = self.request.GET.get("desk", "")
        return next((desk for desk in self.desks if desk.slug == asked), None)

    def filter_form(self) -> FilterForm:
        offer = Offer(desks=self.desks, meeting_types=self.meeting_types)
        return FilterForm(
            day=self.day,
            choices={name: offer.choices(name, self.agenda.zone) for name in ("type", "desk")},
            chosen={
                "type": self.meeting_type.slug if self.meeting_type else "",
                "desk": self.desk.slug if self.desk else "",
            },
            # Some type has to be chosen, since they differ in how long they take.
            narrowing=("desk",),
        )

    def slots_between(self, first: date, last: date) -> list[Slot]:
        if self.agenda.takes_appointments and self.meeting_type is None:
            return []
        found = availability.slots(
            self.agenda,
            self.meeting_type,
            first=first,
            last=last,
            now=self.now,
            bypass_delays=True,
        )
        return [slot for slot in found if self.desk is None or self.desk.pk in slot.desk_ids]

    @cached_property
    def slots(self) -> list[Slot]:
        return self.slots_between(self.day, self.day)

    def choices(self) -> Sequence["SlotChoice"]:
        return [
            SlotChoice(slot, clock(slot.start, self.agenda.zone), self.is_chosen(slot))
            for slot in self.slots
        ]

    def is_chosen(self, slot: Slot) -> bool:
        """Whether the slot was ticked or, before that, named by the cell or event one came from."""
        if self.request.method == "POST":
            return slot.key == self.request.POST.get("slot")
        if slot.event is not None:
            return slot.event.slug == self.request.GET.get("event")
        return f"{slot.start:%H:%M}" == self.request.GET.get("time")

    def next_day_with_room(self) -> date | None:
        """Where to look when the day has nothing free."""
        later = self.slots_between(
            self.day + timedelta(days=1), self.day + timedelta(days=DAYS_TO_LOOK_AHEAD)
        )
        return later[0].start.date() if later else None

    def here(self, day: date) -> str:
        """This page on another day."""
        asked = {
            "date": day,
            "type": self.meeting_type.slug if self.meeting_type else "",
            "desk": self.desk.slug if self.desk else "",
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{url_to('booking_new', self.agenda.slug)}?{query}"

    def trail(self):
        return [
            (url_to("day", self.agenda.slug, self.day), self.agenda),
            ("", _("New booking")),
        ]

    def post(self, request, *args, **kwargs):
        # Whether one may is asked before whether the form is right.
        self.agenda  # noqa: B018
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        typed = dict(form.cleaned_data)
        key = typed.pop("slot")
        typed.setdefault("language", settings.LANGUAGE_CODE)
        try:
            slot = availability.find(self.agenda, key, now=self.now, bypass_delays=True)
            if self.desk and self.desk.pk in slot.desk_ids:
                slot = dataclasses.replace(slot, desk_ids=(self.desk.pk,))
            booking = bookings.book(
                slot,
                bookings.Details(**typed, site=Site.find_for_request(self.request)),
                now=self.now,
                actor=Actor.AGENT,
                user=self.request.user,
            )
        except Overloaded as error:
            form.add_error(None, str(error))
            return try_again(self.form_invalid(form), error)
        except BookingError as error:
            form.add_error("slot", str(error))
            return self.form_invalid(form)
        log_act(booking, "book", self.request.user)
        messages.success(
            self.request,
            _("%(name)s is booked for %(when)s.")
            % {
                "name": booking.display_name,
                "when": span_text(booking.local_start, booking.local_end),
            },
            buttons=[messages.button(url_to("booking", booking.pk), _("See the booking"))],
        )
        day_url = url_to("day", self.agenda.slug, booking.local_start.date())
        return redirect(f"{day_url}#booking-{booking.pk}")

    def form_invalid(self, form):
        messages.error(self.request, _("Nobody was booked: see what is marked below."))
        return super().form_invalid(form)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        elsewhere = None if self.slots else self.next_day_with_room()
        return context | {
            "agenda": self.agenda,
            "day": self.day,
            "day_text": day_text(self.day),
            "meeting_type": self.meeting_type,
            "filter_form": self.filter_form(),
            "choices": self.choices(),
            "next_day": day_text(elsewhere) if elsewhere else "",
            "next_day_url": self.here(elsewhere) if elsewhere else "",
            "here": self.request.get_full_path(),
            "back_url": url_to("day", self.agenda.slug, self.day),
        }


@dataclasses.dataclass(frozen=True)
class SlotChoice:
    """One radio button."""

    slot: Slot
    time: str
    checked: bool
