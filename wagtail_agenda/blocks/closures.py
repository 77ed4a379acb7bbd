"""Days off as an editor writes them, and as `wagtail_agenda.schedule` reads them."""

import logging
from collections.abc import Iterable
from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.struct_block import StructBlockValidationError

from wagtail_agenda.importers import holidays
from wagtail_agenda.schedule import Closure

logger = logging.getLogger(__name__)


class DatesBlock(blocks.StructBlock):
    """A day, or several in a row, on which everything is closed."""

    first = blocks.DateBlock(
        label=_("First day"), help_text=_("Nothing is offered from the beginning of this day.")
    )
    last = blocks.DateBlock(
        label=_("Last day"),
        required=False,
        help_text=_("Still closed on this day. Leave empty if it is a single day."),
    )
    label = blocks.CharBlock(
        label=_("Reason"),
        required=False,
        max_length=150,
        help_text=_("For you and your colleagues; visitors do not see it."),
    )

    class Meta:
        icon = "date"
        label = _("Dates")
        label_format = "{label} {first} – {last}"

    def clean(self, value):
        cleaned = super().clean(value)
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            message = _("This is before the first day. Choose a later date, or leave it empty.")
            raise StructBlockValidationError({"last": ValidationError(message, code="backwards")})
        return cleaned


class PublicHolidaysBlock(blocks.StructBlock):
    """The public holidays of a country or of one of its regions, year after year."""

    country = blocks.ChoiceBlock(
        choices=holidays.countries,
        label=_("Country"),
        help_text=_("Closed on its public holidays, year after year, without further work."),
    )
    region = blocks.CharBlock(
        label=_("Region"),
        required=False,
        max_length=100,
        help_text=_(
            "The region's name or short code, if it has holidays of its own. "
            "Leave empty for those of the whole country."
        ),
    )

    class Meta:
        icon = "globe"
        label = _("Public holidays")
        label_format = "{country} {region}"

    def clean(self, value):
        """Turns a region's name into its code. Raises for a region that the country lacks."""
        cleaned = super().clean(value)
        country, region = cleaned.get("country"), (cleaned.get("region") or "").strip()
        if country and region:
            try:
                region = region_code(country, region)
            except ValidationError as error:
                raise StructBlockValidationError({"region": error}) from error
        cleaned["region"] = region
        return cleaned


class ClosuresBlock(blocks.StreamBlock):
    """Everything that closes the agendas and desks of a closure calendar."""

    dates = DatesBlock()
    public_holidays = PublicHolidaysBlock()


def region_code(country: str, typed: str) -> str:
    """The code of the region that an editor named, by its code or by its name in any case.

    Raises ValidationError, which lists what the country has, if there is no such region.
    """
    known = holidays.regions(country)
    wanted = typed.casefold()
    for code, name in known:
        names = {name.casefold(), *(part.casefold() for part in name.split(" / "))}
        if wanted == code.casefold() or wanted in names:
            return code
    if not known:
        raise ValidationError(
            _("The holidays of this country do not differ by region. Leave this empty."),
            code="no_regions",
        )
    raise ValidationError(
        _("“%(region)s” is not a region of this country. Choose one of: %(regions)s."),
        code="unknown_region",
        params={
            "region": typed,
            "regions": ", ".join(
                name if name == code else f"{name} ({code})" for code, name in known
            ),
        },
    )


def closures_of(stream_value: Iterable | None, first: date, last: date) -> list[Closure]:
    """The closures of a `ClosuresBlock` value that touch the days `first` to `last` inclusive.

    What is incomplete, as in a draft, is left out.
    """
    closures = []
    for child in stream_value or ():
        if child.block_type == "dates":
            closure = _closure_of(child.value)
            if closure and closure.first <= last and closure.last >= first:
                closures.append(closure)
        elif child.block_type == "public_holidays":
            closures.extend(_holidays_of(child.value, first, last))
    return closures


def _closure_of(value) -> Closure | None:
    first = value.get("first")
    if first is None:
        return None
    closure = Closure(first, value.get("last") or first, value.get("label") or "")
    return closure if closure.first <= closure.last else None


def _holidays_of(value, first: date, last: date) -> list[Closure]:
    country = value.get("country")
    if not country:
        return []
    try:
        return holidays.public_holidays(
            country, value.get("region") or "", first, last, get_language()
        )
    except ValueError as error:
        # A newer holiday calendar may have dropped what an editor once chose: bookings go on.
        logger.warning("Public holidays left out: %s", error)
        return []
