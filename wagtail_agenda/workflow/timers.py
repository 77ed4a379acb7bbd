"""What time sets off: planned with whatever changes a booking, and fired by the worker.

A timer is a row per booking or meeting, rule and occasion: the start before which it goes off, the
end after which, the status and since when. So it goes off once for each, is planned anew when the
booking moves, and is dropped with what it was reckoned from. A time that is past already when it is
planned is not made up for.
"""

from collections.abc import Sequence
from datetime import datetime, timezone

from wagtail_agenda.models import Booking, CalledMeeting, Timer
from wagtail_agenda.subjects import Subject, of, of_any
from wagtail_agenda.workflow.road import Road
from wagtail_agenda.workflow.rules import AFTER_END, BEFORE_START, IN_STATUS, Rule

Occasions = dict[tuple[str, str], datetime]

_MAY_HAVE_CHANGED = {
    Booking: ("status", "status_since", "admission", "start", "end"),
    CalledMeeting: ("status", "status_since", "cancelled_at", "start", "end"),
}


def occasions_of(booking: Subject, road: Road) -> Occasions:
    """When which rules of time go off for a booking as it is: by rule and occasion, in UTC."""
    if not road.of_time or (booking.status is not None and booking.status.final):
        return {}
    found: Occasions = {}
    for rule in road.of_time:
        if not _concerns(rule, booking):
            continue
        due_at = rule.due_at(booking.start, booking.end, booking.status_since, booking.agenda.zone)
        if due_at is not None:
            found[rule.key, _occasion(rule, booking)] = due_at
    return found


def _concerns(rule: Rule, booking: Subject) -> bool:
    if rule.moment == IN_STATUS:
        return booking.status_id is not None and rule.leads_from(booking.status_id)
    # Nobody is reminded of what is cancelled, unless a rule is for just those.
    return not booking.is_cancelled or (
        rule.only_from is not None and booking.status_id in rule.only_from
    )


def _occasion(rule: Rule, booking: Subject) -> str:
    if rule.moment == IN_STATUS:
        return f"{rule.moment} {booking.status_id} {_said(booking.status_since)}"
    moment = {BEFORE_START: booking.start, AFTER_END: booking.end}[rule.moment]
    return f"{rule.moment} {_said(moment)}"


def _said(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def plan(
    bookings: Sequence[Subject],
    road: Road,
    *,
    now: datetime,
    made: bool = False,
    reread: bool = False,
) -> None:
    """Bring the timers of bookings, which must be locked, in line with how they are now.

    Without a rule of time there is nothing to do, not even a query: timers that are left over
    from rules that are gone find no rule when they are due. `made` says that there are none yet,
    `reread` that somebody may have changed the bookings since they were read.
    """
    if not road.of_time or not bookings:
        return
    if reread:
        _read_again(bookings)
    known: dict[int, dict[tuple[str, str], Timer]] = {booking.pk: {} for booking in bookings}
    if not made:
        for timer in Timer.objects.filter(**of_any(bookings)):
            known[timer.subject_id][timer.rule, timer.occasion] = timer
    new, dropped, changed = [], [], []
    for booking in bookings:
        wanted = occasions_of(booking, road)
        for key, timer in known[booking.pk].items():
            if timer.fired_at is not None:
                continue
            due_at = wanted.get(key)
            if due_at is None or (due_at != timer.due_at and due_at <= now):
                dropped.append(timer.pk)
            elif due_at != timer.due_at:
                timer.due_at = due_at
                changed.append(timer)
        for key, due_at in wanted.items():
            if due_at > now and key not in known[booking.pk]:
                rule, occasion = key
                new.append(Timer(**of(booking), rule=rule, occasion=occasion, due_at=due_at))
    if dropped:
        Timer.objects.filter(pk__in=dropped).delete()
    if changed:
        Timer.objects.bulk_update(changed, ["due_at"])
    if new:
        Timer.objects.bulk_create(new)


def _read_again(bookings: Sequence[Subject]) -> None:
    model = type(bookings[0])
    fresh = model.objects.select_related("status").in_bulk([booking.pk for booking in bookings])
    for booking in bookings:
        for name in _MAY_HAVE_CHANGED[model]:
            setattr(booking, name, getattr(fresh[booking.pk], name))
