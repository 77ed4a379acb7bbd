"""What tells agendas apart where one is looked for: in their list and in their chooser."""

from collections import Counter
from collections.abc import Iterable

from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column
from wagtail.admin.widgets.button import HeaderButton
from wagtail.models import ReferenceIndex
from wagtail.snippets.views.chooser import ChooseResultsView, ChooseView
from wagtail.snippets.views.snippets import IndexView

from wagtail_agenda.models import Agenda
from wagtail_agenda.views.admin.scope import ScopedChooserViewSet


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


class KindAndUsageColumns:
    """Tells agendas apart in their chooser: what they take, and whether pages use them."""

    @property
    def columns(self):
        uses = times_used(self.results.object_list)
        kind = Column("kind", label=_("Kind"), accessor="get_kind_display")
        usage = Column("usage", label=_("Usage"), accessor=lambda row: usage_text(uses[row.pk]))
        title, *others = super().columns
        return [title, kind, usage, *others]


class AgendaChooseView(KindAndUsageColumns, ChooseView):
    pass


class AgendaChooseResultsView(KindAndUsageColumns, ChooseResultsView):
    pass


class AgendaChooserViewSet(ScopedChooserViewSet):
    choose_view_class = AgendaChooseView
    choose_results_view_class = AgendaChooseResultsView


def times_used(agendas: Iterable[Agenda]) -> Counter[int]:
    """By the key of each agenda, how many pages and snippets take bookings for it.

    One query. What this package keeps of an agenda itself, such as its desks, is no usage.
    """
    found = ReferenceIndex.objects.filter(
        to_content_type=ContentType.objects.get_for_model(Agenda),
        to_object_id__in=[str(agenda.pk) for agenda in agendas],
    ).exclude(base_content_type__app_label=Agenda._meta.app_label)
    users = set(found.values_list("to_object_id", "base_content_type", "object_id"))
    return Counter(int(agenda) for agenda, _kind, _user in users)


def usage_text(count: int) -> str:
    if not count:
        return gettext("Not used")
    return ngettext("Used %(count)d time", "Used %(count)d times", count) % {"count": count}
