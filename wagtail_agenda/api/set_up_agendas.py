"""Agendas made, changed and removed as another system says, by objects of the file of agendas."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from wagtail.log_actions import log

from wagtail_agenda import clients, removal
from wagtail_agenda.api.errors import Refused, invalid
from wagtail_agenda.choices import AgendaKind, WaitingListPromotion
from wagtail_agenda.contention import all_or_nothing
from wagtail_agenda.importers import agenda_json
from wagtail_agenda.models import Agenda, ApiClient


def make(data: Any, *, client: ApiClient, now: datetime) -> Agenda:
    """Make an agenda, all or nothing. A client that is limited to some may touch it from then on.

    Unless the data has it otherwise, nobody gets a place of its waiting lists by itself: an agent
    or another system gives it. Raises `Refused` or `Overloaded`.
    """
    data = _object(data)
    if data.get("kind") == AgendaKind.EVENTS:
        data = {"waiting_list_promotion": WaitingListPromotion.BY_HAND.value, **data}
    with all_or_nothing():
        agenda = _read(data, client, now, only_new=True)
        if client.agendas.exists():
            client.agendas.add(agenda)
    return agenda


def change(agenda: Agenda, data: Any, *, client: ApiClient, now: datetime) -> Agenda:
    """Change what the data names of an agenda, all or nothing; its slug stays.

    Raises `Refused` or `Overloaded`.
    """
    data = _object(data)
    if data.get("slug", agenda.slug) != agenda.slug:
        raise invalid(slug=_("The slug of an agenda stays as it is."))
    with all_or_nothing():
        return _read({**data, "slug": agenda.slug}, client, now)


def remove(agenda: Agenda) -> None:
    """Delete an agenda that nothing depends on. Raises `Refused`, which says what does."""
    with all_or_nothing():
        kept = removal.why_kept(agenda)
        if kept:
            raise Refused("agenda is in use", kept, 200)
        log(instance=agenda, action="wagtail.delete", deleted=True)
        agenda.delete()


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise invalid(body=_("Write an object here, in braces."))
    return data


def _read(
    data: Mapping[str, Any], client: ApiClient, now: datetime, *, only_new: bool = False
) -> Agenda:
    try:
        agenda = agenda_json.read_agenda(data, now=now, command=str(client), only_new=only_new)
    except agenda_json.Refused as error:
        raise invalid(**{at or "body": said for at, said in error.problems.items()}) from error
    _require_own_members(agenda, client)
    return agenda


def _require_own_members(agenda: Agenda, client: ApiClient) -> None:
    """Whoever may not touch an agenda must not book it by way of a virtual one."""
    for number, member in enumerate(agenda.members.select_related("agenda")):
        if not clients.may_touch(client, member.agenda):
            raise invalid(**{f"members[{number}]": _("There is no such agenda.")})
