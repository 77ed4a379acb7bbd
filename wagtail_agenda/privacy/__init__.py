"""What is held about a person: forgotten after a time that each agenda sets, told, and erased.

A booking that is anonymised stays: who it was is gone, that it was, and who came, is not. So
counts and statistics hold. Bookings and holds are written by `booking`, as everywhere.

=========  =========================================================================
retention  what is over for long enough is forgotten
persons    one person: looked up, told, erased
noting     that somebody was told or erased, in the site's log
subjects   which rows are about a person, and what is done with each kind
mentions   where an address stands besides, and how it is taken out there
addresses  pure: an address in texts, links, data and files
=========  =========================================================================
"""

from wagtail_agenda.privacy.noting import ERASED, EXPORTED, note
from wagtail_agenda.privacy.persons import Held, StillToCome, as_data, erase, export, held
from wagtail_agenda.privacy.retention import anonymise, anonymise_due

__all__ = [
    "ERASED",
    "EXPORTED",
    "Held",
    "StillToCome",
    "anonymise",
    "anonymise_due",
    "as_data",
    "erase",
    "export",
    "held",
    "note",
]
