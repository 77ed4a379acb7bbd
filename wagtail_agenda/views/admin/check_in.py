"""Checking somebody in: a POST from wherever their booking is shown, and back there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django import forms
from django.db.models import Model
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages
from wagtail.log_actions import log

from wagtail_agenda import attendance as attendances
from wagtail_agenda.choices import Attendance
from wagtail_agenda.cleaning import one_line
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.models import AttendanceReason, Booking
from wagtail_agenda.views.admin.base import AgentView, log_act, next_url, url_to

UNDO = "undo"

ICONS = {Attendance.PRESENT: "check", Attendance.LATE: "time", Attendance.ABSENT: "cross"}

ATTENDANCES = {**{choice.value: choice for choice in ICONS}, UNDO: Attendance.UNKNOWN}
"""What a button or a list can say."""


@dataclass(frozen=True)
class Saying:
    """One choice of a list: somebody came or not, perhaps with a reason."""

    attendance: Attendance
    reason: AttendanceReason | None = None

    @property
    def value(self) -> str:
        return f"{self.attendance}.{self.reason.pk}" if self.reason else self.attendance.value

    @property
    def label(self) -> str:
        if self.reason is None:
            return str(self.attendance.label)
        values = {"attendance": self.attendance.label, "reason": self.reason}
        return _("%(attendance)s – %(reason)s") % values


def sayings(
    reasons: Iterable[AttendanceReason], among: Sequence[Attendance] = tuple(ICONS)
) -> list[Saying]:
    """Everything that can be said with these reasons, each attendance first without any."""
    reasons = list(reasons)
    return [
        saying
        for attendance in among
        for saying in (
            Saying(attendance),
            *(Saying(attendance, reason) for reason in reasons if reason.attendance == attendance),
        )
    ]


class TogetherForm(forms.Form):
    """What is noted of several people at once."""

    TICKED, WAITING = "ticked", "waiting"

    whom = forms.ChoiceField(
        label=gettext_lazy("Whom"),
        choices=[
            (TICKED, gettext_lazy("Those who are ticked")),
            (WAITING, gettext_lazy("Everybody in this list who is not checked in yet")),
        ],
        initial=TICKED,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Say whom it is about.")},
    )
    saying = forms.ChoiceField(label=gettext_lazy("Note as"))
    note = forms.CharField(
        label=gettext_lazy("Note for your colleagues (visitors never see it)"),
        required=False,
        max_length=attendances.NOTE_LENGTH,
    )

    def __init__(self, *args, choices: Sequence[Saying], **kwargs):
        super().__init__(*args, **kwargs)
        self.sayings = {saying.value: saying for saying in choices}
        self.fields["saying"].choices = [(one.value, one.label) for one in choices]
        self.use_required_attribute = False

    def clean_note(self):
        return one_line(self.cleaned_data["note"])

    def clean_saying(self):
        return self.sayings[self.cleaned_data["saying"]]


class CheckInView(AgentView):
    """Notes that somebody is present, late or absent, or takes that back (``attendance=undo``).

    With a field ``note`` the form is about the reason too: ``reason`` is the key of one, or empty.
    ``seen`` is what the page showed; without it, nothing is compared.
    """

    http_method_names = ["post", "options"]

    def post(self, request, pk):
        booking = self.get_booking(pk)
        attendance = ATTENDANCES.get(request.POST.get("attendance", ""))
        if attendance is None:
            messages.error(request, _("Say whether the visitor is present, late or absent."))
            return self.back(booking)
        note = one_line(request.POST["note"]) if "note" in request.POST else None
        if len(note or "") > attendances.NOTE_LENGTH:
            messages.error(
                request,
                _("A note has %(most)d characters at most. Please shorten it: %(note)s")
                % {"most": attendances.NOTE_LENGTH, "note": note[:1000]},
            )
            return self.back(booking)
        reason = self.reason(booking)
        if reason is None and request.POST.get("reason"):
            messages.error(request, _("This reason cannot be given here. Choose one of the list."))
            return self.back(booking)
        try:
            noted = attendances.check_in(
                booking,
                attendance,
                now=timezone.now(),
                user=request.user,
                reason=reason,
                note=note,
                seen=request.POST.get("seen") or request.GET.get("seen") or None,
            )
        except Overloaded:
            raise
        except BookingError as error:
            messages.error(request, refusal(booking, error, note))
            return self.back(booking)
        log_act(booking, "check_in", request.user, **logged(attendance, reason, note))
        messages.success(request, said(noted))
        return self.back(booking)

    def reason(self, booking: Booking) -> AttendanceReason | None:
        """The reason asked for; one that it has already can stay, though it is retired."""
        key = self.request.POST.get("reason", "")
        offered = {str(reason.pk): reason for reason in attendances.reasons_of(booking.agenda)}
        if booking.attendance_reason is not None:
            offered[str(booking.attendance_reason_id)] = booking.attendance_reason
        return offered.get(key)

    def back(self, booking):
        """To the same place on the same page, also for those who go through it by keyboard.

        The booking's own page is short: from its top one sees what happened.
        """
        own_page = url_to("booking", booking.pk)
        where = next_url(self.request, own_page)
        return redirect(where if where == own_page else f"{where}#booking-{booking.pk}")


def said(booking: Booking) -> str:
    """What was noted, in a sentence."""
    values = {"name": booking.display_name, "reason": booking.attendance_reason}
    if booking.attendance == Attendance.UNKNOWN:
        return _("%(name)s is no longer checked in.") % values
    if booking.attendance_reason is not None:
        return _("%(name)s: %(attendance)s – %(reason)s.") % {
            **values,
            "attendance": booking.get_attendance_display(),
        }
    if booking.attendance == Attendance.PRESENT:
        return _("%(name)s is present.") % values
    if booking.attendance == Attendance.LATE:
        return _("%(name)s is here, but late.") % values
    return _("%(name)s is marked as absent.") % values


def refusal(booking: Booking, error: BookingError, typed: str | None = "") -> str:
    """Who could not be checked in and why, with what was typed, so that it is not lost."""
    values = {"name": booking.display_name, "why": error, "note": typed}
    if typed:
        return _("%(name)s: %(why)s You had typed: “%(note)s”.") % values
    return _("%(name)s: %(why)s") % values


# What the site's own log keeps


def logged(attendance: Attendance, reason: AttendanceReason | None, note: str | None) -> dict:
    """What the log says of a check-in: the note stays with the booking, which fewer people read."""
    data = {"attendance": attendance.value}
    return {**data, "reason": reason.label} if reason else data


def log_sheet(row: Model, action: str, user, **data) -> None:
    """Note in the log of an event, or of an agenda, what was done with its attendance."""
    log(instance=row, action=f"wagtail_agenda.{action}", user=user, data=data)
