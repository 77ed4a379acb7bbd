"""Which agendas cannot stand behind a virtual one."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.models import Agenda

MOST_MEMBERS = 100


def member_error(
    member: Agenda, agenda: Agenda, zone: str, others: Collection[int]
) -> ValidationError | None:
    """Why it cannot stand behind the virtual `agenda` in `zone`, beside those with these keys."""
    if member.pk == agenda.pk:
        return ValidationError(_("An agenda cannot stand behind itself."), code="itself")
    if member.pk in others:
        return ValidationError(_("This agenda is in the list already."), code="twice")
    if zone and member.timezone != zone:
        return ValidationError(
            _(
                "“%(agenda)s” is in another time zone, %(its_zone)s. "
                "All of them must be in the one of this agenda, %(zone)s."
            ),
            code="other_zone",
            params={"agenda": member, "its_zone": member.timezone, "zone": zone},
        )
    return None
