"""The booking log: every booking one may see in one list, to search, to filter and to export.

A ModelAdmin, so importable only where `wagtail_modeladmin` is installed and all apps are loaded. It
only reads. A line, and ModelAdmin's own address for inspecting one, lead to the booking's page,
which has its facts, answers, mails and history, and the buttons that go with them.
"""

import tempfile
from collections import Counter
from uuid import uuid4

from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages
from wagtail.admin.views.generic import WagtailAdminTemplateMixin
from wagtail.log_actions import log
from wagtail_modeladmin.helpers import ButtonHelper, PermissionHelper
from wagtail_modeladmin.options import ModelAdmin
from wagtail_modeladmin.views import IndexView

from wagtail_agenda import export, permissions, spreadsheets
from wagtail_agenda.choices import Role
from wagtail_agenda.models import Agenda, Booking
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.booking_list import page_urls
from wagtail_agenda.views.admin.booking_log_filters import BookingLogFilters, ranges
from wagtail_agenda.views.admin.presentation import UNDECIDED, admission_badge
from wagtail_agenda.wording import short_moment_text

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


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
    """A line is a link and has no buttons: what can be done stands on the booking's own page.

    The list holds what the user may see; asking again would be a query a line.
    """

    def get_buttons_for_obj(self, obj, exclude=None, classnames_add=None, classnames_exclude=None):
        return []

    def get_primary_button(self, obj):
        return {"url": url_to("booking", obj.pk), "title": _("Open the page of this booking")}


class BookingLogView(WagtailAdminTemplateMixin, IndexView):
    """The list by GET; by POST to the same address, what it lists as a file.

    Of ModelAdmin's own filters none is left: it would look up whatever column of whatever related
    table an address names, which lets anybody spell out password hashes letter by letter.
    """

    template_name = "wagtail_agenda/admin/booking_log/index.html"
    page_title = gettext_lazy("Booking log")
    header_icon = "list-ul"
    # ModelAdmin exports by GET; but an export is noted in the log, and GET changes nothing.
    FORMATS = ()

    def get_template_names(self):
        return [self.template_name]

    def get_breadcrumbs_items(self):
        return [
            *super().get_breadcrumbs_items(),
            {"url": url_to("agenda"), "label": _("Agendas")},
            {"url": "", "label": self.page_title},
        ]

    @cached_property
    def filters(self) -> BookingLogFilters:
        return BookingLogFilters(self.request.GET, user=self.request.user)

    def get_queryset(self, request=None):
        bookings = self.filters.narrow(self.get_base_queryset(request))
        ordering = self.get_ordering(self.request, bookings)
        return bookings.select_related("agenda", "status").order_by(*ordering)

    def get_context_data(self, **kwargs):
        # ModelAdmin answers 500 to a page beyond the last one.
        if self.page_num > self.paginator_class(self.queryset, self.items_per_page).num_pages:
            self.page_num = 1
        exportable = self.exportable.count() if self.may_export and self.filters.is_valid() else 0
        context = super().get_context_data(
            **kwargs,
            filters=self.filters,
            shortcuts=self.shortcuts,
            log_url=self.index_url,
            here=self.request.get_full_path(),
            exportable=exportable,
        )
        page = context["page_obj"]
        return context | {
            "page": page,
            "page_urls": page_urls(f"{self.index_url}{self.get_query_string()}", page),
        }

    @property
    def shortcuts(self) -> list[tuple[str, str]]:
        """Ranges of dates that are asked for often, as `(label, address)`."""
        return [
            (label, self.get_query_string({"since": since, "until": until}))
            for label, since, until in ranges(timezone.localdate())
        ]

    # Exports

    @property
    def may_export(self) -> bool:
        return permissions.has_role(self.request.user, Role.EDITOR)

    @property
    def exportable(self) -> QuerySet[Booking]:
        """Of what is listed, the bookings that the user may take along.

        An agent sees them all, a page at a time, to do the day's work. A file of everybody's
        answers outlives that work and leaves the site's care, so it takes whoever answers for the
        agenda: its editors.
        """
        agendas = permissions.agendas_for(self.request.user, Role.EDITOR)
        return self.queryset.filter(agenda__in=agendas.values("pk"))

    def post(self, request, *args, **kwargs):
        if not self.may_export:
            raise PermissionDenied
        kind = request.POST.get("format", "")
        here = request.get_full_path()
        if kind not in FORMATS or not self.filters.is_valid():
            messages.error(request, _("Nothing was exported: see what is marked below."))
            return redirect(here)
        found = list(self.exportable.values_list("pk", "agenda"))
        if not found:
            messages.warning(request, _("There is nothing to export."))
            return redirect(here)
        response = file_of([pk for pk, _agenda in found], kind)
        counts = Counter(agenda for _pk, agenda in found)
        note_export(counts, self.filters.in_words(), kind, request.user)
        return response


