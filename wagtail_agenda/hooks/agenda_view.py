"""The agenda view in the Wagtail admin: its addresses and its menu item."""

from django.urls import include, path, reverse_lazy
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from wagtail_agenda import permissions
from wagtail_agenda.views.admin import agendas, bookings, check_in, deliveries, search
from wagtail_agenda.views.admin.booking_list import ListView
from wagtail_agenda.views.admin.check_in_desk import DayCheckInView, EventCheckInView
from wagtail_agenda.views.admin.day_sheet import DaySheetView
from wagtail_agenda.views.admin.month import MonthView
from wagtail_agenda.views.admin.period import JumpView
from wagtail_agenda.views.admin.week_and_day import DayView, WeekView

NAMESPACE = "wagtail_agenda_admin"


@hooks.register("register_admin_urls")
def register_agenda_view():
    pages = [
        path("", agendas.AgendaListView.as_view(), name="agenda"),
        path("search/", search.SearchView.as_view(), name="search"),
        path("agenda/<slug:slug>/search/", search.AgendaSearchView.as_view(), name="agenda_search"),
        path("agenda/<slug:slug>/day/<str:day>/print/", DaySheetView.as_view(), name="day_sheet"),
        path(
            "agenda/<slug:slug>/check-in/<str:day>/", DayCheckInView.as_view(), name="check_in_day"
        ),
        path("event/<int:pk>/check-in/", EventCheckInView.as_view(), name="check_in_event"),
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
    for view in (DayView, WeekView, MonthView, ListView):
        scale = view.scale
        jump = JumpView.as_view(scale=scale)
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
    _("Bookings"),
    reverse_lazy(f"{NAMESPACE}:agenda"),
    name="agenda-view",
    icon_name="calendar-alt",
    order=100,
)
