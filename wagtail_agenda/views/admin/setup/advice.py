"""What looks wrong with an agenda although each of its rows is fine: said where it is edited.

None of it keeps anybody from saving: a set-up has to pass through such states.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from wagtail.admin.panels import Panel

from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Agenda, MeetingType


def advice_on(agenda: Agenda) -> list[str]:
    """Sentences about what an editor has probably not meant; empty if there is nothing to say."""
    if agenda.is_virtual:
        return list(_on_agendas_behind([member.agenda for member in agenda.members.all()]))
    if agenda.kind == AgendaKind.MEETINGS:
        return list(_on_resources(agenda))
    return []


def _on_agendas_behind(agendas: list[Agenda]) -> Iterator[str]:
    hidden = [agenda for agenda in agendas if not agenda.live]
    if hidden:
        yield _("These agendas are not published, so they give no times: %(agendas)s.") % {
            "agendas": _named(hidden)
        }
    types = MeetingType.objects.filter(agenda__in=agendas, retired=False).select_related("agenda")
    order = {agenda.pk: number for number, agenda in enumerate(agendas)}
    by_slug = defaultdict(list)
    for meeting_type in sorted(types, key=lambda one: (order[one.agenda_id], one.pk)):
        by_slug[meeting_type.slug].append(meeting_type)
    for slug, same in sorted(by_slug.items()):
        if len({(one.duration, one.maximum_duration) for one in same}) > 1:
            yield _(
                "The appointment type “%(slug)s” does not take the same time everywhere: "
                "%(durations)s. Visitors are only offered those that take as long as the first."
            ) % {"slug": slug, "durations": _listed(map(_duration_in_words, same))}
    for slug, same in sorted(by_slug.items()):
        without = [agenda for agenda in agendas if agenda.pk not in {one.agenda_id for one in same}]
        if without:
            yield _(
                "These agendas do not give the appointment type “%(slug)s”, so they have no times "
                "for it: %(agendas)s. Types are the same if their slugs are."
            ) % {"slug": slug, "agendas": _named(without)}


def _duration_in_words(meeting_type: MeetingType) -> str:
    values = {
        "agenda": meeting_type.agenda,
        "duration": meeting_type.duration,
        "longest": meeting_type.maximum_duration,
    }
    if meeting_type.free_range:
        return _("%(duration)s to %(longest)s minutes at “%(agenda)s”") % values
    return _("%(duration)s minutes at “%(agenda)s”") % values


def _on_resources(agenda: Agenda) -> Iterator[str]:
    types = (
        agenda.meeting_types.filter(retired=False, resources__isnull=False)
        .distinct()
        .prefetch_related("resources")
    )
    for meeting_type in types:
        for resource in meeting_type.resources.all():
            values = {"type": meeting_type, "resource": resource}
            if resource.retired:
                yield (
                    _("“%(type)s” needs “%(resource)s”, which is retired, so it cannot be booked.")
                    % values
                )
            elif resource.maximum_duration and resource.maximum_duration < meeting_type.duration:
                yield (
                    _(
                        "“%(type)s” takes longer than “%(resource)s” can be had at a time, "
                        "so it cannot be booked."
                    )
                    % values
                )


def _named(agendas: Iterable[Agenda]) -> str:
    return _listed(_("“%(name)s”") % {"name": agenda} for agenda in agendas)


def _listed(texts: Iterable[str]) -> str:
    return get_text_list(list(texts), _("and"))


class AdvicePanel(Panel):
    """What looks wrong with the agenda, above its fields; nothing if nothing does."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_agenda/admin/agenda_advice.html"

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            is_saved = self.instance is not None and self.instance.pk is not None
            # A form that came back says what is wrong with it; this is about what is saved.
            self.sentences = advice_on(self.instance) if is_saved and self.form else []

        def is_shown(self):
            return bool(self.sentences) and super().is_shown()

        def get_context_data(self, parent_context=None):
            return {**super().get_context_data(parent_context), "sentences": self.sentences}
