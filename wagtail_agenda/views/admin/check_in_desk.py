"""The list at the door: who is expected at an event or on a day, and who has come."""

from abc import ABC, abstractmethod
from datetime import date, timedelta
from functools import cached_property
from uuid import UUID

from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.widgets.button import HeaderButton

from wagtail_agenda import attendance as attendances
from wagtail_agenda import permissions
from wagtail_agenda.attendance import Outcome, Sheet, as_seen
from wagtail_agenda.choices import Attendance
from wagtail_agenda.cleaning import one_line
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.models import AttendanceReason, AttendanceSheet, Booking, Desk, Entry, Event
from wagtail_agenda.schedule import day_bounds
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.base import AgentPage, log_acts, url_to
from wagtail_agenda.views.admin.check_in import (
    ICONS,
    Saying,
    TogetherForm,
    log_sheet,
    logged,
    refusal,
    sayings,
)
from wagtail_agenda.views.admin.check_in_list import Counts, Visitor, folded, has_place
from wagtail_agenda.views.admin.dates import complain_about_date, read_day, today_in
from wagtail_agenda.views.admin.presentation import answers_that_matter, badge, mark_text, times
from wagtail_agenda.wording import day_text, span_text, time_text

FACTS_SHOWN = 6
REFUSALS_NAMED = 20
LEAVE = "leave"


