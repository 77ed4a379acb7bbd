"""Other systems that keep data with one booking at the same moment: none writes over another's."""

import pytest

from tests.factories import make_booking
from wagtail_agenda import booking
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Booking

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_each_of_many_keeps_is_there_in_the_end(rush):
    made = make_booking(extra_data={"file": "A-12"})

    def keep(number):
        booking.keep_data(made, {f"from-{number}": number})
        return number

    result = rush(keep, range(24))

    kept = Booking.objects.get(pk=made.pk).extra_data
    assert kept == {"file": "A-12"} | {f"from-{number}": number for number in result.won}
    assert result.won
    assert result.refused_for(Overloaded)
