"""What Wagtail's own furniture knows of bookings: its log, its links, and the booking log.

Where `wagtail_modeladmin` is not in INSTALLED_APPS, the agenda view works without the latter.
"""

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from wagtail import hooks
from wagtail.admin.admin_url_finder import register_admin_url_finder
from wagtail.log_actions import LogFormatter

from wagtail_agenda import permissions, privacy
from wagtail_agenda.models import Booking
from wagtail_agenda.views.admin.base import url_to


@hooks.register("register_log_actions")
def register_log_actions(actions):
    """What agents do, in the words of the site's history."""
    actions.register_action("wagtail_agenda.book", _("Book"), _("Booked for somebody"))
    actions.register_action("wagtail_agenda.cancel", _("Cancel"), _("Booking cancelled"))
    actions.register_action(
        "wagtail_agenda.cancel_meeting", _("Cancel the meeting"), _("Meeting cancelled")
    )
    actions.register_action(
        "wagtail_agenda.uninvite", _("Un-invite"), _("Participant of a meeting un-invited")
    )
    actions.register_action("wagtail_agenda.approve", _("Approve"), _("Booking approved"))
    actions.register_action("wagtail_agenda.refuse", _("Refuse"), _("Booking refused"))
    actions.register_action(
        "wagtail_agenda.promote", _("Accept from the waiting list"), _("Accepted from the list")
    )
    actions.register_action("wagtail_agenda.offer", _("Offer a place"), _("Place offered"))
    actions.register_action(
        "wagtail_agenda.suspend",
        _("Put back on the waiting list"),
        _("Put back on the waiting list"),
    )
    actions.register_action("wagtail_agenda.move", _("Move"), _("Booking moved"))
    actions.register_action("wagtail_agenda.resize", _("Change places"), _("Places changed"))
    actions.register_action(
        "wagtail_agenda.correct",
        _("Correct name or address"),
        _("Name or address of a booking corrected"),
    )
    actions.register_action(
        "wagtail_agenda.press", _("Press a button of the workflow"), _("Button pressed")
    )
    actions.register_action("wagtail_agenda.check_in", _("Check in"), _("Attendance noted"))
    actions.register_action("wagtail_agenda.send_again", _("Send again"), _("Mail sent again"))
    actions.register_action(
        "wagtail_agenda.cancel_delivery", _("Do not send"), _("Mail or call kept from leaving")
    )
    actions.register_action(
        "wagtail_agenda.reopen_address",
        _("Call this address again"),
        _("Closed address opened again"),
    )

    actions.register_action("wagtail_agenda.try_call", _("Test a call"), _("Call tested"))

    @actions.register_action("wagtail_agenda.export")
    class ExportFormatter(LogFormatter):
        label = _("Export")

        def format_message(self, log_entry):
            """How many bookings, and which."""
            count = log_entry.data.get("count", 0)
            # Pairs, because not every database keeps the order of a dictionary.
            which = [f"{label}: {value}" for label, value in log_entry.data.get("filters", ())]
            said = ngettext("Exported %(count)d booking", "Exported %(count)d bookings", count)
            return "; ".join([said % {"count": count}, *which])

    actions.register_action(
        privacy.EXPORTED,
        _("Export what is held about a person"),
        _("What is held about a person exported"),
    )
    actions.register_action(
        privacy.ERASED,
        _("Erase what is held about a person"),
        _("What is held about a person erased"),
    )


class BookingUrlFinder:
    """Lets Wagtail link a booking, in its reports, to the page about it."""

    def __init__(self, user):
        self.user = user

    def get_edit_url(self, booking):
        if permissions.may_see(self.user, booking):
            return url_to("booking", booking.pk)
        return None


register_admin_url_finder(Booking, BookingUrlFinder)

if apps.is_installed("wagtail_modeladmin"):
    from wagtail_modeladmin.options import modeladmin_register

    from wagtail_agenda.views.admin.booking_log import BookingLog

    modeladmin_register(BookingLog)