class CheckInDeskView(AgentPage, TemplateView, ABC):
    """The attendance sheet of an event or a day, to work on. Single lines go to `CheckInView`.

    POST: ``act=together`` with a `TogetherForm`, ``ticked`` and for each line ``seen-<key>``;
    ``act=undo`` with ``of``, what was noted together; ``act=mark`` with ``rest`` and the keys
    ``waiting``; ``act=unmark``.
    """

    template_name = "wagtail_agenda/admin/check_in_desk.html"
    header_icon = "check"
    orders = ("time", "name")
    sheet: Sheet

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()
        self.form: TogetherForm | None = None
        self.ticked: set[str] = set()

    @property
    @abstractmethod
    def own_url(self) -> str:
        """The address of the list, as it is without search and order."""

    @property
    @abstractmethod
    def what(self) -> str:
        """What the list is of, in a heading."""

    @cached_property
    def agenda(self):
        return self.sheet.agenda

    @cached_property
    def here(self) -> str:
        return self.request.get_full_path()

    @property
    def day(self) -> date:
        """The day of the list; of an event, the one on which it begins."""
        return self.sheet.day or self.sheet.event.start.astimezone(self.agenda.zone).date()

    @property
    def day_url(self) -> str:
        return url_to("day", self.agenda.slug, self.day)

    # What is read: a constant number of queries

    @cached_property
    def bookings(self) -> list[Booking]:
        rows = self.sheet.bookings.select_related(
            "status", "meeting_type", "desk", "event", "attendance_reason"
        )
        found = list(rows.prefetch_related("form_version"))
        for booking in found:
            booking.agenda = self.agenda
        return found

    @cached_property
    def row(self) -> AttendanceSheet | None:
        return self.sheet.row

    @cached_property
    def reasons(self) -> list[AttendanceReason]:
        return list(attendances.reasons_of(self.agenda))

    @cached_property
    def last_noted(self) -> dict[int, Entry]:
        return attendances.last_noted(one for one in self.bookings if one.attendance)

    @cached_property
    def last_act(self) -> dict | None:
        """What was noted together last, as long as it can be undone."""
        act = self.row.last_act if self.row else None
        if act is None or self.is_checked:
            return None
        of_act = [entry for entry in self.last_noted.values() if entry.data.get("act") == str(act)]
        if not of_act:
            return None
        entry = of_act[0]
        return {"of": act, "count": len(of_act), "who": self.who_and_when(entry)}

    # What can be asked for

    @cached_property
    def order(self) -> str:
        asked = self.request.GET.get("sort", "")
        return asked if asked in self.orders else self.orders[0]

    @cached_property
    def query(self) -> str:
        return one_line(self.request.GET.get("q", ""))[:100]

    @property
    def desk(self) -> Desk | None:
        return None

    @cached_property
    def is_checked(self) -> bool:
        return bool(self.row and self.row.checked_at)

    @cached_property
    def can_check_in(self) -> bool:
        """Nobody comes before the day itself; on its own page each booking can be, all the same."""
        return not self.is_checked and self.day <= today_in(self.agenda)

    # What is shown

    def visitor(self, booking: Booking) -> Visitor:
        name = booking.user_name or booking.label or booking.reference
        entry = self.last_noted.get(booking.pk)
        status = badge(booking)
        return Visitor(
            booking=booking,
            name=name,
            about=booking.label if booking.label != name and not self.sheet.event else "",
            times=times(booking.start, booking.end, self.agenda.zone),
            url=url_to("booking", booking.pk),
            check_in_url=url_to("booking_check_in", booking.pk),
            badge=status if status.label != booking.get_attendance_display() else None,
            seen=as_seen(booking),
            facts=answers_that_matter(booking)[:FACTS_SHOWN],
            icon=ICONS.get(booking.attendance, ""),
            noted=self.who_and_when(entry) if entry else "",
            reasons=attendances.reasons_for(booking, self.reasons),
            can_come=self.can_check_in and has_place(booking),
            is_ticked=str(booking.pk) in self.ticked,
        )

    @cached_property
    def visitors(self) -> list[Visitor]:
        """In the order that is asked for; those that a search leaves out are hidden."""
        wanted = folded(self.query).split()
        found = []
        for booking in self.bookings:
            if self.desk is not None and booking.desk_id != self.desk.pk:
                continue
            one = self.visitor(booking)
            one.is_hidden = not all(word in one.search_text for word in wanted)
            found.append(one)
        found.sort(key=lambda one: (folded(one.name), one.booking.start, one.booking.pk))
        if self.order == "time":
            found.sort(key=lambda one: one.booking.start)
        return found

    def who_and_when(self, entry: Entry) -> str:
        local = entry.at.astimezone(self.agenda.zone)
        who = attendances.name_of(entry.user)
        values = {
            "who": who,
            "time": time_text(local),
            "day": day_text(local.date()),
        }
        if local.date() != self.now.astimezone(self.agenda.zone).date():
            return _("%(who)s, %(day)s, %(time)s") % values if who else values["day"]
        return _("%(who)s, %(time)s") % values if who else values["time"]

    def rest_choices(self) -> list[tuple[str, str]]:
        absent = sayings(self.reasons, [Attendance.ABSENT])
        return [
            (LEAVE, _("Leave them as they are")),
            *((one.value, one.label) for one in absent),
        ]

    def get_page_title(self):
        return _("Check in")

    def get_page_subtitle(self):
        return self.what

    def trail(self):
        return [(self.day_url, self.agenda), ("", _("Check in"))]

    @cached_property
    def header_buttons(self):
        return [
            HeaderButton(
                label=_("The day in the agenda view"),
                url=self.day_url,
                icon_name="calendar-alt",
            )
        ]

    def get_context_data(self, **kwargs):
        visitors = self.visitors
        return super().get_context_data(
            **kwargs,
            agenda=self.agenda,
            sheet=self.sheet,
            what=self.what,
            visitors=visitors,
            counts=Counts.of([one.booking for one in visitors]),
            shown=sum(not one.is_hidden for one in visitors),
            query=self.query,
            order=self.order,
            desk=self.desk,
            desks=self.desks,
            own_url=self.own_url,
            here=self.here,
            is_checked=self.is_checked,
            mark=mark_text(self.row, self.agenda.zone),
            can_check_in=self.can_check_in,
            can_mark=not self.is_checked and self.sheet.has_begun(self.now),
            waiting=[one for one in self.bookings if not one.attendance and has_place(one)],
            rest_choices=self.rest_choices(),
            last_act=self.last_act,
            attendances=[(value, ICONS[value], value.label) for value in ICONS],
            form=self.form or TogetherForm(choices=sayings(self.reasons)),
        )

    @property
    def desks(self) -> list[Desk]:
        return []

    # What is done

    def post(self, request, *args, **kwargs):
        act = {
            "together": self.note_together,
            "undo": self.undo,
            "mark": self.mark,
            "unmark": self.unmark,
        }.get(request.POST.get("act", ""))
        if act is None:
            messages.error(request, _("Nothing was changed: choose what to do."))
            return redirect(self.here)
        try:
            return act()
        except Overloaded:
            raise
        except BookingError as error:
            messages.error(request, str(error))
            return self.again()

    def again(self):
        """The page once more as things stand now, with what was ticked and typed."""
        for name in ("bookings", "row", "last_noted", "last_act", "is_checked", "can_check_in"):
            self.__dict__.pop(name, None)
        self.ticked = set(self.request.POST.getlist("ticked"))
        return self.render_to_response(self.get_context_data())

    def note_together(self):
        self.form = form = TogetherForm(self.request.POST, choices=sayings(self.reasons))
        if not form.is_valid():
            messages.error(self.request, _("Nothing was changed: see what is marked below."))
            return self.again()
        seen = self.seen(form.cleaned_data["whom"])
        if not seen:
            form.add_error("whom", _("Nobody is meant: tick somebody in the list first."))
            messages.error(self.request, _("Nothing was changed: see what is marked below."))
            return self.again()
        saying, note = form.cleaned_data["saying"], form.cleaned_data["note"]
        outcome = attendances.check_in_all(
            self.sheet,
            seen,
            saying.attendance,
            now=self.now,
            user=self.request.user,
            reason=saying.reason,
            note=note or None,
        )
        self.report(outcome, saying, note)
        return redirect(self.here)

    def seen(self, whom: str) -> dict[int, str]:
        """Who is meant, with what the form showed of them."""
        posted = self.request.POST
        shown = {
            booking.pk: posted[f"seen-{booking.pk}"]
            for booking in self.bookings
            if posted.get(f"seen-{booking.pk}")
        }
        if whom == TogetherForm.TICKED:
            ticked = set(posted.getlist("ticked"))
            return {pk: seen for pk, seen in shown.items() if str(pk) in ticked}
        # As the form showed it: a colleague may have checked somebody in since.
        return {pk: seen for pk, seen in shown.items() if seen.startswith(".")}

    def undo(self):
        try:
            act = UUID(self.request.POST.get("of", ""))
        except ValueError:
            messages.error(self.request, _("Nothing was changed: choose what to do."))
            return redirect(self.here)
        outcome = attendances.undo_act(self.sheet, act, now=self.now, user=self.request.user)
        undone = [(booking, {"attendance": "undo"}) for booking in outcome.done]
        log_acts(undone, "check_in", self.request.user)
        if outcome.done:
            count = len(outcome.done)
            messages.success(
                self.request,
                ngettext(
                    "%(count)d booking is as before.", "%(count)d bookings are as before.", count
                )
                % {"count": count},
            )
        self.complain(outcome)
        return redirect(self.here)

    def mark(self):
        rest, choices = None, dict(self.rest_choices())
        asked = self.request.POST.get("rest", "")
        waiting = set(self.request.POST.getlist("waiting"))
        of = [one.pk for one in self.bookings if str(one.pk) in waiting]
        if of and asked not in choices:
            messages.error(
                self.request,
                _("Nothing was changed: say what to do with those who are not checked in yet."),
            )
            return redirect(f"{self.here}#wagtail-agenda-mark")
        if asked != LEAVE:
            absent = sayings(self.reasons, [Attendance.ABSENT])
            rest = next((one for one in absent if one.value == asked), None)
        outcome = attendances.mark_as_checked(
            self.sheet,
            now=self.now,
            user=self.request.user,
            rest=rest.attendance if rest else Attendance.UNKNOWN,
            of=of,
            reason=rest.reason if rest else None,
        )
        if rest:
            self.report(outcome, rest, "")
        self.log_sheet("mark_as_checked")
        messages.success(self.request, _("Marked as checked. Attendance can no longer change."))
        return redirect(self.here)

    def unmark(self):
        attendances.unmark(self.sheet, now=self.now, user=self.request.user)
        self.log_sheet("unmark")
        messages.success(self.request, _("No longer marked as checked. Attendance can change."))
        return redirect(self.here)

    def log_sheet(self, action: str) -> None:
        data = {"day": self.day.isoformat()} if self.sheet.day else {}
        log_sheet(self.sheet.event or self.agenda, action, self.request.user, **data)

    def report(self, outcome: Outcome, saying: Saying, note: str) -> None:
        data = logged(saying.attendance, saying.reason, note)
        log_acts([(booking, data) for booking in outcome.done], "check_in", self.request.user)
        if outcome.done:
            count = len(outcome.done)
            messages.success(
                self.request,
                ngettext(
                    "%(count)d booking is noted as “%(saying)s”.",
                    "%(count)d bookings are noted as “%(saying)s”.",
                    count,
                )
                % {"count": count, "saying": saying.label},
            )
        elif not outcome.refused:
            messages.warning(self.request, _("Nothing was changed: this was noted already."))
        self.complain(outcome)

    def complain(self, outcome: Outcome) -> None:
        """Name whom nothing was noted of, and why."""
        for booking, error in outcome.refused[:REFUSALS_NAMED]:
            messages.warning(self.request, refusal(booking, error))
        more = len(outcome.refused) - REFUSALS_NAMED
        if more > 0:
            messages.warning(
                self.request,
                ngettext(
                    "%(count)d more could not be noted.", "%(count)d more could not be noted.", more
                )
                % {"count": more},
            )


