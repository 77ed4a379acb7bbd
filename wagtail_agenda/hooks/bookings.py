"""What Wagtail's own furniture knows of bookings: its log, its links, and the booking log.

The booking log is a ModelAdmin: every booking one may see in one list, to search and to filter.
It only reads; a line leads to the booking's own page. Where `wagtail_modeladmin` is not in
INSTALLED_APPS, the agenda view works without it.
"""

from datetime import timedelta

from django.apps import apps
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.admin_url_finder import register_admin_url_finder

from wagtail_agenda import permissions
from wagtail_agenda.models import Booking
from wagtail_agenda.views.admin.base import url_to


@hooks.register("register_log_actions")
def register_log_actions(actions):
    """What agents do, in the words of the site's history."""
    actions.register_action("wagtail_agenda.book", _("Book"), _("Booked for somebody"))
    actions.register_action("wagtail_agenda.cancel", _("Cancel"), _("Booking cancelled"))
    actions.register_action("wagtail_agenda.check_in", _("Check in"), _("Attendance noted"))
    actions.register_action("wagtail_agenda.send_again", _("Send again"), _("Mail sent again"))


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
    from django.contrib.admin import SimpleListFilter
    from django.contrib.auth.models import Permission
    from django.http import Http404
    from django.shortcuts import redirect
    from wagtail_modeladmin.helpers import (
        ButtonHelper,
        DjangoORMSearchHandler,
        PermissionHelper,
    )
    from wagtail_modeladmin.options import ModelAdmin, modeladmin_register
    from wagtail_modeladmin.views import IndexView

    from wagtail_agenda.choices import Attendance
    from wagtail_agenda.cleaning import one_line
    from wagtail_agenda.models import WorkflowStatus
    from wagtail_agenda.views.admin.base import agendas_of

    class ChosenFilter(SimpleListFilter):
        """A filter that ignores what is not among its choices."""

        def chosen(self):
            value = self.value()
            known = {str(key) for key, _label in self.lookup_choices}
            return value if value in known else None

        def queryset(self, request, queryset):
            chosen = self.chosen()
            return queryset if chosen is None else self.narrow(queryset, chosen)

        def narrow(self, queryset, chosen):
            return queryset.filter(**{self.lookup: chosen})

    class AgendaFilter(ChosenFilter):
        title = _("agenda")
        parameter_name = "agenda"
        lookup = "agenda__slug"

        def lookups(self, request, model_admin):
            return [(agenda.slug, str(agenda)) for agenda in agendas_of(request.user)]

    class StatusFilter(ChosenFilter):
        title = _("status")
        parameter_name = "status"
        lookup = "status"

        def lookups(self, request, model_admin):
            statuses = list(WorkflowStatus.objects.select_related("workflow"))
            several = len({status.workflow_id for status in statuses}) > 1
            return [
                (str(status.pk), f"{status.workflow}: {status}" if several else str(status))
                for status in statuses
            ]

    class AttendanceFilter(ChosenFilter):
        title = _("attendance")
        parameter_name = "attendance"
        lookup = "attendance"

        def lookups(self, request, model_admin):
            return [(value, label) for value, label in Attendance.choices if value]

    class DateFilter(ChosenFilter):
        title = _("date")
        parameter_name = "when"

        def lookups(self, request, model_admin):
            return [
                ("today", _("Today")),
                ("next-week", _("The next 7 days")),
                ("last-week", _("The last 7 days")),
                ("future", _("From today on")),
                ("past", _("Before today")),
            ]

        def narrow(self, queryset, chosen):
            today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
            week = timedelta(days=7)
            first, last = {
                "today": (today, today + timedelta(days=1)),
                "next-week": (today, today + week),
                "last-week": (today - week, today),
                "future": (today, None),
                "past": (None, today),
            }[chosen]
            if first:
                queryset = queryset.filter(start__gte=first)
            return queryset.filter(start__lt=last) if last else queryset

    class BookingLogPermissions(PermissionHelper):
        """Everybody with a role may look; nobody makes, changes or deletes anything here."""

        def user_has_any_permissions(self, user):
            return permissions.has_role(user)

        def user_can_create(self, user):
            return False

        def user_can_inspect_obj(self, user, obj):
            return permissions.may_see(user, obj)

        def user_can_edit_obj(self, user, obj):
            return False

        def user_can_delete_obj(self, user, obj):
            return False

    class BookingLogButtons(ButtonHelper):
        """The list holds what the user may see; asking again would be a query a line."""

        def get_buttons_for_obj(
            self, obj, exclude=None, classnames_add=None, classnames_exclude=None
        ):
            return [self.open_button(obj, classnames_add, classnames_exclude)]

        def get_primary_button(self, obj):
            return self.open_button(obj)

        def open_button(self, booking, classnames_add=None, classnames_exclude=None):
            classnames = [*self.inspect_button_classnames, *(classnames_add or [])]
            return {
                "url": url_to("booking", booking.pk),
                "label": _("Open"),
                "classname": self.finalise_classname(classnames, classnames_exclude),
                "title": _("Open the page of this booking"),
            }

    class BookingSearch(DjangoORMSearchHandler):
        def search_queryset(self, queryset, search_term, **kwargs):
            # PostgreSQL refuses NUL, and nobody's name has it.
            return super().search_queryset(queryset, one_line(search_term), **kwargs)

    class BookingLogIndexView(IndexView):
        def get_filters_params(self, params=None):
            # ModelAdmin would look up whatever column of whatever related table an address names,
            # which lets anybody spell out password hashes letter by letter.
            names = {one.parameter_name for one in self.list_filter}
            asked = super().get_filters_params(params)
            return {name: values for name, values in asked.items() if name in names}

        def get_context_data(self, **kwargs):
            # ModelAdmin answers 500 to a page beyond the last one.
            if self.page_num > self.paginator_class(self.queryset, self.items_per_page).num_pages:
                self.page_num = 1
            return super().get_context_data(**kwargs)

    class BookingLog(ModelAdmin):
        """Every booking of the agendas one works with."""

        model = Booking
        menu_label = _("Booking log")
        menu_icon = "list-ul"
        add_to_admin_menu = False
        index_view_class = BookingLogIndexView
        permission_helper_class = BookingLogPermissions
        button_helper_class = BookingLogButtons
        search_handler_class = BookingSearch
        inspect_view_enabled = True
        history_view_enabled = False
        list_display = (
            "reference",
            "local_start",
            "agenda",
            "display_name",
            "status",
            "attendance",
        )
        index_view_extra_css = ["wagtail_agenda/admin.css"]
        list_filter = (AgendaFilter, StatusFilter, AttendanceFilter, DateFilter)
        list_select_related = ("agenda", "status")
        list_per_page = 50
        ordering = ("-start",)
        search_fields = ("reference", "user_name", "user_email", "user_phone_number")

        def get_queryset(self, request):
            return permissions.visible(request.user, super().get_queryset(request))

        def local_start(self, booking):
            return f"{booking.local_start:%Y-%m-%d %H:%M}"

        local_start.short_description = _("starts at")
        local_start.admin_order_field = "start"

        def display_name(self, booking):
            return booking.display_name

        display_name.short_description = _("Booking")
        display_name.admin_order_field = "user_name"

        def get_extra_class_names_for_field_col(self, obj, field_name):
            classes = super().get_extra_class_names_for_field_col(obj, field_name)
            short = field_name in ("reference", "local_start", "status", "attendance")
            return [*classes, "wagtail-agenda-unbroken"] if short else classes

        def inspect_view(self, request, instance_pk):
            # Its own inspect view asks neither `get_queryset` nor whether the key is a number.
            if not instance_pk.isdecimal():
                raise Http404
            return redirect(url_to("booking", int(instance_pk)))

        def get_admin_urls_for_registration(self):
            kept = {self.url_helper.get_action_url_name(name) for name in ("index", "inspect")}
            urls = super().get_admin_urls_for_registration()
            return tuple(url for url in urls if url.name in kept)

        def get_permissions_for_registration(self):
            # Roles are granted per agenda; Django's own permissions on bookings mean nothing here.
            return Permission.objects.none()

        def register_admin_url_finders(self):
            """`BookingUrlFinder` does it, with or without the booking log."""

        def register_indexing(self):
            """Bookings are no content: an index of what refers to what would slow each one down."""

    modeladmin_register(BookingLog)
