"""What is held about one person, for administrators: looked up, taken along, erased.

The address is sent by POST throughout, so that it stands in no log of a web server and in no
browser's history.
"""

from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.admin.admin_url_finder import AdminURLFinder

from wagtail_agenda import permissions, privacy
from wagtail_agenda.meetings.forgetting import Part
from wagtail_agenda.models import Booking
from wagtail_agenda.views.admin.base import AgentPage, url_to
from wagtail_agenda.views.admin.person_cards import cards_of, mention_lines


class EmailForm(forms.Form):
    """Whom it is about. More than valid addresses: what was typed years ago may be none."""

    email = forms.CharField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off"}),
        help_text=gettext_lazy("As it was typed in the booking. Capitals do not matter."),
    )

    def clean_email(self):
        typed = self.cleaned_data["email"]
        if "@" not in typed.strip("@"):
            message = _("This is no e-mail address. Write it like ada@post.example.")
            raise ValidationError(message, code="no_address")
        return typed


class AdministratorPage(AgentPage):
    """A page about what is held, which takes an administrator."""

    header_icon = "lock"

    def dispatch(self, request, *args, **kwargs):
        if not permissions.is_administrator(request.user):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)


@method_decorator([never_cache, sensitive_post_parameters("email")], name="dispatch")
class PersonView(AdministratorPage, FormView):
    """Asks for an address, and shows everything that is held about it."""

    form_class = EmailForm
    template_name = "wagtail_agenda/admin/person.html"
    page_title = gettext_lazy("Personal data")

    def get_page_title(self):
        return self.page_title

    def trail(self):
        return [(url_to("person"), self.page_title)]

    def form_valid(self, form):
        self.email = form.cleaned_data["email"]
        return self.found()

    @cached_property
    def held(self) -> privacy.Held:
        return privacy.held(self.email)

    def found(self, **more: Any) -> HttpResponse:
        """The page with what is held about the address."""
        held = self.held
        shown = {
            "held": held,
            "cards": cards_of(held),
            "mentions": mention_lines(held),
            "of_editors": self.of_editors(),
            "to_come": [page_of(row) for row in held.to_come(timezone.now())],
        }
        return self.render_to_response(self.get_context_data(**shown, **more))

    def of_editors(self) -> list[tuple[str, str, Model]]:
        """``(address, kind, row)`` of what editors have written the address into."""
        finder = AdminURLFinder(self.request.user)
        return [
            (finder.get_edit_url(row) or "", row._meta.verbose_name, row)
            for row in self.held.of_editors
        ]

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            **kwargs,
            look_up_url=url_to("person"),
            export_url=url_to("person_export"),
            erase_url=url_to("person_erase"),
            kept_url=url_to("what_is_kept"),
        )


class PersonExportView(PersonView):
    """Everything that is held about the address as a file: for machines, or for people."""

    http_method_names = ["post", "options"]

    def found(self, **more):
        privacy.note(privacy.EXPORTED, self.held, self.request.user)
        name = f"{_('personal-data')}-{timezone.localdate().isoformat()}"
        if self.request.POST.get("format") == "html":
            context = {
                "held": self.held,
                "cards": cards_of(self.held),
                "mentions": mention_lines(self.held),
                "now": timezone.localtime(),
            }
            page = render_to_string("wagtail_agenda/admin/person_file.html", context)
            return as_file(HttpResponse(page), f"{name}.html")
        as_json = JsonResponse(
            privacy.as_data(self.held), json_dumps_params={"ensure_ascii": False, "indent": 2}
        )
        return as_file(as_json, f"{name}.json")


class PersonEraseView(PersonView):
    """Says what erasing would do, and asks; a second POST does it."""

    http_method_names = ["post", "options"]

    def found(self, **more):
        if self.held.is_nothing or self.held.to_come(timezone.now()):
            return super().found(**more)
        if not self.request.POST.get("sure"):
            return super().found(**more, asked=True)
        held = self.held
        try:
            counts = privacy.erase(self.email, now=timezone.now())
        except privacy.StillToCome:
            # Booked between the question and the answer.
            del self.held
            return super().found(**more)
        privacy.note(privacy.ERASED, held, self.request.user)
        messages.success(self.request, erased_in_words(counts))
        return redirect(url_to("person"))


def page_of(row: Booking | Part) -> tuple[str, str]:
    """Address and name of the page on which something that is to come can be cancelled."""
    if isinstance(row, Booking):
        return url_to("booking", row.pk), f"{row.reference}, {row.agenda}"
    return url_to("meeting", row.called.pk), f"{row}, {row.meeting.agenda}"


def as_file(response: HttpResponse, name: str) -> HttpResponse:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def erased_in_words(counts: dict[str, int]) -> str:
    return _(
        "Erased. Bookings made anonymous: %(bookings)d. Forms emptied: %(drafts)d. Meetings that "
        "the person was taken out of: %(meetings)d. Other places that the address was taken out "
        "of: %(mentions)d."
    ) % {"bookings": 0, "drafts": 0, "meetings": 0, **counts}
