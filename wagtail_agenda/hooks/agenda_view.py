"""The agenda view in the Wagtail admin: its addresses and its menu item."""

from django.urls import include, path, reverse_lazy
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from wagtail_agenda import permissions
from wagtail_agenda.views.admin import (
    act_views,
    agendas,
    bookings,
    check_in,
    deliveries,
    meetings,
    search,
)
from wagtail_agenda.views.admin.booking_list import ListView
from wagtail_agenda.views.admin.check_in_desk import DayCheckInView, EventCheckInView
from wagtail_agenda.views.admin.day_sheet import DaySheetView
from wagtail_agenda.views.admin.explaining import ExplainView
from wagtail_agenda.views.admin.month import MonthView
from wagtail_agenda.views.admin.moving import MoveView
from wagtail_agenda.views.admin.new_booking import NewBookingView
from wagtail_agenda.views.admin.period import JumpView
from wagtail_agenda.views.admin.persons import PersonEraseView, PersonExportView, PersonView
from wagtail_agenda.views.admin.trying import TryView
from wagtail_agenda.views.admin.waiting_list import WaitingListView
from wagtail_agenda.views.admin.week_and_day import DayView, WeekView
from wagtail_agenda.views.admin.what_is_kept import WhatIsKeptView

NAMESPACE = "wagtail_agenda_admin"


@hooks.register("register_admin_urls")
def register_agenda_view():
    pages = [
        path("", agendas.AgendaListView.as_view(), name="agenda"),
        path("explain/", ExplainView.as_view(), name="explain"),
        path("search/", search.SearchView.as_view(), name="search"),
        path("agenda/<slug:slug>/search/", search.AgendaSearchView.as_view(), name="agenda_search"),
        path("agenda/<slug:slug>/day/<str:day>/print/", DaySheetView.as_view(), name="day_sheet"),
        path(
            "agenda/<slug:slug>/check-in/<str:day>/", DayCheckInView.as_view(), name="check_in_day"
        ),
        path("event/<int:pk>/check-in/", EventCheckInView.as_view(), name="check_in_event"),
        path("event/<int:pk>/waiting-list/", WaitingListView.as_view(), name="waiting_list"),
        path("agenda/<slug:slug>/new/", NewBookingView.as_view(), name="booking_new"),
        path("booking/<int:pk>/", bookings.BookingView.as_view(), name="booking"),
        path("booking/<int:pk>/approve/", act_views.ApproveView.as_view(), name="booking_approve"),
        path("booking/<int:pk>/refuse/", act_views.RefuseView.as_view(), name="booking_refuse"),
        path("booking/<int:pk>/accept/", act_views.PromoteView.as_view(), name="booking_promote"),
        path("booking/<int:pk>/offer/", act_views.OfferView.as_view(), name="booking_offer"),
        path("booking/<int:pk>/put-back/", act_views.SuspendView.as_view(), name="booking_suspend"),
        path("booking/<int:pk>/move/", MoveView.as_view(), name="booking_move"),
        path("booking/<int:pk>/places/", act_views.ResizeView.as_view(), name="booking_resize"),
        path("booking/<int:pk>/correct/", act_views.CorrectView.as_view(), name="booking_correct"),
        path("booking/<int:pk>/cancel/", act_views.CancelView.as_view(), name="booking_cancel"),
        path("booking/<int:pk>/press/", act_views.PressView.as_view(), name="booking_press"),
        path("booking/<int:pk>/check-in/", check_in.CheckInView.as_view(), name="booking_check_in"),
        path("meeting/<int:pk>/", meetings.MeetingView.as_view(), name="meeting"),
        path(
            "meeting/<int:pk>/cancel/", meetings.MeetingCancelView.as_view(), name="meeting_cancel"
        ),
        path(
            "meeting/<int:pk>/un-invite/<slug:whom>/",
            meetings.UninviteView.as_view(),
            name="meeting_uninvite",
        ),
        path("meeting/<int:pk>/press/", meetings.MeetingPressView.as_view(), name="meeting_press"),
        path(
            "delivery/<int:pk>/send-again/",
            deliveries.DeliveryRetryView.as_view(),
            name="delivery_retry",
        ),
        path(
            "delivery/<int:pk>/cancel/",
            deliveries.DeliveryCancelView.as_view(),
            name="delivery_cancel",
        ),
        path("status/<int:pk>/try/", TryView.as_view(), name="status_try"),
        path("deliveries/", deliveries.DeliveriesView.as_view(), name="deliveries"),
        path(
            "deliveries/send-again/",
            deliveries.DeliveriesRetryView.as_view(),
            name="deliveries_retry",
        ),
        path("persons/", PersonView.as_view(), name="person"),
        path("persons/export/", PersonExportView.as_view(), name="person_export"),
        path("persons/erase/", PersonEraseView.as_view(), name="person_erase"),
        path("what-is-kept/", WhatIsKeptView.as_view(), name="what_is_kept"),
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
