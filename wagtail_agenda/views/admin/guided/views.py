"""The pages of the three steps, and the one after them that leads on."""

import re
import secrets
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin import messages

from wagtail_agenda import availability, permissions
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import Agenda
from wagtail_agenda.views.admin.base import AgentPage, url_to
from wagtail_agenda.views.admin.guided import form_pages
from wagtail_agenda.views.admin.guided.appointments import AppointmentsStep, copy_day
from wagtail_agenda.views.admin.guided.events import (
    DATES_AT_FIRST,
    MOST_DATES,
    EventsStep,
    rows_asked,
)
from wagtail_agenda.views.admin.guided.forms import HowForm, WhatForm
from wagtail_agenda.views.admin.guided.making import Plan, make_once
from wagtail_agenda.wording import span_text

NAMESPACE = "wagtail_agenda_guided"
SESSION_KEY = "wagtail_agenda_new_agendas"
MOST_DRAFTS = 5
"""What was begun before these and never finished is forgotten."""

STEPS = {
    "what": gettext_lazy("What is booked"),
    "when": gettext_lazy("When"),
    "how": gettext_lazy("What people get"),
}
PAGES_SHOWN = 10

NAME_OF_DRAFT = re.compile(r"[0-9a-f]{32}")


def ready_url(key: int) -> str:
    return reverse(f"{NAMESPACE}:ready", args=[key])


class FormStep:
    """A step that is one plain form."""

    def __init__(self, form, template_name: str):
        self.form, self.template_name = form, template_name

    @property
    def forms(self):
        return [self.form]

    def is_valid(self) -> bool:
        return self.form.is_valid()

    @property
    def cleaned_data(self) -> dict[str, Any]:
        return self.form.cleaned_data


class Draft:
    """What was typed so far, as it was typed, in the session of whoever types it.

    Each agenda that is begun has one of its own, so that two windows can each make one. `name` is
    random, so that what is made of it is made once; the addresses of its steps have it.
    """

    def __init__(self, session, name: str, now: datetime):
        self.session, self.name, self.now = session, name or secrets.token_hex(16), now

    @staticmethod
    def names(session) -> list[str]:
        """Those of all drafts there are, the one that was typed into last at the end."""
        return list(session.get(SESSION_KEY) or {})

    @property
    def label(self) -> str:
        """What the new agenda is called so far."""
        return self.kept.get("what", {}).get("label", [""])[0].strip() or _("no name yet")

    @property
    def kept(self) -> dict[str, dict[str, list[str]]]:
        return self._state.get("steps") or {}

    @property
    def made(self) -> int | None:
        """The key of the agenda that it has become, if its last button is pressed again."""
        return self._state.get("made")

    @property
    def _state(self) -> dict[str, Any]:
        return (self.session.get(SESSION_KEY) or {}).get(self.name) or {}

    def keep(self, step: str, data: dict[str, list[str]]) -> None:
        """Keeps the fields of the step's own forms, and nothing else that was sent."""
        self._put(step, data)
        names = {form.add_prefix(name) for form in self.step(step).forms for name in form.fields}
        names.add("rows")
        self._put(step, {name: values for name, values in data.items() if name in names})

    def _put(self, step: str, data: dict[str, list[str]]) -> None:
        if self.made is not None:
            # What is made of one name is made once: this becomes another agenda.
            self.name = secrets.token_hex(16)
        self._store({"steps": {**self.kept, self._key(step): data}})

    def forget(self) -> None:
        self._store(None)

    def become(self, agenda: Agenda) -> None:
        self._store({"made": agenda.pk})

    def _store(self, state: dict[str, Any] | None) -> None:
        kept = dict(self.session.get(SESSION_KEY) or {})
        kept.pop(self.name, None)
        if state is not None:
            kept[self.name] = state
        self.session[SESSION_KEY] = dict(list(kept.items())[-MOST_DRAFTS:])

    def step(self, name: str):
        """The forms of a step, with what was typed if it has been there. Its data may be wrong.

        The earlier steps must be in order: theirs is needed for it.
        """
        data = _query_dict(self.kept.get(self._key(name)))
        if name == "what":
            return FormStep(WhatForm(data), "wagtail_agenda/admin/guided_what.html")
        what = self._what()
        if name == "when":
            kind = AppointmentsStep if what["kind"] == AgendaKind.MEETINGS else EventsStep
            return kind(data, what=what, now=self.now)
        return FormStep(HowForm(data, what=what), "wagtail_agenda/admin/guided_how.html")

    def first_to_mend(self, before: str | None = None) -> str:
        """The first step that is not in order yet, of those before `before`; empty if none."""
        for name in STEPS:
            if name == before:
                break
            if self._key(name) not in self.kept or not self.step(name).is_valid():
                return name
        return ""

    def plan(self) -> Plan:
        """What to make. Every step must be in order."""
        values = {}
        for name in STEPS:
            step = self.step(name)
            step.is_valid()
            values[name] = step.cleaned_data
        return Plan(**values)

    def _what(self) -> dict[str, Any]:
        step = self.step("what")
        step.is_valid()
        return step.cleaned_data

    def _key(self, step: str) -> str:
        # The dates of events stay while somebody has a look at appointments, and the other way.
        if step != "when":
            return step
        sent = self.kept.get("what", {}).get("kind", [""])
        return f"when-{AgendaKind.EVENTS if AgendaKind.EVENTS in sent else AgendaKind.MEETINGS}"


def _query_dict(data: dict[str, list[str]] | None) -> QueryDict | None:
    if data is None:
        return None
    found = QueryDict(mutable=True)
    for name, values in data.items():
        found.setlist(name, values)
    return found


