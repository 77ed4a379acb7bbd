"""Checking somebody in: a POST from wherever their booking is shown, and back there."""

from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from wagtail.admin import messages

from wagtail_agenda import attendance as attendances
from wagtail_agenda.choices import Attendance
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.views.admin.base import AgentView, log_act, next_url, url_to

ATTENDANCES = {
    "present": Attendance.PRESENT,
    "absent": Attendance.ABSENT,
    "undo": Attendance.UNKNOWN,
}


class CheckInView(AgentView):
    """Notes that somebody is present or absent, or takes that back (``attendance=undo``)."""

    http_method_names = ["post", "options"]

    def post(self, request, pk):
        booking = self.get_booking(pk)
        attendance = ATTENDANCES.get(request.POST.get("attendance", ""))
        if attendance is None:
            messages.error(request, _("Say whether the visitor is present or absent."))
            return self.back(booking)
        try:
            attendances.check_in(booking, attendance, now=timezone.now(), user=request.user)
        except Overloaded:
            raise
        except BookingError as error:
            messages.error(request, str(error))
            return self.back(booking)
        log_act(booking, "check_in", request.user, attendance=attendance.value)
        messages.success(request, said(booking, attendance))
        return self.back(booking)

    def back(self, booking):
        """To the same place on the same page, also for those who go through it by keyboard.

        The booking's own page is short: from its top one sees what happened.
        """
        own_page = url_to("booking", booking.pk)
        where = next_url(self.request, own_page)
        return redirect(where if where == own_page else f"{where}#booking-{booking.pk}")


def said(booking, attendance: Attendance) -> str:
    values = {"name": booking.display_name}
    if attendance == Attendance.PRESENT:
        return _("%(name)s is present.") % values
    if attendance == Attendance.ABSENT:
        return _("%(name)s is marked as absent.") % values
    return _("%(name)s is no longer checked in.") % values
