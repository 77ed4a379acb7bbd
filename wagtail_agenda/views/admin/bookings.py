"""The page of one booking: everything there is to know about it, and what can be done with it."""

import dataclasses
from functools import cached_property

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from wagtail.admin.widgets.button import HeaderButton

from wagtail_agenda import booking as bookings
from wagtail_agenda import permissions, workflow
from wagtail_agenda.attendance import Sheet, as_seen, reasons_for, reasons_of
from wagtail_agenda.choices import Admission
from wagtail_agenda.cleaning import web_address
from wagtail_agenda.form_definition import answers_in_words, in_words
from wagtail_agenda.models import Booking
from wagtail_agenda.views.admin.acts import acts_for, address_of, standing_of
from wagtail_agenda.views.admin.base import AgentPage, url_to
from wagtail_agenda.views.admin.delivery_lines import lines_of
from wagtail_agenda.views.admin.presentation import (
    Line,
    email_link,
    line,
    mark_text,
    telephone_link,
)
from wagtail_agenda.views.admin.timeline import timeline
from wagtail_agenda.wording import span_text, zone_text


class BookingPage(AgentPage):
    """A page about the booking that the address names."""

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()

    @cached_property
    def booking(self) -> Booking:
        return self.get_booking(self.kwargs["pk"], "site", "event__bookable", "virtual_agenda")

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

    def standing(self) -> bookings.Standing | None:
        """Where on the waiting list the booking is, if it is on it."""
        booking = self.booking
        if booking.event is None or booking.admission not in {
            Admission.WAITING,
            Admission.OFFERED,
        }:
            return None
        booking.event.agenda = booking.agenda
        everybody = bookings.standings(booking.event, self.now)
        return next((one for one in everybody if one.booking.pk == booking.pk), None)

    def made_together(self) -> list[Booking]:
        """The other bookings that were made in one go with this one."""
        if self.booking.booked_together is None:
            return []
        together = Booking.objects.filter(booked_together=self.booking.booked_together)
        return list(
            permissions.visible(self.request.user, together)
            .exclude(pk=self.booking.pk)
            .select_related("agenda", "event")
            .order_by("start", "pk")
        )

    def get_context_data(self, **kwargs):
        booking = self.booking
        zone = booking.agenda.zone
        asked = booking.form_version.definition if booking.form_version else {}
        deliveries = lines_of(booking.deliveries.all())
        return super().get_context_data(
            **kwargs,
            acts=[(act, address_of(act, booking)) for act in acts_for(booking, self.now)],
            buttons=workflow.buttons_of(booking, now=self.now, user=self.request.user),
            press_url=url_to("booking_press", booking.pk),
            standing_text=standing_of(booking),
            standing=self.standing(),
            together=[(url_to("booking", one.pk), one) for one in self.made_together()],
            resources=list(booking.resources.all()) if booking.desk_id else [],
            email_link=email_link(booking.user_email),
            telephone_link=telephone_link(booking.user_phone_number),
            answers=answers_in_words(asked, booking.answers or {}),
            further_data=[
                (name, in_words(value)) for name, value in (booking.extra_data or {}).items()
            ],
            timeline=timeline(booking, deliveries),
            deliveries=[(one, "") for one in deliveries],
            language=language_name(booking.language),
            form_url=web_address(booking.form_url),
            here=self.own_url,
            attendance_reasons=reasons_for(booking, reasons_of(booking.agenda)),
            attendance_seen=as_seen(booking),
            # Somebody may come before their day; here it is clear who is meant.
            has_place=booking.admission == Admission.CONFIRMED,
            check_in=dataclasses.replace(
                self.line,
                check_in_url=url_to("booking_check_in", booking.pk),
                mark=mark_text(Sheet.of(booking).row, zone),
            ),
        )


def language_name(code: str) -> str:
    return dict(settings.LANGUAGES).get(code, code)
