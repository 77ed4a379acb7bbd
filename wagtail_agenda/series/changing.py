"""A change of a series: of all that is to come, or of an occurrence and those that follow it.

What nobody has booked follows at once. What is booked is asked about first (`plan`); what was
changed by itself, was cancelled or has begun is left alone.
"""

import copy
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from wagtail_agenda import recurrence
from wagtail_agenda.booking.admission import lock
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.errors import NotOffered, OccurrencesBooked, SeriesChanged
from wagtail_agenda.models import Event, EventSeries
from wagtail_agenda.schedule import week_of
from wagtail_agenda.series.applying import carry_out
from wagtail_agenda.series.making import (
    MOST_AHEAD,
    coming,
    lock_series,
    make_ahead,
    rule_of,
)
from wagtail_agenda.series.plan import NO_ANSWERS, Answers, demands_of
from wagtail_agenda.series.steps import Change, Outcome, Step


def change_series(
    series: EventSeries,
    values: Mapping[str, Any],
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    answers: Answers | None = None,
) -> Outcome:
    """Give a series other values, and its coming events with it, all or nothing.

    `values` are those of fields of `EventSeries`; the agenda stays. Raises `OccurrencesBooked` with
    the plan, unless `answers` settles it as it is under the lock; `Overloaded`;
    `EventSeries.DoesNotExist`.
    """

    def work(known: set[int]) -> Outcome:
        before = lock_series(series.pk)
        after = _with(before, values)
        outcome = _changed(before, after, None, known, answers or NO_ANSWERS, now, user)
        outcome.made += make_ahead(after, now)
        return outcome

    return retried(work, lambda: _bookables_to_come(series.pk, now))


def change_following(
    event: Event,
    values: Mapping[str, Any],
    *,
    now: datetime,
    user: AbstractBaseUser | None = None,
    answers: Answers | None = None,
) -> Outcome:
    """Give an occurrence of a series, and all after it, other values: a series of their own.

    The old one ends the day before. With nothing before it, the series itself is changed. Raises
    what `change_series` does, and `SeriesChanged` unless the event is still of that series.
    """

    def work(known: set[int]) -> Outcome:
        before = lock_series(event.series_id)
        present = Event.objects.filter(pk=event.pk, series_id=before.pk)
        day = present.values_list("occurrence", flat=True).first()
        if day is None:
            raise SeriesChanged()
        if not _has_dates_before(before, day):
            after = _with(before, values)
            outcome = _changed(before, after, None, known, answers or NO_ANSWERS, now, user)
        else:
            after = _with(before, {**values, "first_day": day})
            after.first_day = _first_day_of_the_rest(before, after, day, now)
            after.pk = None
            after._state.adding = True
            outcome = _changed(before, after, day, known, answers or NO_ANSWERS, now, user)
        outcome.made += make_ahead(after, now)
        return outcome

    return retried(work, lambda: _bookables_to_come(event.series_id, now))


# What there is


def _bookables_to_come(pk: int, now: datetime) -> set[int]:
    rows = Event.objects.filter(series_id=pk, start__gt=now).order_by()
    return set(rows.values_list("bookable_id", flat=True))


def _with(series: EventSeries, values: Mapping[str, Any]) -> EventSeries:
    changed = copy.copy(series)
    changed._state = copy.copy(series._state)
    for name, value in values.items():
        if name not in {"agenda", "id", "pk", "made_until"}:
            setattr(changed, name, value)
    return changed


def _has_dates_before(series: EventSeries, day: date) -> bool:
    if series.first_day >= day:
        return False
    if Event.objects.filter(series=series, occurrence__lt=day).exists():
        return True
    return bool(recurrence.dates_of(rule_of(series), series.first_day, day - timedelta(days=1)))


def _first_day_of_the_rest(
    before: EventSeries, after: EventSeries, day: date, now: datetime
) -> date:
    """The day on which the rest begins: earlier in the week, if its weekday is, and nothing else is
    there.
    """
    week = [other for other in week_of(day) if other.weekday() in after.weekdays]
    if day in week:
        return day
    monday = week_of(day)[0]
    kept = recurrence.dates_of(rule_of(before), monday, day - timedelta(days=1))
    for other in week:
        span = recurrence.span_on(rule_of(after), other)
        if other < day and span and span[0] > now and (not kept or other > kept[-1]):
            return other
    return day


def _read(
    before: EventSeries,
    after: EventSeries,
    from_day: date | None,
    known: set[int],
    now: datetime,
) -> Change:
    """Lock what is to come of a series, and see what becomes of it.

    Raises `Outpaced` if something of it was not known before the lock.
    """
    try:
        bookables = lock(known)
    except NotOffered as error:
        # One of the events has been deleted meanwhile.
        raise Outpaced() from error
    rows = list(
        Event.objects.select_for_update()
        .filter(series_id=before.pk, start__gt=now)
        .order_by("occurrence", "pk")
    )
    if not {row.bookable_id for row in rows} <= bookables.keys():
        raise Outpaced()
    if from_day is not None:
        rows = [row for row in rows if row.occurrence >= from_day]
    for row in rows:
        row.agenda, row.bookable = before.agenda, bookables[row.bookable_id]
    if before.made_until is None:
        return Change(before, after, [], [], {}, None)

    today = now.astimezone(before.agenda.zone).date()
    # From the beginning of a week to the end of one: within it, one day takes another's place.
    first = min(from_day, after.first_day) if from_day else week_of(today)[0]
    last = week_of(max(before.made_until, today))[-1]
    spans = recurrence.occurrences_of(rule_of(after), first, last)
    possible = coming(spans, now)
    there = Event.objects.filter(series_id=before.pk, occurrence__gte=from_day or first).order_by()
    others = set(there.values_list("occurrence", flat=True))
    made = recurrence.occurrences_of(rule_of(before), from_day or first, before.made_until)
    followers, differing = {}, []
    for row in rows:
        # One that would have begun already stays as it is.
        too_late = row.occurrence in spans and row.occurrence not in possible
        if row.is_cancelled:
            continue
        if row.differs_from_series or too_late:
            differing.append(row)
        else:
            followers[row.occurrence] = row
    new = recurrence.reschedule(followers, others | made.keys(), spans, possible)

    demands = demands_of({row.bookable_id: row.bookable for row in followers.values()}, now)
    steps = []
    for day, row in followers.items():
        to = day if day in spans else new.moved.get(day)
        steps.append(Step(row, to, spans.get(to), demands.get(row.bookable_id)))
    staying = len(rows) - sum(step.span is None for step in steps)
    added, made_until = new.added[: max(0, MOST_AHEAD - staying)], last
    if len(added) < len(new.added):
        made_until = new.added[len(added)] - timedelta(days=1)
    spans_added = {day: spans[day] for day in added}
    return Change(before, after, steps, differing, spans_added, made_until)


def _changed(
    before: EventSeries,
    after: EventSeries,
    from_day: date | None,
    known: set[int],
    answers: Answers,
    now: datetime,
    user: AbstractBaseUser | None,
) -> Outcome:
    change = _read(before, after, from_day, known, now)
    plan = change.plan()
    if plan.asks and not answers.settle(plan):
        raise OccurrencesBooked(plan)
    return carry_out(change, from_day, answers, now, user)