class EventCheckInView(CheckInDeskView):
    """Who comes to one event."""

    orders = ("name", "time")

    @cached_property
    def sheet(self) -> Sheet:
        events = Event.objects.select_related("agenda__workflow").filter(pk=self.kwargs["pk"])
        event = permissions.visible(self.request.user, events).first()
        if event is None:
            raise Http404
        return Sheet(event.agenda, event=event)

    @property
    def own_url(self):
        return url_to("check_in_event", self.sheet.event.pk)

    @property
    def what(self):
        zone = self.agenda.zone
        event = self.sheet.event
        when = span_text(event.start.astimezone(zone), event.end.astimezone(zone))
        return _("%(event)s, %(when)s") % {"event": event, "when": when}

    def get(self, request, *args, **kwargs):
        # Whether one may is asked before anything else.
        self.sheet  # noqa: B018
        return super().get(request, *args, **kwargs)

    def post(self, request, *args, **kwargs):
        self.sheet  # noqa: B018
        return super().post(request, *args, **kwargs)


class DayCheckInView(CheckInDeskView):
    """Who comes on one day of an agenda with appointments, at all desks or at one.

    For an agenda of events, the way to the day's event; with several, to the day that lists them.
    """

    def route(self):
        """Where to go instead, if this is no day of an agenda with appointments."""
        agenda = self.get_agenda(self.kwargs["slug"])
        asked = self.kwargs["day"]
        day = read_day(asked)
        if day is None:
            complain_about_date(self.request, asked)
            return redirect(url_to("check_in_day", agenda.slug, today_in(agenda)))
        if agenda.takes_appointments:
            self.sheet = Sheet(agenda, day=day)
            return None
        first, last = (instant_of(bound) for bound in day_bounds(day, agenda.zone))
        events = list(agenda.events.filter(start__gte=first, start__lt=last)[:2])
        if len(events) == 1:
            return redirect(url_to("check_in_event", events[0].pk))
        return redirect(url_to("day", agenda.slug, day))

    def get(self, request, *args, **kwargs):
        return self.route() or super().get(request, *args, **kwargs)

    def post(self, request, *args, **kwargs):
        return self.route() or super().post(request, *args, **kwargs)

    @property
    def own_url(self):
        return url_to("check_in_day", self.agenda.slug, self.sheet.day)

    @property
    def what(self):
        return _("%(agenda)s, %(day)s") % {
            "agenda": self.agenda,
            "day": day_text(self.sheet.day),
        }

    @cached_property
    def desks(self) -> list[Desk]:
        desks = list(self.agenda.desks.all())
        return desks if len(desks) > 1 else []

    @cached_property
    def desk(self) -> Desk | None:
        asked = self.request.GET.get("desk", "")
        return next((desk for desk in self.desks if desk.slug == asked), None)

    def get_context_data(self, **kwargs):
        day = self.sheet.day
        return super().get_context_data(
            **kwargs,
            previous_url=url_to("check_in_day", self.agenda.slug, day - timedelta(days=1)),
            next_url=url_to("check_in_day", self.agenda.slug, day + timedelta(days=1)),
        )
