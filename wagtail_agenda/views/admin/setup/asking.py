"""Questions that a form asks before it saves: what would happen, to whom, and whether to go on.

The first time the form comes back with the question, and nothing is saved. The answer names what
was asked, so that it counts for nothing else: not for another value, and not for more bookings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import Panel

from wagtail_agenda import permissions
from wagtail_agenda.choices import Admission
from wagtail_agenda.models import Booking, CalledMeeting
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.wording import moment_text

BOOKINGS_SHOWN = 10


@dataclass(frozen=True)
class Question:
    """What somebody has to confirm; `key` is the answer that confirms this and nothing else.

    Where there is another answer, `otherwise` says which; its key is `other_key`.
    """

    field: str
    key: str
    sentences: Sequence[str]
    answer: str
    lines: Sequence[tuple[str, str]] = field(default=())
    more: int = 0
    otherwise: str = ""

    @property
    def other_key(self) -> str:
        return f"{self.key}:otherwise"

    @property
    def more_text(self) -> str:
        """How many of what is to come is not listed: too many, or of agendas one does not see."""
        if not self.more:
            return ""
        if not self.lines:
            return gettext("All of them are in agendas that you do not see.")
        return ngettext("and %(count)d more", "and %(count)d more", self.more) % {
            "count": self.more
        }


class AskingForm(WagtailAdminModelForm):
    """A form that saves some things only once they are confirmed. It asks one thing at a time."""

    confirmed = forms.CharField(required=False, max_length=200)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.question: Question | None = None

    def ask(self, question: Question) -> bool:
        """Whether the form was sent with the answer to this question; refuses it without any.

        The other answer, where there is one, is no refusal.
        """
        answer = self.cleaned_data.get("confirmed")
        if answer == question.key:
            return True
        if question.otherwise and answer == question.other_key:
            return False
        self.question = question
        message = _(
            "Nothing has happened yet. Read what would, and tick the box below if it should."
        )
        if question.otherwise:
            message = _("Nothing is saved yet: say first whether those who have booked are told.")
        self.add_error(question.field, ValidationError(message, code="confirm"))
        return False


class QuestionPanel(Panel):
    """Where the question of a form stands, if it has one."""

    def get_form_options(self):
        # Wagtail puts fields that no panel names at the end of the page.
        return {"fields": ["confirmed"]}

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/question.html"

        def is_shown(self):
            return getattr(self.form, "question", None) is not None and super().is_shown()

        def get_context_data(self, parent_context=None):
            context = super().get_context_data(parent_context)
            return {**context, "question": self.form.question}


def coming_bookings(now: datetime, **what) -> QuerySet[Booking]:
    """The bookings of something that are not over and not cancelled, the next one first.

    Of `agenda`, also those that were chosen there and are kept by an agenda behind it.
    """
    wanted = Q(**what)
    if "agenda" in what:
        wanted |= Q(virtual_agenda=what["agenda"])
    return (
        Booking.objects.filter(wanted, end__gt=now)
        .exclude(admission=Admission.CANCELLED)
        .select_related("agenda")
        .order_by("start", "pk")
    )


def coming_meetings(now: datetime, **what) -> QuerySet[CalledMeeting]:
    """The meetings that people expect at a desk or in a resource, the next one first."""
    expected = {"end__gt": now, "cancelled_at": None, "published_at__isnull": False}
    found = CalledMeeting.objects.filter(**what, **expected)
    return found.select_related("agenda").order_by("start", "pk")


def lines_of(bookings: QuerySet[Booking], user) -> list[tuple[str, str]]:
    """The first of these bookings that the user may see, each as its address and what it is."""
    seen = permissions.visible(user, bookings)[:BOOKINGS_SHOWN]
    return [
        (
            reverse("wagtail_agenda_admin:booking", args=[booking.pk]),
            gettext("%(when)s: %(booking)s")
            % {"when": moment_text(booking.local_start), "booking": booking},
        )
        for booking in seen
    ]


def lines_of_meetings(meetings: QuerySet[CalledMeeting], user) -> list[tuple[str, str]]:
    """As `lines_of`, of meetings."""
    seen = permissions.visible(user, meetings)[:BOOKINGS_SHOWN]
    return [
        (
            url_to("meeting", meeting.pk),
            gettext("%(when)s: %(meeting)s")
            % {"when": moment_text(meeting.local_start), "meeting": meeting.title},
        )
        for meeting in seen
    ]


def retiring(
    bookings: QuerySet[Booking], meetings: QuerySet[CalledMeeting], label: str, user
) -> Question | None:
    """Whether to retire something that is still to be used; no question if it is not."""
    booked, met = bookings.count(), meetings.count()
    if not booked and not met:
        return None
    lines = lines_of(bookings, user) + lines_of_meetings(meetings, user)
    of_bookings = ngettext(
        "“%(label)s” has %(count)d booking to come. It stays, and its visitor will come; only "
        "nothing more is booked here. Move or cancel it first if nobody can be received.",
        "“%(label)s” has %(count)d bookings to come. They stay, and their visitors will come; only "
        "nothing more is booked here. Move or cancel them first if nobody can be received.",
        booked,
    )
    of_meetings = ngettext(
        "“%(label)s” has %(count)d meeting to come, which stays. If it cannot take place here, "
        "find another place for it first.",
        "“%(label)s” has %(count)d meetings to come, which stay. If they cannot take place here, "
        "find another place for them first.",
        met,
    )
    return Question(
        field="retired",
        key=f"retired:{booked}:{met}",
        sentences=[
            happens % {"label": label, "count": count}
            for happens, count in ((of_bookings, booked), (of_meetings, met))
            if count
        ],
        answer=gettext("Retire it all the same"),
        lines=lines,
        more=booked + met - len(lines),
    )


def changing_zone(bookings: QuerySet[Booking], zone: str, user) -> Question | None:
    """Whether to change the time zone under bookings to come; no question if there are none."""
    count = bookings.count()
    if not count:
        return None
    lines = lines_of(bookings, user)
    stays = ngettext(
        "There is %(count)d booking to come. It stays at the same moment, and from then on its "
        "time is shown as clocks in %(zone)s show it. Its visitor was told the time of before, "
        "and is not told anew.",
        "There are %(count)d bookings to come. They stay at the same moments, and from then on "
        "their times are shown as clocks in %(zone)s show them. Their visitors were told the "
        "times of before, and are not told anew.",
        count,
    )
    hours = gettext(
        "Opening hours are read in the new zone, so bookings may come to lie outside of them."
    )
    return Question(
        field="timezone",
        key=f"timezone:{zone}:{count}",
        sentences=[stays % {"count": count, "zone": zone}, hours],
        answer=gettext("Change the time zone all the same"),
        lines=lines,
        more=count - len(lines),
    )
