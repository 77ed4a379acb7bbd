"""Agendas with all they need, out to one JSON file and in again; ``agenda-json.md`` has the format.

===========  ===================================================================
format       which sorts of objects there are, and which keys each has
places       where something stands in a file, and what is wrong there
columns      values of columns as JSON has them, and back
references   how rows of the site are named without their primary keys
block_values rows of blocks as JSON has them, and back
writing      rows of the site as plain data and as a file
settling     one object beside its row: what differs, checked, saved and noted
shared       schedules, closure calendars, resources, reasons
workflows    workflows with their statuses, rules and actions
offers       desks and appointment types
events       series and events, through `series` and `booking`
agendas      an agenda with everything it offers
reading      a whole file, or one agenda: all of it or nothing
===========  ===================================================================
"""

from wagtail_agenda.importers.agenda_json.places import Refused
from wagtail_agenda.importers.agenda_json.reading import read_agenda, read_file
from wagtail_agenda.importers.agenda_json.references import CannotBeNamed
from wagtail_agenda.importers.agenda_json.settling import CHANGED, MADE, UNCHANGED, Outcome
from wagtail_agenda.importers.agenda_json.writing import file_of, written

__all__ = [
    "CHANGED",
    "MADE",
    "UNCHANGED",
    "CannotBeNamed",
    "Outcome",
    "Refused",
    "file_of",
    "read_agenda",
    "read_file",
    "written",
]