class GuidedPage(AgentPage):
    header_icon = "calendar"
    page_title = gettext_lazy("New agenda, guided")

    def trail(self):
        return [("", self.page_title)]


class GuidedView(GuidedPage):
    """One of the three steps; « Continue » on the last of them makes the agenda."""

    def dispatch(self, request, *args, **kwargs):
        if not permissions.POLICIES[Agenda].user_has_permission(request.user, "add"):
            raise PermissionDenied
        if kwargs["step"] not in STEPS:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    @cached_property
    def draft(self) -> Draft:
        """The one that the address names. One that names none begins a new one.

        In a later step, it goes on with the last one.
        """
        session, name = self.request.session, self.request.GET.get("draft", "")
        if not NAME_OF_DRAFT.fullmatch(name):
            name = "".join(Draft.names(session)[-1:]) if self.name != "what" else ""
        return Draft(session, name, timezone.now())

    @property
    def unfinished(self) -> Draft | None:
        """What was begun before, where this one has only just begun."""
        if self.name != "what" or self.draft.kept:
            return None
        session = self.request.session
        others = [Draft(session, name, self.draft.now) for name in Draft.names(session)]
        return next((draft for draft in reversed(others) if draft.kept), None)

    @property
    def name(self) -> str:
        return self.kwargs["step"]

    def get(self, request, step):
        if earlier := self.draft.first_to_mend(before=step):
            return redirect(self.step_url(earlier))
        shown = self.draft.step(step)
        if self.draft.kept.get(self.draft._key(step)) is not None:
            shown.is_valid()
        return self.show(shown)

    def post(self, request, step):
        action = request.POST.get("action") or "continue"
        if action == "afresh":
            self.draft.forget()
            return redirect(self.step_url("what"))
        if step == list(STEPS)[-1] and self.draft.made is not None:
            return redirect(ready_url(self.draft.made))
        if earlier := self.draft.first_to_mend(before=step):
            return redirect(self.step_url(earlier))
        self.draft.keep(step, self.sent())
        if action == "back":
            return redirect(self.step_url(self.neighbour(-1)))
        if action != "continue":
            return redirect(f"{self.step_url(step)}#{'week' if 'copy' in action else 'dates'}")
        shown = self.draft.step(step)
        if not shown.is_valid():
            messages.error(request, _("Please mend what is marked below."))
            return self.show(shown)
        if step != list(STEPS)[-1]:
            return redirect(self.step_url(self.neighbour(1)))
        return self.finish()

    def finish(self):
        agenda = make_once(
            self.draft.name, self.draft.plan(), user=self.request.user, now=timezone.now()
        )
        self.draft.become(agenda)
        return redirect(ready_url(agenda.pk))

    def step_url(self, step: str) -> str:
        return f"{reverse(f'{NAMESPACE}:step', args=[step])}?draft={self.draft.name}"

    def neighbour(self, distance: int) -> str:
        names = list(STEPS)
        return names[max(0, names.index(self.name) + distance)]

    def sent(self) -> dict[str, list[str]]:
        """What this step's fields were sent with, changed as the pressed button says."""
        data = dict(self.request.POST.lists())
        verb, _colon, weekday = (self.request.POST.get("action") or "").partition(":")
        if verb == "copy" and weekday in map(str, range(7)):
            data = copy_day(data, int(weekday))
        elif verb == "rows":
            data["rows"] = [str(min(rows_asked(self.request.POST) + DATES_AT_FIRST, MOST_DATES))]
        return data

    def show(self, step):
        return render(
            self.request,
            step.template_name,
            self.get_context_data(
                step=step,
                form=step.form,
                draft=self.draft.name,
                unfinished=self.unfinished,
                progress=self.progress(),
                is_first=self.name == "what",
                is_last=self.name == list(STEPS)[-1],
                may_start_afresh=bool(self.draft.kept),
            ),
        )

    def progress(self) -> list[dict[str, Any]]:
        mended = self.draft.first_to_mend()
        names = list(STEPS)
        reachable = names.index(mended) if mended else len(names) - 1
        return [
            {
                "label": label,
                "number": number,
                "is_current": name == self.name,
                "url": self.step_url(name) if number - 1 <= reachable else "",
            }
            for number, (name, label) in enumerate(STEPS.items(), start=1)
        ]


class ReadyView(GuidedPage, TemplateView):
    """What is left to do once there is an agenda: the booking form goes onto a page."""

    template_name = "wagtail_agenda/admin/guided_ready.html"

    @cached_property
    def agenda(self) -> Agenda:
        agendas = permissions.agendas_for(self.request.user, Role.EDITOR)
        agenda = agendas.filter(pk=self.kwargs["pk"]).first()
        if agenda is None:
            raise Http404
        return agenda

    def get_page_title(self):
        return _("“%(agenda)s” is ready") % {"agenda": self.agenda}

    def trail(self):
        return [("", self.get_page_title())]

    def get_context_data(self, **kwargs):
        editable = form_pages.pages_for(self.request.user)
        pages, count = list(editable[:PAGES_SHOWN]), editable.count()
        free = availability.next_free(self.agenda, now=timezone.now(), limit=1)
        return super().get_context_data(
            **kwargs,
            agenda=self.agenda,
            pages=form_pages.form_pages(pages, self.agenda),
            more_pages=max(0, count - PAGES_SHOWN),
            page_kinds=[model._meta.verbose_name for model in form_pages.page_models()],
            first_free=span_text(free[0].start, free[0].end) if free else "",
            edit_url=reverse("wagtailsnippets_wagtail_agenda_agenda:edit", args=[self.agenda.pk]),
            week_url=url_to("week_jump", self.agenda.slug),
        )
