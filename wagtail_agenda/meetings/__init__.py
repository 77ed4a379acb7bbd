"""Meetings with several participants: called, changed, cancelled.

The only writer of `CalledMeeting`.

A meeting is announced as it is published, and stays announced like that until it is published
anew, whatever is drafted meanwhile. Each function is one transaction of the shape that `booking`
has: lock the desk and the room, see whether they are free, write; then the workflow, which decides
who is written to.

===========  =======================================================================
wanted       what a meeting says, as everybody is to be told it
rooms        the desk and the resource that it takes
calling      it is published, for the first time or anew
ending       it is cancelled
uninviting   it is published without one of its participants
publishing   Wagtail publishes: somebody by a form, or the clock
forgetting   who was named in it is told so, and forgotten
===========  =======================================================================
"""

from wagtail_agenda.meetings.calling import call
from wagtail_agenda.meetings.ending import cancel
from wagtail_agenda.meetings.publishing import NOT_ANNOUNCED, published_by_hand
from wagtail_agenda.meetings.uninviting import uninvite

__all__ = [
    "NOT_ANNOUNCED",
    "call",
    "cancel",
    "published_by_hand",
    "uninvite",
]
