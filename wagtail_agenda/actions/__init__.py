"""What the actions of a status do, each registered under the name of its block.

*Send e-mail* is `workflow`'s own. Everything here runs inside the transaction that brought the
booking to the status: it writes rows, and what needs the network or other locks is left to the
worker (`outbox`, `acts`).
"""

from wagtail_agenda.actions import (
    accept_from_waiting_list,
    add_note,
    call,
    cancel_booking,
    cancel_meeting,
    change_status,
    generate_ics,
    set_attendance,
)

__all__ = [
    "accept_from_waiting_list",
    "add_note",
    "call",
    "cancel_booking",
    "cancel_meeting",
    "change_status",
    "generate_ics",
    "set_attendance",
]
