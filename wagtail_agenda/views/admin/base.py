"""What the pages of the agenda view share: who may see them, the way there, the way back."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views import View
from wagtail.admin.views.generic import WagtailAdminTemplateMixin
from wagtail.log_actions import log
from wagtail.log_actions import registry as log_registry

from wagtail_agenda import permissions
from wagtail_agenda.choices import Role
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Agenda, Booking, CalledMeeting
from wagtail_agenda.subjects import Subject


def url_to(name: str, *args) -> str:
    return reverse(f"wagtail_agenda_admin:{name}", args=args)


def agendas_of(user) -> QuerySet[Agenda]:
    """The agendas whose bookings the user may see and keep."""
    return permissions.agendas_for(user, Role.AGENT)


def next_url(request: HttpRequest, otherwise: str) -> str:
    """Where the request asks to be sent back to, if that is a page of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # Without the slash it could be the name of a view, which `redirect` looks up and may not find.
    return wanted if is_ours and wanted.startswith("/") else otherwise


def log_act(subject: Subject, action: str, user, **data) -> None:
    """Note in Wagtail's own log what an agent did with a booking or a meeting.

    A booking by its number, not by its title: the site's history is read by others than agents.
    """
    instance, title = _logged(subject)
    log(
        instance=instance,
        action=f"wagtail_agenda.{action}",
        user=user,
        title=title,
        data=data,
    )


def log_acts(
    acts: Iterable[tuple[Subject, Mapping[str, Any]]], action: str, user: AbstractBaseUser
) -> None:
    """`log_act` for many at once, each with its data: as many queries as for one."""
    model = log_registry.get_log_model_for_model(Booking)
    now, act = timezone.now(), uuid4()
    lines = []
    for subject, data in acts:
        instance, title = _logged(subject)
        lines.append(
            model(
                content_type=ContentType.objects.get_for_model(instance),
                object_id=str(instance.pk),
                label=title,
                action=f"wagtail_agenda.{action}",
                user=user,
                timestamp=now,
                data=dict(data),
                uuid=act,
            )
        )
    model.objects.bulk_create(lines)


def _logged(subject: Subject) -> tuple[Model, str]:
    """What the site's history files it under, and its name there."""
    if isinstance(subject, CalledMeeting):
        return subject.meeting, subject.title
    return subject, subject.reference


def page_of(subject: Subject) -> str:
    """The address of the page of a booking or a meeting."""
    name = "meeting" if isinstance(subject, CalledMeeting) else "booking"
    return url_to(name, subject.pk)


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class AgentView(View):
    """A view for the agents of some agenda.

    Somebody without any role is refused as Wagtail does it everywhere; an agent asking for what
    belongs to an agenda of others gets a 404, which does not tell whether it exists.
    """

    def dispatch(self, request, *args, **kwargs):
        try:
            return super().dispatch(request, *args, **kwargs)
        except Http404:
            if not permissions.has_role(request.user):
                raise PermissionDenied from None
            raise
        except Overloaded as error:
            return self.overloaded(error)

    def overloaded(self, error: Overloaded) -> HttpResponse:
        response = render(
            self.request,
            "wagtail_agenda/admin/overloaded.html",
            {"error": error, "header_title": _("Please try again")},
            status=503,
        )
        response.headers["Retry-After"] = str(error.retry_after)
        return response

    def get_agenda(self, slug: str) -> Agenda:
        agendas = agendas_of(self.request.user).select_related("schedule", "workflow")
        agenda = agendas.filter(slug=slug).first()
        if agenda is None:
            raise Http404
        return agenda

    def get_booking(self, pk: int, *related: str) -> Booking:
        found = (
            permissions.visible(self.request.user, Booking.objects.all())
            .select_related(
                "agenda", "meeting_type", "desk", "event", "status", "form_version", *related
            )
            .filter(pk=pk)
            .first()
        )
        if found is None:
            raise Http404
        return found


class AgentPage(WagtailAdminTemplateMixin, AgentView):
    """One page in the Wagtail shell. Subclasses say the way to it in `trail`."""

    header_icon = "calendar-alt"

    def trail(self) -> list[tuple[str, str]]:
        """``(address, label)`` of the pages above this one and of this one, outermost first."""
        return []

    def get_breadcrumbs_items(self):
        way = [(url_to("agenda"), _("Agendas")), *self.trail()]
        items = [{"url": url, "label": label} for url, label in way]
        # The innermost one is the page itself: Wagtail shows it without a link.
        items[-1] = {"url": "", "label": items[-1]["label"]}
        return [*super().get_breadcrumbs_items(), *items]
