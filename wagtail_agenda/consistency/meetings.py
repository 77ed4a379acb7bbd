"""What does not balance about meetings that have been called."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import ngettext

from wagtail_agenda.choices import DeliveryKind, MailTo
from wagtail_agenda.consistency.finding import (
    MISSED_FOR,
    Finding,
    each_under_locks,
    led_to,
    mail_actions,
    queue_anew,
    sorted_keys,
    take_anew,
)
from wagtail_agenda.meeting_mailing import MeetingMails, recipients
from wagtail_agenda.meetings import rooms
from wagtail_agenda.meetings.calling import for_update
from wagtail_agenda.models import Bookable, CalledMeeting, Delivery, Entry, Meeting, Occupation

# What they take


def missing(now: datetime) -> Iterator[Finding]:
    keys = sorted_keys(
        pk for pk, present, should in _taken(now) if not _rooms(should) <= _rooms(present)
    )
    text = ngettext(
        "%(count)d meeting does not take the desk or resource that it should.",
        "%(count)d meetings do not take the desks or resources that they should.",
        len(keys),
    )
    mend_them = partial(_each_meeting, keys, _take_what_it_says)
    yield Finding("missing_occupations", text % {"count": len(keys)}, "meetings", keys, mend_them)


def wrong(now: datetime) -> Iterator[Finding]:
    keys = sorted_keys(
        pk
        for pk, present, should in _taken(now)
        if present != should and _rooms(should) <= _rooms(present)
    )
    text = ngettext(
        "%(count)d meeting takes something else than it says.",
        "%(count)d meetings take something else than they say.",
        len(keys),
    )
    mend_them = partial(_each_meeting, keys, _take_what_it_says)
    yield Finding("wrong_occupations", text % {"count": len(keys)}, "meetings", keys, mend_them)


def _coming(now: datetime) -> QuerySet[CalledMeeting]:
    return CalledMeeting.objects.filter(
        end__gt=now, cancelled_at__isnull=True, published_at__isnull=False
    ).order_by()


def _taken(now: datetime) -> Iterator[tuple[int, set[tuple], set[tuple]]]:
    """Of each coming meeting, what it takes and what it should."""
    present: dict[int, set[tuple]] = {}
    for row in Occupation.objects.filter(called_meeting__in=_coming(now)).order_by():
        present.setdefault(row.called_meeting_id, set()).add(_what(row))
    for called in _coming(now).select_related("desk", "resource"):
        should = rooms.occupations_of(called, rooms.claims_of(called))
        yield called.pk, present.get(called.pk, set()), set(map(_what, should))


def _what(row: Occupation) -> tuple:
    return (row.bookable_id, row.busy_from, row.busy_to, row.places, row.waiting, row.lapses_at)


def _rooms(taken: set[tuple]) -> set[int]:
    return {bookable_id for bookable_id, *_how in taken}


def _take_what_it_says(
    called: CalledMeeting, bookables: dict[int, Bookable], now: datetime
) -> bool:
    if called.is_cancelled:
        return False
    present = list(Occupation.objects.select_for_update().filter(called_meeting=called))
    should = rooms.occupations_of(called, rooms.claims_of(called))
    if set(map(_what, present)) == set(map(_what, should)):
        return False
    take_anew(present, should, bookables.values())
    return True


# What should have been sent


def unsent(now: datetime) -> Iterator[Finding]:
    mails = Delivery.objects.filter(called_meeting=OuterRef("pk"), kind=DeliveryKind.MAIL)
    untold = _coming(now).filter(~Exists(mails)).select_related("agenda", "status").in_bulk()
    entries = Entry.objects.filter(called_meeting__in=untold, at__gte=now - MISSED_FOR)
    silent = {
        entry.called_meeting_id
        for entry in entries.order_by()
        if _should_have_told(untold[entry.called_meeting_id], entry)
    }
    keys = sorted_keys(silent)
    text = ngettext(
        "Of %(count)d meeting somebody should have been told by mail, and no mail was queued.",
        "Of %(count)d meetings somebody should have been told by mail, and no mail was queued.",
        len(keys),
    )
    mend_them = partial(_each_meeting, keys, _queue_mails)
    yield Finding("missing_deliveries", text % {"count": len(keys)}, "meetings", keys, mend_them)


def _should_have_told(called: CalledMeeting, entry: Entry) -> bool:
    if called.status is None or not led_to(entry, called.status_id):
        return False
    return any(
        recipients(called, str(value.get("to") or MailTo.PARTICIPANTS.value), value)
        for _position, value in mail_actions(called.status)
    )


def _queue_mails(called: CalledMeeting, _bookables: dict[int, Bookable], now: datetime) -> bool:
    """Queue what its status sends, as of the line of the history that led to it."""
    if Delivery.objects.filter(called_meeting=called, kind=DeliveryKind.MAIL).exists():
        return False
    entries = called.entries.order_by("-pk")
    entry = next((row for row in entries if _should_have_told(called, row)), None)
    if entry is None:
        return False
    # No mail was ever queued, so nobody has an entry that would only have to be brought up to date.
    called.invitations.all().delete()
    queue_anew(MeetingMails([called], now=now), called, entry)
    return True


# Under the lock


def _takes(pk: int) -> set[int]:
    called = CalledMeeting.objects.select_related("meeting", "desk", "resource").get(pk=pk)
    claimed = {claim.bookable_id for claim in rooms.claims_of(called)}
    return rooms.taken_by(called.meeting) | claimed


def _for_update(pk: int) -> CalledMeeting | None:
    return for_update(Meeting.objects.get(called=pk))


_each_meeting = partial(each_under_locks, _takes, _for_update)
