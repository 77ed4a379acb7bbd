"""The agenda view in the Wagtail admin: its addresses and its menu item."""

from django.urls import include, path, reverse_lazy
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from wagtail_agenda import permissions
from wagtail_agenda.views.admin import agenda, bookings, check_in, deliveries

NAMESPACE = "wagtail_agenda_admin"


@hooks.register("register_admin_urls")
def register_agenda_view():
    pages = [
        path("", agenda.AgendaListView.as_view(), name="agenda"),
        path("agenda/<slug:slug>/new/", bookings.NewBookingView.as_view(), name="booking_new"),
        path("booking/<int:pk>/", bookings.BookingView.as_view(), name="booking"),
        path("booking/<int:pk>/cancel/", bookings.CancelView.as_view(), name="booking_cancel"),
        path("booking/<int:pk>/check-in/", check_in.CheckInView.as_view(), name="booking_check_in"),
        path(
            "delivery/<int:pk>/send-again/",
            deliveries.DeliveryRetryView.as_view(),
            name="delivery_retry",
        ),
        path(
            "deliveries/send-again/",
            deliveries.DeliveriesRetryView.as_view(),
            name="deliveries_retry",
        ),
    ]
    for view in (agenda.WeekView, agenda.DayView):
        scale = view.scale
        jump = agenda.JumpView.as_view(scale=scale)
        pages += [
            path(f"agenda/<slug:slug>/{scale}/", jump, name=f"{scale}_jump"),
            path(f"agenda/<slug:slug>/{scale}/<str:day>/", view.as_view(), name=scale),
        ]
    return [path("agendas/", include((pages, NAMESPACE)))]


class AgendaViewMenuItem(MenuItem):
    """Shown to whoever has a role on some agenda."""

    def is_shown(self, request):
        return permissions.has_role(request.user)


agenda_view_menu_item = AgendaViewMenuItem(
    _("Day and week"),
    reverse_lazy(f"{NAMESPACE}:agenda"),
    name="agenda-view",
    icon_name="calendar-alt",
    order=100,
)
