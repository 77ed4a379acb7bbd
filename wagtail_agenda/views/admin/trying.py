"""What a status does, tried with a real booking or meeting: mails to look at, calls to test.

Looking changes nothing. A test makes the call that the worker would make, and keeps nothing of it.
"""

import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from wagtail.admin.panels import Panel

from wagtail_agenda import permissions
from wagtail_agenda.actions.call import try_out
from wagtail_agenda.actions.preview import MailPreview, preview_of
from wagtail_agenda.choices import About
from wagtail_agenda.cleaning import shorten
from wagtail_agenda.errors import ActionFailed
from wagtail_agenda.models import Agenda, Booking, CalledMeeting, WorkflowStatus
from wagtail_agenda.subjects import Subject
from wagtail_agenda.views.admin.base import AgentPage, log_act, url_to
from wagtail_agenda.views.admin.setup.workflows import edit_url
from wagtail_agenda.wording import short_moment_text
from wagtail_agenda.workflow import SLUGS, rows_of

NEWEST = 20
"""How many bookings or meetings there are to choose from."""

MOST_SHOWN = 4000
"""Letters of an answer that are shown."""


@dataclass(frozen=True)
class Tried:
    """What a call came to: the HTTP status if there was one, why it failed, what was answered."""

    position: int
    status: int | None = None
    problem: str = ""
    body: str = ""


class TryView(AgentPage, TemplateView):
    """The mails and calls of a status, with one of the newest subjects of its workflow.

    These are bookings or called meetings, whichever the workflow is about.
    """

    template_name = "wagtail_agenda/admin/try_status.html"
    header_icon = "view"
    tried: Tried | None = None

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()

    @cached_property
    def status(self) -> WorkflowStatus:
        rows = WorkflowStatus.objects.select_related("workflow")
        found = permissions.editable(self.request.user, rows).filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise Http404
        return found

    @property
    def is_about_meetings(self) -> bool:
        return self.status.workflow.about == About.MEETINGS

    @cached_property
    def newest(self) -> list[Subject]:
        return list(self.subjects.order_by("-pk")[:NEWEST])

    @property
    def subjects(self) -> QuerySet:
        """Those of the agendas that use the workflow, as far as one may see them."""
        workflow = self.status.workflow
        column = "meeting_workflow" if self.is_about_meetings else "workflow"
        uses_it = Q(**{column: workflow})
        if workflow.slug == SLUGS[workflow.about]:
            uses_it |= Q(**{column: None})
        rows = (
            CalledMeeting.objects.filter(published_at__isnull=False)
            if self.is_about_meetings
            else Booking.objects.all()
        )
        return permissions.visible(self.request.user, rows.select_related("agenda")).filter(
            agenda__in=Agenda.objects.filter(uses_it).order_by().values("pk")
        )

    @cached_property
    def subject(self) -> Subject | None:
        asked = self.request.POST.get("with") or self.request.GET.get("with") or ""
        if not asked:
            return self.newest[0] if self.newest else None
        if not (asked.isascii() and asked.isdigit() and len(asked) < 16):
            raise Http404
        found = self.subjects.filter(pk=int(asked)).first()
        if found is None:
            raise Http404
        return found

    def post(self, request, *args, **kwargs):
        self.tried = self.make_call(request.POST.get("position") or "")
        return self.render_to_response(self.get_context_data(**kwargs))

    def make_call(self, position: str) -> Tried:
        calls = {
            str(number): value
            for kind, number, value in rows_of(self.status.actions)
            if kind == "call"
        }
        if self.subject is None or position not in calls:
            raise Http404
        log_act(self.subject, "try_call", self.request.user, status=self.status.pk)
        try:
            cause = f"test.{uuid.uuid4()}"
            result = try_out(self.subject, calls[position], cause=cause, now=self.now)
        except ActionFailed as failure:
            return Tried(int(position), problem=str(failure))
        if isinstance(result, Exception):
            return Tried(int(position), result.status, result.reason)
        body = result.body.decode("utf-8", "replace")
        return Tried(int(position), result.status, body=shorten(body, MOST_SHOWN))

    def previews(self) -> list[dict[str, Any]]:
        """What there is to see and to test of the actions, in their order."""
        shown: list[dict[str, Any]] = []
        for kind, position, value in rows_of(self.status.actions):
            if kind == "send_email" and self.subject is not None:
                mail: MailPreview = preview_of(self.subject, value, self.now)
                shown.append({"mail": mail, "position": position})
            elif kind == "call":
                tried = self.tried if self.tried and self.tried.position == position else None
                url = str(value.get("url") or "")
                shown.append({"url": url, "position": position, "tried": tried})
        return shown

    def get_page_title(self):
        return _("Try “%(status)s”") % {"status": self.status}

    def trail(self):
        return [
            (edit_url(self.status), str(self.status)),
            (url_to("status_try", self.status.pk), _("Try it")),
        ]

    def get_context_data(self, **kwargs):
        return {
            **super().get_context_data(**kwargs),
            "status": self.status,
            "is_about_meetings": self.is_about_meetings,
            "choices": [(one.pk, _in_the_list(one)) for one in self.newest],
            "subject": self.subject,
            "previews": self.previews(),
            "edit_url": edit_url(self.status),
        }


def _in_the_list(subject: Subject) -> str:
    """What tells one from the others: meetings that come back have the same title."""
    if isinstance(subject, CalledMeeting):
        return f"{subject}, {short_moment_text(subject.local_start)}"
    return str(subject)


class TryPanel(Panel):
    """The way from a status to what it would send."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/try_panel.html"

        def is_shown(self):
            return super().is_shown() and self.instance.pk is not None

        @property
        def is_about_meetings(self):
            return self.instance.workflow.about == About.MEETINGS

        @property
        def try_url(self):
            return url_to("status_try", self.instance.pk)

        @property
        def workflow_url(self):
            return edit_url(self.instance.workflow)
