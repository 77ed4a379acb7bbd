"""An event is removed while visitors book it: nobody has a booking of what is not there."""

import pytest

from tests.factories import NOW, make_details, make_event
from wagtail_agenda import availability, booking
from wagtail_agenda.choices import Actor
from wagtail_agenda.errors import EventCancelled, EventInUse, NotOffered, Overloaded
from wagtail_agenda.models import Booking, Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("time", range(3))
def test_booked_or_removed_and_never_both(rush, time):
    event = make_event(places=20)
    slot = availability.find(event.agenda, event.slug, now=NOW)

    def act(number):
        if number == 4 + time:
            return booking.remove_event(event, now=NOW)
        return booking.book(slot, make_details(), now=NOW, actor=Actor.VISITOR)

    result = rush(act, range(12))

    assert result.refused_for(EventInUse, NotOffered, EventCancelled, Overloaded)
    removed = [won for won in result.won if isinstance(won, booking.Removal)]
    assert Event.objects.filter(pk=event.pk).exists() == (not removed)
    assert bool(Booking.objects.exists()) == (not removed)
