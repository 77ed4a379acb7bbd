"""A change of a series carried out, on whose questions there are answers."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import booking, recurrence
from wagtail_agenda.booking.events import forget_holds, give_places
from wagtail_agenda.models import Bookable, Booking, Event, Hold
from wagtail_agenda.series.making import TEXTS, create, slug_for
from wagtail_agenda.series.plan import Answers
from wagtail_agenda.series.steps import Change, Outcome, Step

WRITTEN = ["start", "end", "publish_at", "occurrence", "slug", "differs_from_series"]
"""What each event that follows its series may get for itself; its texts are those of all."""


def carry_out(
    change: Change,
    from_day: date | None,
    answers: Answers,
    now: datetime,
    user: AbstractBaseUser | None,
) -> Outcome:
    """Save the series and everything that follows it; from a day on, as a series of its own."""
    before, after = change.before, change.after
    after.made_until = change.made_until
    if from_day is not None:
        before.until = min(from_day, after.first_day) - timedelta(days=1)
        before.save(update_fields=["until"])
    after.save()
    if from_day is not None:
        Event.objects.filter(series_id=before.pk, occurrence__gte=from_day).update(series=after)
    outcome = Outcome(series=after, differing=len(change.differing))
    staying = [step for step in change.steps if not _leave(step, answers, outcome)]
    _remove([step.event for step in staying if step.span is None], answers, now, user, outcome)
    _follow(
        change, [step for step in staying if step.span is not None], answers, now, user, outcome
    )
    create(after, change.added)
    outcome.made = len(change.added)
    return outcome


def _leave(step: Step, answers: Answers, outcome: Outcome) -> bool:
    """Whether a booked event stays entirely as it is; from then on it differs from its series."""
    if step.demand is None:
        return False
    left = (step.span is None and not answers.removed) or (step.moves and not answers.moved)
    if left:
        Event.objects.filter(pk=step.event.pk).update(differs_from_series=True)
        outcome.left += 1
    return left


def _remove(
    events: Sequence[Event],
    answers: Answers,
    now: datetime,
    user: AbstractBaseUser | None,
    outcome: Outcome,
) -> None:
    """Cancel what anybody ever booked, which stays as its record; delete the rest."""
    kept = _on_record(events) | set(
        Hold.objects.filter(event__in=events).values_list("event_id", flat=True)
    )
    gone = [event for event in events if event.pk not in kept]
    for event in events:
        if event.pk in kept:
            outcome.told += booking.cancel_event(event, now=now, user=user, reason=answers.reason)
            outcome.cancelled.append(event)
    Event.objects.filter(pk__in=[event.pk for event in gone]).delete()
    Bookable.objects.filter(pk__in=[event.bookable_id for event in gone]).delete()
    outcome.deleted = len(gone)


def _on_record(events: Sequence[Event]) -> set[int]:
    """The keys of those that somebody ever booked."""
    return set(Booking.objects.filter(event__in=events).values_list("event_id", flat=True))


def _follow(
    change: Change,
    steps: Sequence[Step],
    answers: Answers,
    now: datetime,
    user: AbstractBaseUser | None,
    outcome: Outcome,
) -> None:
    """Give the events what the series has now: texts first, so that mails say them."""
    _write_texts(change, [step.event for step in steps])
    _name_anew(change, steps)
    free = [step for step in steps if step.demand is None]
    booked = [step for step in steps if step.demand is not None]
    outcome.moved = sum(step.moves for step in steps)
    forget_holds([step.event.bookable_id for step in free if step.moves])
    for step in steps:
        _reckon(change, step)
    for step in booked:
        step.event.differs_from_series = change.shrinks(step) and not answers.shrunk
        outcome.left += step.event.differs_from_series
    for step in free:
        step.event.start, step.event.end = step.span
    Event.objects.bulk_update([step.event for step in steps], WRITTEN, batch_size=50)
    _give_places(change, steps, now)
    for step in booked:
        if step.moves:
            outcome.told += booking.change_event_time(
                step.event, *step.span, now=now, user=user, with_bookings=True
            )


def _write_texts(change: Change, events: Sequence[Event]) -> None:
    changed = {
        name: getattr(change.after, name)
        for name in TEXTS
        if getattr(change.after, name) != getattr(change.before, name)
    }
    if changed:
        Event.objects.filter(pk__in=[event.pk for event in events]).update(**changed)


def _name_anew(change: Change, steps: Sequence[Step]) -> None:
    """Whoever booked an event, and other systems, know it by its name; the rest follow the date."""
    events = [step.event for step in steps if step.day != step.event.occurrence]
    if not events:
        return
    kept = _on_record(events)
    taken = set(change.after.agenda.events.values_list("slug", flat=True))
    for step in steps:
        event = step.event
        if step.day != event.occurrence and event.pk not in kept:
            taken.discard(event.slug)
            event.slug = slug_for(change.after, step.day, taken)
            taken.add(event.slug)


def _reckon(change: Change, step: Step) -> None:
    """The date of an event in its series, and when it is published."""
    days, zone = change.after.publish_days, change.after.agenda.zone
    step.event.occurrence = step.day
    if step.moves or change.before.publish_days != days:
        step.event.publish_at = recurrence.published_at(step.day, days, zone)


def _give_places(change: Change, steps: Sequence[Step], now: datetime) -> None:
    """As many as the series gives, and never fewer than are taken."""
    if not change.changes_places:
        return
    series = change.after
    free = [step.event.bookable_id for step in steps if step.demand is None]
    give_places(free, series.places, series.waiting_places)
    for step in steps:
        if step.demand is None or step.event.differs_from_series:
            continue
        booking.change_places(
            step.event,
            max(series.places, step.demand.taken),
            now=now,
            waiting_places=max(series.waiting_places, step.demand.waiting_taken),
        )
