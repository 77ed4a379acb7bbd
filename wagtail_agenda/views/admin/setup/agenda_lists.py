"""What tells agendas apart where one is looked for: in their list and in their chooser."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column, LiveStatusTagColumn
from wagtail.admin.widgets.button import HeaderButton
from wagtail.models import ReferenceIndex
from wagtail.snippets.views.chooser import ChooseResultsView, ChooseView
from wagtail.snippets.views.snippets import IndexView

from wagtail_agenda import availability
from wagtail_agenda.models import Agenda
from wagtail_agenda.timegrid import instant_of
from wagtail_agenda.views.admin.scope import ScopedChooserViewSet
from wagtail_agenda.wording import day_text, time_text

FIRST_LOOK_DAYS = 8


class AgendaIndexView(IndexView):
    """The list of agendas, with both ways to make one."""

    @cached_property
    def header_buttons(self):
        buttons = list(super().header_buttons)
        if self.add_url:
            guided = HeaderButton(
                label=_("New agenda, guided"),
                url=reverse("wagtail_agenda_guided:step", args=["what"]),
                icon_name="list-ul",
            )
            buttons.append(guided)
        return buttons

    @cached_property
    def columns(self):
        # Without the keys of the page at hand: what the index says of all agendas is one query too.
        columns = list(super().columns)
        status = next(
            place for place, column in enumerate(columns) if isinstance(column, LiveStatusTagColumn)
        )
        columns[status:status] = telling_columns(times_used())
        return columns


class TellingColumns:
    """Tells agendas apart in their chooser: what they take, when, and whether pages use them."""

    @property
    def columns(self):
        kind = Column("kind", label=_("Kind"), accessor="get_kind_display")
        title, *others = super().columns
        return [title, kind, *telling_columns(times_used(self.results.object_list)), *others]


class AgendaChooseView(TellingColumns, ChooseView):
    pass


class AgendaChooseResultsView(TellingColumns, ChooseResultsView):
    pass


def telling_columns(uses: Counter[int]) -> list[Column]:
    """When the next time is free, and how often an agenda is used.

    The next free time takes a few queries an agenda, so for as many as a page of the list shows.
    """
    now = timezone.now()
    return [
        Column(
            "next_free",
            label=_("Next free time"),
            accessor=lambda agenda: next_free_text(agenda, now),
        ),
        Column("usage", label=_("Usage"), accessor=lambda agenda: usage_text(uses[agenda.pk])),
    ]


def next_free_text(agenda: Agenda, now: datetime) -> str:
    """The first time that a visitor could book, in the agenda's zone; or that there is none."""
    if not availability.is_open(agenda, now):
        return gettext("Not published") if not agenda.live else gettext("Expired")
    slot = first_free(agenda, now)
    if slot is None:
        return gettext("Nothing free")
    return f"{day_text(slot.start.date())}, {time_text(slot.start)}"


def first_free(agenda: Agenda, now: datetime) -> availability.Slot | None:
    """The first free slot. Looks at the days to come in growing steps: it is nearly always near."""
    earliest, latest = availability.booking_window(agenda, now)
    first, last = (
        instant_of(minute).astimezone(agenda.zone).date() for minute in (earliest, latest)
    )
    days = FIRST_LOOK_DAYS
    while first <= last:
        until = min(last, first + timedelta(days=days - 1))
        found = availability.slots(agenda, first=first, last=until, now=now)
        if found:
            return found[0]
        first, days = until + timedelta(days=1), days * 8
    return None


class AgendaChooserViewSet(ScopedChooserViewSet):
    choose_view_class = AgendaChooseView
    choose_results_view_class = AgendaChooseResultsView


def times_used(agendas: Iterable[Agenda] | None = None) -> Counter[int]:
    """By the key of each agenda, or of those given, how many pages and snippets use it.

    One query. What this package keeps of an agenda itself, such as its desks, is no usage.
    """
    found = ReferenceIndex.objects.filter(
        to_content_type=ContentType.objects.get_for_model(Agenda),
    ).exclude(base_content_type__app_label=Agenda._meta.app_label)
    if agendas is not None:
        found = found.filter(to_object_id__in=[str(agenda.pk) for agenda in agendas])
    users = set(found.values_list("to_object_id", "base_content_type", "object_id"))
    return Counter(int(agenda) for agenda, _kind, _user in users)


def usage_text(count: int) -> str:
    if not count:
        return gettext("Not used")
    return ngettext("Used %(count)d time", "Used %(count)d times", count) % {"count": count}
