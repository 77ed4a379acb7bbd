"""How agents read times, links and statuses. On a running clock: a frozen one forgets `fold`."""

from datetime import date, datetime, time, timedelta

import pytest
from django.urls import reverse

from tests import factories
from tests.agents import make_staff
from tests.factories import PARIS
from wagtail_agenda import availability
from wagtail_agenda.choices import Admission, Colour
from wagtail_agenda.models import Booking, WorkflowStatus
from wagtail_agenda.timegrid import epoch_minutes, instant_of
from wagtail_agenda.views.admin.presentation import badge, telephone_link, times

NIGHT = date(2026, 10, 25)


def at(*parts, fold=0):
    return datetime(*parts, tzinfo=PARIS, fold=fold)


def later(instant, **passed):
    return instant_of(epoch_minutes(instant)) + timedelta(**passed)


@pytest.mark.parametrize(
    ("start", "hours", "shown"),
    [
        (at(2026, 11, 30, 9), 1, "09:00–10:00"),
        (at(2026, 11, 30, 23), 2, "23:00–01:00 (+1 day)"),
        (at(2026, 11, 30, 12), 48, "12:00–12:00 (+2 days)"),
        (at(2026, 10, 25, 1, 30), 1, "01:30–02:30 CEST"),
        (at(2026, 10, 25, 2, 30), 1, "02:30 CEST–02:30 CET"),
        (at(2026, 10, 25, 2, 30, fold=1), 1, "02:30 CET–03:30"),
        (at(2026, 3, 29, 1, 30), 1, "01:30–03:30"),
    ],
)
def test_times_are_read_off_the_wall_and_say_which_pass_they_mean(start, hours, shown):
    assert times(start, later(start, hours=hours), PARIS) == shown


@pytest.mark.django_db
@pytest.mark.parametrize("scale", ["week", "day"])
def test_both_passes_of_a_repeated_hour_are_on_the_page(client, scale):
    agenda, meeting_type, _desks = factories.make_appointments(
        schedule=factories.make_schedule(factories.one_off(NIGHT, time(2), time(3)))
    )
    now = at(2026, 10, 24, 12)
    for slot in availability.slots(agenda, meeting_type, first=NIGHT, last=NIGHT, now=now):
        if slot.start.minute == 30:
            factories.make_booking(slot=slot, now=now)
    client.force_login(make_staff(agenda))

    page = client.get(reverse(f"wagtail_agenda_admin:{scale}", args=[agenda.slug, NIGHT]))

    assert "02:30 CEST–02:00 CET" in page.content.decode()
    assert "02:30 CET–03:00" in page.content.decode()


@pytest.mark.parametrize(
    ("number", "link"),
    [
        ("+33 (0)1 23-45", "tel:+33012345"),
        ("javascript:alert(1)", "tel:1"),
        ("by mail only", ""),
        ("+", ""),
        ("", ""),
    ],
)
def test_a_telephone_link_holds_digits_alone(number, link):
    assert telephone_link(number) == link


@pytest.mark.parametrize("admission", Admission.values)
def test_a_booking_without_a_status_shows_its_admission_in_words_and_colour(admission):
    shown = badge(Booking(admission=admission))

    assert shown.label == Admission(admission).label
    assert shown.colour in Colour.values
    assert shown.icon


def test_a_colour_that_does_not_exist_becomes_grey():
    status = WorkflowStatus(label="Odd", colour='red" onclick="', icon="check")

    assert badge(Booking(status=status)).colour == Colour.GREY
