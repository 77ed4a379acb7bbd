"""Which days a series of events cannot have, in words."""

from collections.abc import Iterator, Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import recurrence
from wagtail_agenda.recurrence import Recurrence

COLUMNS = (
    "label",
    "description",
    "location",
    "url",
    "first_day",
    "until",
    "weekdays",
    "every_weeks",
    "exceptions",
    "start_time",
    "duration",
    "places",
    "waiting_places",
    "open_for_booking",
    "publish_days",
)
"""What an editor says of a series."""

MOST_EXCEPTIONS = 1_000


def day_errors(rule: Recurrence) -> Iterator[tuple[str, ValidationError]]:
    """What is wrong with the days of a series, with the column that it stands at."""
    for field, code in recurrence.problems(rule):
        yield field, ValidationError(_PROBLEMS[code], code=code, params=_PARAMS)


def exceptions_error(dates: Sequence[str]) -> ValidationError | None:
    """What to say of more exceptions than a series can have."""
    if len(dates) <= MOST_EXCEPTIONS:
        return None
    return ValidationError(
        _("These are too many dates: %(most)s are the most."),
        code="too_many_dates",
        params={"most": MOST_EXCEPTIONS},
    )


_PARAMS = {"years": recurrence.LONGEST_DAYS // 365}

_PROBLEMS = {
    "no_weekday": _("Tick at least one day of the week."),
    "no_interval": _("Choose at least 1: every week."),
    "ends_before_it_begins": _("This is before the first day. Choose a later day."),
    "too_long": _(
        "This is more than %(years)s years after the first day, and would make too many dates. "
        "Choose an earlier day, or leave it empty if it goes on."
    ),
    "no_dates": _(
        "There is no such date until then. Choose a later day, other days of the week, or fewer "
        "exceptions."
    ),
}