def file_of(pks: list[int], kind: str) -> FileResponse:
    """The bookings as a file to keep.

    It is finished before the first byte leaves: nobody gets half a file that looks whole.
    """
    table = export.table_of(pks)
    # Closed by the response.
    file = tempfile.TemporaryFile()
    if kind == "csv":
        spreadsheets.write_csv(table.headings, table.rows, file)
    else:
        spreadsheets.write_xlsx(table.headings, table.rows, file, title=_("Bookings"))
    file.seek(0)
    name = f"{_('bookings')}-{timezone.localdate().isoformat()}.{kind}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=FORMATS[kind])


def note_export(counts: Counter, filters: list[tuple[str, str]], kind: str, user) -> None:
    """Note with each agenda how many of its bookings were taken along, in Wagtail's own log."""
    for agenda in Agenda.objects.filter(pk__in=counts):
        log(
            instance=agenda,
            action="wagtail_agenda.export",
            user=user,
            data={"count": counts[agenda.pk], "format": kind, "filters": filters},
            # Of what has one identifier, as all acts of a request have, an agenda's history shows
            # the last alone, whichever agenda it belongs to.
            uuid=uuid4(),
        )


class BookingLog(ModelAdmin):
    """Every booking of the agendas one works with."""

    model = Booking
    menu_label = gettext_lazy("Booking log")
    menu_icon = "list-ul"
    add_to_admin_menu = False
    index_view_class = BookingLogView
    permission_helper_class = BookingLogPermissions
    button_helper_class = BookingLogButtons
    inspect_view_enabled = True
    history_view_enabled = False
    list_display = (
        "reference",
        "local_start",
        "agenda",
        "display_name",
        "places",
        "status",
        "standing",
        "attendance",
    )
    index_view_extra_css = ["wagtail_agenda/admin.css", "wagtail_agenda/booking_log.css"]
    list_per_page = 50
    ordering = ("-start",)

    def get_queryset(self, request):
        return permissions.visible(request.user, super().get_queryset(request))

    def local_start(self, booking):
        return short_moment_text(booking.local_start)

    local_start.short_description = gettext_lazy("starts at")
    local_start.admin_order_field = "start"

    def display_name(self, booking):
        return booking.display_name

    display_name.short_description = gettext_lazy("Booking")
    display_name.admin_order_field = "user_name"

    def standing(self, booking):
        # What has a place says nothing new: that is the rule.
        if booking.admission not in UNDECIDED:
            return ""
        label = admission_badge(booking).label
        return label if booking.status is None or label != booking.status.label else ""

    standing.short_description = gettext_lazy("Admission")
    standing.admin_order_field = "admission"

    def get_extra_class_names_for_field_col(self, obj, field_name):
        classes = super().get_extra_class_names_for_field_col(obj, field_name)
        short = field_name in ("reference", "local_start", "status", "attendance")
        return [*classes, "wagtail-agenda-unbroken"] if short else classes

    def inspect_view(self, request, instance_pk):
        # ModelAdmin's own asks neither `get_queryset` nor whether the key is a number.
        if not permissions.has_role(request.user):
            raise PermissionDenied
        mine = self.get_queryset(request)
        if not instance_pk.isdecimal() or not mine.filter(pk=int(instance_pk)).exists():
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
