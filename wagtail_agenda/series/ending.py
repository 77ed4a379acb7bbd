"""A series that goes with all its events, because nobody ever booked one."""

from wagtail_agenda.booking.admission import lock
from wagtail_agenda.contention import Outpaced, retried
from wagtail_agenda.errors import NotOffered, SeriesInUse
from wagtail_agenda.models import Booking, Event, EventSeries, Hold
from wagtail_agenda.series.making import lock_series


def delete_series(series: EventSeries) -> int:
    """Delete a series with all its events; answers how many there were.

    Raises `SeriesInUse` if one of them was ever booked or is held, `Overloaded`, or
    `EventSeries.DoesNotExist`.
    """

    def guess() -> set[int]:
        return set(Event.objects.filter(series=series).values_list("bookable_id", flat=True))

    def work(known: set[int]) -> int:
        present = lock_series(series.pk)
        try:
            lock(known)
        except NotOffered as error:
            raise Outpaced() from error
        events = list(Event.objects.select_for_update().filter(series=present).order_by("pk"))
        if not {event.bookable_id for event in events} <= known:
            raise Outpaced()
        of_it = {"event__in": events}
        if Booking.objects.filter(**of_it).exists() or Hold.objects.filter(**of_it).exists():
            raise SeriesInUse()
        for event in events:
            event.delete()
        present.delete()
        return len(events)

    return retried(work, guess)
