"""Hours of a schedule at times that whatever uses it never has."""

import zoneinfo
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db.models import Q
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.blocks.schedule import skipped_times
from wagtail_agenda.models import Agenda, Schedule
from wagtail_agenda.setup_rules.dates import skipped_error


def times_that_do_not_exist(
    schedule: Schedule, periods: Iterable | None
) -> dict[int, ValidationError]:
    """By position among `periods`, errors of single dates at a time that clocks skip."""
    errors = {}
    zones = _zones(schedule)
    for index, child in enumerate(periods or ()):
        if child.block_type != "one_off":
            continue
        period = child.block.period_of(child.value)
        for zone in zones:
            skipped = skipped_times(period, zone)
            if skipped:
                errors[index] = StructBlockValidationError(
                    {field: skipped_error(at, zone) for field, at in skipped.items()}
                )
    return errors


def _zones(schedule: Schedule) -> list[zoneinfo.ZoneInfo]:
    if schedule.pk is None:
        return []
    agendas = Agenda.objects.filter(Q(schedule=schedule) | Q(desks__schedule=schedule)).order_by()
    resources = schedule.resources.order_by()
    names = agendas.values_list("timezone").union(resources.values_list("timezone"))
    known = zoneinfo.available_timezones()
    return [zoneinfo.ZoneInfo(name) for name in sorted(name for (name,) in names) if name in known]
