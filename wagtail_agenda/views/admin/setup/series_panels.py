"""Panels of a series: the question about what is booked, and the dates that are to come."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from wagtail.admin.panels import Panel

from wagtail_agenda.models import Event
from wagtail_agenda.series import Affected
from wagtail_agenda.views.admin.setup.events import (
    places_in_words,
    state_in_words,
    with_places_on_offer,
)
from wagtail_agenda.views.admin.setup.series import ANSWERS
from wagtail_agenda.wording import moment_text, span_text

DATES_SHOWN = 60


@dataclass(frozen=True)
class AskedList:
    """The booked events of one list of a plan, and the field of the form that answers for them."""

    heading: str
    lines: list[tuple[str, str]]
    field: object
    with_reason: bool


class BookedDatesPanel(Panel):
    """What a change would do to booked dates, with the choice of what shall become of them."""

    def get_form_options(self):
        # Wagtail puts fields that no panel names at the end of the page.
        answers = [f"answer_{name}" for name in ANSWERS]
        return {"fields": ["confirmed", *answers, "reason"]}

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/series_question.html"

        def is_shown(self):
            return getattr(self.form, "plan", None) is not None and super().is_shown()

        def get_context_data(self, parent_context=None):
            context = super().get_context_data(parent_context)
            plan = self.form.plan
            return {
                **context,
                "key": plan.key,
                "lists": list(self.lists()),
                "reason": self.form["reason"],
                "differing": [
                    (edit_url(event), moment_text(event.start.astimezone(event.agenda.zone)))
                    for event in plan.differing[:DATES_SHOWN]
                ],
            }

        def lists(self) -> Iterator[AskedList]:
            plan = self.form.plan
            for name, heading in (
                ("moved", heading_of_moved(len(plan.moved))),
                ("removed", heading_of_removed(len(plan.removed))),
                ("shrunk", heading_of_shrunk(len(plan.shrunk), plan)),
            ):
                rows = getattr(plan, name)
                if rows:
                    yield AskedList(
                        heading=heading,
                        lines=[(edit_url(row.event), line_of(row, name)) for row in rows],
                        field=self.form[f"answer_{name}"],
                        with_reason=name == "removed",
                    )


class ComingDatesPanel(Panel):
    """The dates of a series that are to come, each with its bookings."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/series_dates.html"

        def is_shown(self):
            return self.instance.pk is not None and super().is_shown()

        @cached_property
        def dates(self) -> list[Event]:
            now = timezone.now()
            coming = Event.objects.filter(series_id=self.instance.pk, start__gt=now)
            coming = with_places_on_offer(coming, now)
            return list(coming.select_related("agenda", "bookable").order_by("start", "pk"))

        def get_context_data(self, parent_context=None):
            context = super().get_context_data(parent_context)
            more = len(self.dates) - DATES_SHOWN
            return {
                **context,
                "rows": [date_row(event) for event in self.dates[:DATES_SHOWN]],
                "more": ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
                if more > 0
                else "",
            }


def date_row(event: Event) -> dict:
    state = [state_in_words(event)]
    if event.differs_from_series:
        state.append(gettext("Differs from the series"))
    return {
        "url": edit_url(event),
        "when": moment_text(event.start.astimezone(event.agenda.zone)),
        "places": places_in_words(event),
        "state": ". ".join(state),
    }


def edit_url(event: Event) -> str:
    return reverse("wagtail_agenda_event:edit", args=[event.pk])


def bookings_in_words(row: Affected) -> str:
    """How many have booked an event, wait for it, or are booking it: “2 bookings, 1 waiting”."""
    said = []
    if row.bookings:
        said.append(
            ngettext("%(count)d booking", "%(count)d bookings", row.bookings)
            % {"count": row.bookings}
        )
    if row.waiting:
        said.append(
            ngettext("%(count)d waiting", "%(count)d waiting", row.waiting) % {"count": row.waiting}
        )
    if row.demand.held:
        said.append(gettext("somebody is booking it just now"))
    return ", ".join(said)


def line_of(row: Affected, name: str) -> str:
    values = {
        "when": moment_text(row.local_start),
        "bookings": bookings_in_words(row),
        "taken": row.demand.taken,
        "waiting": row.demand.waiting_taken,
    }
    if name == "moved":
        values["then"] = span_text(row.new_local_start, row.new_local_end)
        return gettext("%(when)s would be %(then)s: %(bookings)s") % values
    if name == "shrunk" and row.demand.waiting_taken:
        return (
            gettext("%(when)s: %(taken)d places are taken, %(waiting)d on the waiting list")
            % values
        )
    if name == "shrunk":
        return gettext("%(when)s: %(taken)d places are taken") % values
    return gettext("%(when)s: %(bookings)s") % values


def heading_of_moved(count: int) -> str:
    return ngettext(
        "%(count)d booked date would take place at another time",
        "%(count)d booked dates would take place at another time",
        count,
    ) % {"count": count}


def heading_of_removed(count: int) -> str:
    return ngettext(
        "%(count)d booked date would not take place",
        "%(count)d booked dates would not take place",
        count,
    ) % {"count": count}


def heading_of_shrunk(count: int, plan) -> str:
    values = {"count": count, "places": plan.places, "waiting": plan.waiting_places}
    return (
        ngettext(
            "%(count)d date has more places taken than the series gives: %(places)d, and "
            "%(waiting)d on the waiting list",
            "%(count)d dates have more places taken than the series gives: %(places)d, and "
            "%(waiting)d on the waiting list",
            count,
        )
        % values
    )
