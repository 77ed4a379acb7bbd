"""Series of events: their occurrences made ahead, changed together, and asked about when booked.

Which dates a series has is `recurrence`'s to say; what happens to the places and the bookings of an
event is done through `booking`. Every function here is one transaction that locks the series first
and the events' bookables second, as everybody else does.

========  =========================================================================
making    the events of a series, made ahead as far as visitors can book, and some
plan      what a change would do, and to whose bookings
steps     what a change is made of, and what it did
changing  a change of all that is to come, or of an occurrence and those after it
applying  what a change does, once everything it asks is answered
ending    a series that goes with all its events, because nobody ever booked one
========  =========================================================================
"""

from wagtail_agenda.series.changing import change_following, change_series
from wagtail_agenda.series.ending import delete_series
from wagtail_agenda.series.making import dates_of, last_day_made, make_occurrences, rule_of
from wagtail_agenda.series.plan import Affected, Answers, Plan
from wagtail_agenda.series.steps import Outcome

__all__ = [
    "Affected",
    "Answers",
    "Outcome",
    "Plan",
    "change_following",
    "change_series",
    "dates_of",
    "delete_series",
    "last_day_made",
    "make_occurrences",
    "rule_of",
]
