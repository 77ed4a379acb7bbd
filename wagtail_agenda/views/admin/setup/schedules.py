"""The form of a schedule."""

import zoneinfo

from django.core.exceptions import ValidationError
from django.db.models import Q
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.blocks.schedule import skipped_times
from wagtail_agenda.models import Agenda
from wagtail_agenda.views.admin.setup.dates import skipped_error


class ScheduleForm(WagtailAdminModelForm):
    def clean(self):
        cleaned = super().clean()
        errors = self._times_that_do_not_exist(cleaned.get("periods"))
        if errors:
            self.add_error("periods", StreamBlockValidationError(block_errors=errors))
        return cleaned

    def _times_that_do_not_exist(self, periods) -> dict[int, ValidationError]:
        """Errors of single dates at a time that an agenda using this schedule never has."""
        errors = {}
        zones = self._zones()
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

    def _zones(self) -> list[zoneinfo.ZoneInfo]:
        if self.instance.pk is None:
            return []
        names = (
            Agenda.objects.filter(Q(schedule=self.instance) | Q(desks__schedule=self.instance))
            .order_by("timezone")
            .values_list("timezone", flat=True)
            .distinct()
        )
        known = zoneinfo.available_timezones()
        return [zoneinfo.ZoneInfo(name) for name in names if name in known]
