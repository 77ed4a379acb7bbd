"""The agenda view of a virtual agenda: the bookings of those behind it that one may see."""

from datetime import date

import pytest

from tests import factories
from tests.agents import make_staff, queries_of, url
from tests.factories import NOW
from tests.test_views_admin_acts import text
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.choices import AgendaKind, Attendance
from wagtail_agenda.models import AgendaMember

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)
SCALES = ["day", "week", "month", "list"]


@pytest.fixture
def offices():
    """A virtual agenda of two offices: (virtual, north, south)."""
    north, south = (
        factories.make_appointments(label=label, desks=1)[0] for label in ("North", "South")
    )
    virtual = factories.make_agenda(kind=AgendaKind.VIRTUAL, label="Any office")
    for order, agenda in enumerate((north, south)):
        AgendaMember.objects.create(virtual_agenda=virtual, agenda=agenda, sort_order=order)
    return virtual, north, south


@pytest.fixture
def clerk(client, offices):
    user = make_staff(*offices)
    client.force_login(user)
    return user


def book(agenda, name):
    slot = availability.find(agenda, "passport:2026-11-30-0900", now=NOW)
    return factories.make_booking(slot=slot, user_name=name)


@pytest.mark.parametrize("scale", ["day", "week", "list"])
def test_it_shows_the_bookings_of_all(client, offices, clerk, scale):
    virtual, north, south = offices
    book(north, "Nora")
    book(south, "Samir")

    page = text(client.get(url(scale, virtual.slug, MONDAY)))

    assert "Nora" in page
    assert "Samir" in page
    assert f"South – {south.desks.get()}" in page


@pytest.mark.parametrize("scale", SCALES)
def test_it_hides_those_of_agendas_that_one_has_no_role_on(client, offices, scale):
    virtual, north, south = offices
    client.force_login(make_staff(virtual, south))
    book(north, "Nora")
    book(south, "Samir")

    page = text(client.get(url(scale, virtual.slug, MONDAY)))

    assert "Nora" not in page
    assert "North" not in page
    assert "1 agenda behind this one is not shown" in page


@pytest.mark.parametrize("scale", ["day", "week"])
def test_it_counts_what_is_free_on_all_desks(client, offices, clerk, scale):
    virtual, north, _south = offices
    book(north, "Nora")

    response = client.get(url(scale, virtual.slug, MONDAY))

    headers = response.context["headers"]
    totals = [header.load.total for header in headers]
    assert totals[0] == (6 if scale == "day" else 12)
    assert sum(header.load.booked for header in headers) == 1


def test_it_is_narrowed_to_a_desk_of_one_of_them(client, offices, clerk):
    virtual, north, south = offices
    book(north, "Nora")
    book(south, "Samir")
    query = f"?desk=south.{south.desks.get().slug}"
    South = f"{south.slug}.{south.desks.get().slug}"

    page = text(client.get(url("week", virtual.slug, MONDAY) + f"?desk={South}"))

    assert "Samir" in page
    assert "Nora" not in page
    assert f"date=2026-11-30&amp;time=10%3A00&amp;desk={South}" in page.replace("10:00", "10%3A00")
    assert "does not exist here" in text(client.get(url("week", virtual.slug, MONDAY) + query))


@pytest.mark.parametrize("scale", SCALES)
def test_it_takes_as_many_queries_for_many_as_for_few(client, offices, clerk, scale):
    virtual, north, south = offices
    book(north, "Nora")
    address = url(scale, virtual.slug, MONDAY)
    few = queries_of(client, address)
    for _number in range(5):
        factories.make_booking(north)
        factories.make_booking(south)
    many = queries_of(client, address)
    assert len(many) == len(few) <= 20, "\n".join(many)


def test_a_page_knows_when_something_changes_behind_it(client, offices, clerk):
    virtual, north, _south = offices
    address = url("week", virtual.slug, MONDAY)
    stamp = client.get(address)["ETag"]
    assert client.get(address, HTTP_IF_NONE_MATCH=stamp).status_code == 304

    made = book(north, "Nora")
    response = client.get(address, HTTP_IF_NONE_MATCH=stamp)
    assert response.status_code == 200
    assert "1 new booking." in text(response)
    stamp = response["ETag"]
    attendance.check_in(made, Attendance.PRESENT, now=NOW)
    assert client.get(address, HTTP_IF_NONE_MATCH=stamp).status_code == 200


def test_what_a_visitor_holds_through_it_is_seen_in_the_agenda_itself(client, offices, clerk):
    virtual, north, south = offices
    for number in range(2):
        slot = availability.find(virtual, "passport:2026-11-30-0900", now=NOW)
        booking.hold(slot, lock_code=f"code{number}", now=NOW)

    for agenda in (north, south):
        assert text(client.get(url("week", agenda.slug, MONDAY))).count("held</span>") == 2


def test_somebody_is_booked_at_a_desk_of_ones_own_alone(client, offices):
    virtual, north, south = offices
    client.force_login(make_staff(virtual, south))
    address = f"{url('booking_new', virtual.slug)}?date={MONDAY}"
    posted = {"slot": "passport:2026-11-30-0900", "user_name": "Ada", "language": "en"}

    assert [len(c.slot.desk_ids) for c in client.get(address).context["choices"]] == [1] * 6
    client.post(address, posted)
    assert south.bookings.get().virtual_agenda == virtual
    assert not north.bookings.exists()
    assert "This time is not offered" in text(client.post(address, posted))
    assert not north.bookings.exists()


def test_its_bookings_are_found_by_a_search_in_it(client, offices, clerk):
    virtual, north, _south = offices
    book(north, "Nora")
    assert "1 booking found" in text(client.get(url("agenda_search", virtual.slug) + "?q=nora"))


def test_the_list_of_agendas_counts_those_behind_it(client, offices, clerk):
    virtual, north, south = offices
    book(north, "Nora")
    book(south, "Samir")
    counts = {one.agenda: one.bookings for one in client.get(url("agenda")).context["todays"]}
    assert counts == {virtual: 2, north: 1, south: 1}
