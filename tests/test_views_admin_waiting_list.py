"""The waiting list of an event, as agents see and work on it."""

import pytest
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from tests.test_views_admin_acts import admission, book, event, text  # noqa: F401  a fixture
from wagtail_agenda import booking
from wagtail_agenda.choices import Actor, Admission, AgendaKind
from wagtail_agenda.models import Bookable

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]


@pytest.fixture
def queue(event):  # noqa: F811
    """Ada has the place; Ben, a group of two and Dora wait, in this order."""
    people = [book(event, "ada"), book(event, "ben"), book(event, "cleo", 2), book(event, "dora")]
    event.bookable.refresh_from_db()
    return people


def free(event, places):  # noqa: F811
    Bookable.objects.filter(pk=event.bookable_id).update(places=places)


def test_everybody_stands_in_their_order_with_why_it_is_not_their_turn(client, event, queue):  # noqa: F811
    ada, ben, cleo, dora = queue
    booking.cancel(ada, actor=Actor.AGENT, now=NOW)
    booking.promote(dora, now=NOW)
    booking.suspend(dora, now=NOW)

    response = client.get(url("waiting_list", event.pk))

    lines = response.context["lines"]
    assert [one.standing.booking.user_name for one in lines] == ["ben", "cleo", "dora"]
    assert [one.standing.position for one in lines] == [1, 2, 3]
    page = text(response)
    assert "There is room. An agent decides who gets it." in page
    assert "Needs 2 places, and 1 is free." in page
    assert "Put back on the waiting list" in page
    assert "Was put back on the list by an agent" in page
    assert "11/30/2026, 07:00" in page


def test_the_numbers_are_those_of_the_interface(client, event, queue):  # noqa: F811
    page = text(client.get(url("waiting_list", event.pk)))

    assert "1 of 1 taken, 0 free" in page
    assert "4 of 5 places taken, 1 free" in page
    assert "joins the waiting list." in page
    assert "3 bookings wait" in page


def test_those_ticked_are_accepted_in_the_order_of_the_list(client, event, queue):  # noqa: F811
    _ada, ben, cleo, dora = queue
    free(event, 3)

    response = client.post(
        url("waiting_list", event.pk),
        {"act": "promote", "ticked": [dora.pk, cleo.pk, ben.pk, 10**30, "x"]},
        follow=True,
    )

    assert [admission(one) for one in (ben, cleo, dora)] == [
        Admission.CONFIRMED,
        Admission.WAITING,
        Admission.CONFIRMED,
    ]
    page = text(response)
    assert "Accept from the waiting list: 2 done." in page
    assert "cleo: There is no room for it." in page
    assert "2 are no longer on the list." in page
    assert ModelLogEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"act": "promote"}, "Nobody is ticked"),
        ({"act": "refuse"}, "Nothing was done"),
        ({}, "Nothing was done"),
    ],
)
def test_what_makes_no_sense_changes_nothing(client, event, queue, posted, said):  # noqa: F811
    response = client.post(url("waiting_list", event.pk), posted, follow=True)
    assert said in text(response)
    assert not ModelLogEntry.objects.exists()


def test_an_event_without_a_list_says_so(client, event):  # noqa: F811
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=0)
    page = text(client.get(url("waiting_list", event.pk)))
    assert "This event has none." in page
    assert "Nobody waits." in page


def test_only_agents_of_the_agenda_see_it(client, event, queue):  # noqa: F811
    client.force_login(make_staff(factories.make_agenda(kind=AgendaKind.EVENTS)))
    assert client.get(url("waiting_list", event.pk)).status_code == 404
    response = client.post(url("waiting_list", event.pk), {"act": "promote", "ticked": queue[1].pk})
    assert response.status_code == 404
    assert admission(queue[1]) == Admission.WAITING


def test_it_takes_as_many_queries_for_many_as_for_few(client, event, queue):  # noqa: F811
    few = queries_of(client, url("waiting_list", event.pk))
    Bookable.objects.filter(pk=event.bookable_id).update(waiting_places=50)
    for number in range(10):
        book(event, f"person{number}")
    many = queries_of(client, url("waiting_list", event.pk))
    assert len(many) == len(few) <= 6, "\n".join(many)
