"""What agents see of their agendas' days and weeks."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from freezegun import freeze_time

from tests import factories
from tests.agents import make_administrator, make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, availability, booking
from wagtail_agenda.choices import Actor, AgendaKind, Attendance
from wagtail_agenda.models import Booking

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)


def week(agenda, day=MONDAY):
    return url("week", agenda.slug, day)


def day_of(agenda, day=MONDAY):
    return url("day", agenda.slug, day)


def enter(client, *agendas, **fields):
    user = make_staff(*agendas, **fields)
    client.force_login(user)
    return user


def text(response):
    assert response.status_code == 200, response
    return " ".join(response.content.decode().split())


# Who may look


@pytest.mark.parametrize("name", ["agenda", "week", "day", "week_jump", "day_jump"])
def test_who_is_not_logged_in_is_sent_to_the_login(client, name):
    agenda = factories.make_agenda()
    args = {"agenda": [], "week": [agenda.slug, MONDAY], "day": [agenda.slug, MONDAY]}

    response = client.get(url(name, *args.get(name, [agenda.slug])))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("wagtailadmin_login"))


@pytest.mark.parametrize("name", ["agenda", "week", "day", "week_jump", "day_jump"])
def test_staff_without_a_role_are_refused(client, name):
    agenda = factories.make_agenda()
    args = {"agenda": [], "week": [agenda.slug, MONDAY], "day": [agenda.slug, MONDAY]}
    enter(client)

    response = client.get(url(name, *args.get(name, [agenda.slug])))

    assert response.status_code == 302
    assert response["Location"] == reverse("wagtailadmin_home")


@pytest.mark.parametrize("name", ["week", "day", "week_jump", "day_jump"])
def test_the_agenda_of_others_is_not_found(client, name):
    enter(client, factories.make_agenda())
    foreign = factories.make_agenda()
    args = [foreign.slug, MONDAY] if name in {"week", "day"} else [foreign.slug]

    assert client.get(url(name, *args)).status_code == 404
    assert client.get(url(name, "no-such-agenda", *args[1:])).status_code == 404


@pytest.mark.parametrize("role", ["agent", "editor"])
@pytest.mark.parametrize("name", ["week", "day"])
def test_agents_and_editors_see_their_agenda(client, name, role):
    agenda, _type, _desks = factories.make_appointments()
    enter(client, agenda, role=role)

    assert agenda.label in text(client.get(url(name, agenda.slug, MONDAY)))


def test_an_administrator_sees_every_agenda(client):
    agenda = factories.make_agenda()
    client.force_login(make_administrator())

    assert agenda.label in text(client.get(url("agenda")))
    assert agenda.label in text(client.get(week(agenda)))


def test_nothing_can_be_posted_to_the_agenda_view(client):
    agenda = factories.make_agenda()
    enter(client, agenda)

    for address in (url("agenda"), week(agenda), day_of(agenda), url("week_jump", agenda.slug)):
        assert client.post(address).status_code == 405


# The agendas


def test_the_list_shows_ones_own_agendas_with_what_today_brings(client):
    agenda, _type, _desks = factories.make_appointments(label="Passports")
    factories.make_agenda(label="Of others")
    bookings = [factories.make_booking(agenda) for _number in range(3)]
    attendance.check_in(bookings[0], Attendance.PRESENT, now=NOW)
    cancelled = factories.make_booking(agenda)
    booking.cancel(cancelled, actor=Actor.AGENT, now=NOW)
    enter(client, agenda)

    response = client.get(url("agenda"))

    assert "Of others" not in text(response)
    [today] = response.context["todays"]
    assert (today.bookings, today.present, today.absent, today.expected) == (3, 1, 0, 2)
    assert today.next_time == "09:00"
    assert today.week_url == week(agenda)


def test_today_is_the_agendas_own_today(client):
    far = factories.make_agenda(kind=AgendaKind.EVENTS, timezone="Pacific/Auckland")
    event = factories.make_event(
        far, start=datetime(2026, 11, 30, 23, 0, tzinfo=ZoneInfo("Pacific/Auckland"))
    )
    with freeze_time(NOW - timedelta(days=1)):
        slot = availability.find(far, event.slug, now=NOW - timedelta(days=1))
        factories.make_booking(slot=slot, now=NOW - timedelta(days=1))
    enter(client, far)

    assert client.get(url("agenda")).context["todays"][0].bookings == 1
    with freeze_time(NOW + timedelta(hours=12)):
        # In Paris it is still Monday evening, in Auckland Tuesday morning.
        assert client.get(url("agenda")).context["todays"][0].bookings == 0


# Week and day


def test_the_week_shows_who_comes_where(client):
    agenda, _type, [desk] = factories.make_appointments()
    made = factories.make_booking(agenda, user_name="Ada Martin")
    enter(client, agenda)

    page = text(client.get(week(agenda)))

    assert "30 November to 6 December 2026" in page
    assert f'<a href="{url("booking", made.pk)}">{made.display_name}</a>' in page
    assert "09:00–09:30" in page
    assert desk.label in page
    assert "Confirmed" in page


def test_the_day_has_a_column_for_each_desk(client):
    agenda, _type, desks = factories.make_appointments(desks=3)
    factories.make_booking(agenda)
    enter(client, agenda)

    response = client.get(day_of(agenda))

    assert [header.desk for header in response.context["headers"]] == desks
    first_row = next(row for row in response.context["rows"] if f"{row.time:%H:%M}" == "09:00")
    assert [bool(cell.subjects) for cell in first_row.cells] == [True, False, False]


def test_a_retired_desk_is_shown_as_long_as_somebody_is_booked_there(client):
    agenda, _type, [desk] = factories.make_appointments()
    factories.make_booking(agenda)
    desk.retired = True
    desk.save()
    other = factories.make_desk(agenda)
    enter(client, agenda)

    assert [one.desk for one in client.get(day_of(agenda)).context["headers"]] == [desk, other]
    tuesday = client.get(day_of(agenda, MONDAY + timedelta(days=1)))
    assert [one.desk for one in tuesday.context["headers"]] == [other]


def test_closed_times_are_shaded_and_free_ones_lead_to_a_new_booking(client):
    agenda, _type, [desk] = factories.make_appointments(
        schedule=factories.make_schedule(
            factories.weekly(time(9), time(12), breaks=[(time(10), time(11))])
        )
    )
    enter(client, agenda)

    response = client.get(day_of(agenda))

    cells = {f"{row.time:%H:%M}": row.cells[0] for row in response.context["rows"]}
    assert [name for name, cell in cells.items() if cell.is_open] == [
        "09:00",
        "09:30",
        "11:00",
        "11:30",
    ]
    link = (
        f"{url('booking_new', agenda.slug)}?date=2026-11-30&amp;time=11%3A30&amp;desk={desk.slug}"
    )
    assert link in text(response)


def test_held_times_are_shown_as_held_until_they_lapse(client):
    agenda, _type, _desks = factories.make_appointments()
    slot = factories.first_slot(agenda)
    booking.hold(slot, lock_code="somebody", now=NOW)
    enter(client, agenda)

    # Once more in the legend.
    assert text(client.get(week(agenda))).count("held</span>") == 2
    with freeze_time(NOW + timedelta(minutes=11)):
        assert text(client.get(week(agenda))).count("held</span>") == 1


def test_cancelled_bookings_are_counted_and_shown_on_demand(client):
    agenda, _type, _desks = factories.make_appointments()
    gone = factories.make_booking(agenda, user_name="Gone Away")
    booking.cancel(gone, actor=Actor.AGENT, now=NOW)
    enter(client, agenda)

    page = text(client.get(week(agenda)))
    assert "Gone Away" not in page
    assert "1 cancelled booking is not shown." in page
    assert "Gone Away" in text(client.get(week(agenda) + "?status=all"))
    assert "Gone Away" in text(client.get(week(agenda) + "?status=cancelled"))
    assert "Gone Away" not in text(client.get(week(agenda) + "?status=confirmed"))


def test_one_desk_can_be_shown_alone(client):
    agenda, _type, desks = factories.make_appointments(desks=2)
    made = [factories.make_booking(agenda, user_name=f"Visitor {n}") for n in range(2)]
    assert {one.desk for one in made} == set(desks)
    enter(client, agenda)

    page = text(client.get(week(agenda) + f"?desk={made[0].desk.slug}"))

    assert made[0].user_name in page
    assert made[1].user_name not in page
    assert [
        one.desk
        for one in client.get(day_of(agenda) + f"?desk={made[0].desk.slug}").context["headers"]
    ] == [made[0].desk]


@pytest.mark.parametrize("scale", ["week", "day"])
@pytest.mark.parametrize("query", ["desk=no-such", "status=no-such", "desk=%00", "status=%F0%9F"])
def test_a_filter_that_names_nothing_says_so_and_shows_all(client, query, scale):
    agenda, _type, _desks = factories.make_appointments()
    factories.make_booking(agenda, user_name="Ada Martin")
    enter(client, agenda)

    page = text(client.get(f"{url(scale, agenda.slug, MONDAY)}?{query}"))

    assert "Ada Martin" in page
    assert "does not exist here. All are shown" in page


BAD_DATES = ["0001-01-01", "9999-12-31", "2026-02-30", "2026-13-01", "garbage", "2026-1-1x", "%00"]


@pytest.mark.parametrize("bad", BAD_DATES)
@pytest.mark.parametrize("scale", ["week", "day"])
def test_an_impossible_date_leads_to_today_with_a_message(client, scale, bad):
    agenda = factories.make_agenda()
    enter(client, agenda)
    address = url(scale, agenda.slug, "X").replace("X", bad)

    for asked in (address, f"{url(f'{scale}_jump', agenda.slug)}?date={bad}"):
        response = client.get(asked, follow=True)
        assert response.redirect_chain[-1][0] == url(scale, agenda.slug, MONDAY)
        assert "is no date that can be shown" in text(response)


def test_the_first_and_last_days_that_can_be_shown_have_no_way_beyond(client):
    agenda = factories.make_agenda()
    enter(client, agenda)

    assert client.get(day_of(agenda, date(1970, 1, 1))).context["previous_url"] == ""
    assert client.get(day_of(agenda, date(2999, 12, 31))).context["next_url"] == ""
    assert client.get(week(agenda, date(1970, 1, 1))).context["previous_url"] == ""
    assert client.get(week(agenda, date(2999, 12, 31))).context["next_url"] == ""


def test_jumping_keeps_the_filters(client):
    agenda, _type, [desk] = factories.make_appointments()
    enter(client, agenda)

    response = client.get(
        url("day_jump", agenda.slug), {"date": "2027-01-04", "desk": desk.slug, "status": ""}
    )

    assert response["Location"] == f"{day_of(agenda, date(2027, 1, 4))}?desk={desk.slug}"


def test_jumping_without_a_date_leads_to_today(client):
    agenda = factories.make_agenda()
    enter(client, agenda)

    assert client.get(url("week_jump", agenda.slug))["Location"] == week(agenda)


def test_the_ways_to_other_dates(client):
    agenda, _type, [desk] = factories.make_appointments()
    enter(client, agenda)
    query = f"?desk={desk.slug}"

    context = client.get(week(agenda, date(2026, 12, 3)) + query).context

    assert context["previous_url"] == week(agenda, date(2026, 11, 23)) + query
    assert context["next_url"] == week(agenda, date(2026, 12, 7)) + query
    assert context["today_url"] == week(agenda) + query
    assert [address for _scale, _label, address in context["scales"]] == [
        url(scale, agenda.slug, date(2026, 12, 3)) + query
        for scale in ("day", "week", "month", "list")
    ]


# Check-in is offered where it makes sense


def test_check_in_is_offered_from_the_day_of_the_appointment_on(client):
    agenda, _type, _desks = factories.make_appointments()
    made = factories.make_booking(agenda)
    enter(client, agenda)
    check_in = url("booking_check_in", made.pk)

    assert check_in in text(client.get(week(agenda)))
    with freeze_time(NOW - timedelta(days=1)):
        assert check_in not in text(client.get(week(agenda)))


# Events


def make_workshop(**fields):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS, label="Workshops")
    event = factories.make_event(agenda, label="Pottery", places=3, **fields)
    return agenda, event, availability.find(agenda, event.slug, now=NOW)


@pytest.mark.parametrize("scale", ["week", "day"])
def test_an_event_shows_its_places_and_who_comes(client, scale):
    agenda, event, slot = make_workshop()
    made = factories.make_booking(slot=slot, user_name="Ada Martin")
    booking.hold(slot, lock_code="somebody", now=NOW)
    enter(client, agenda)

    page = text(client.get(url(scale, agenda.slug, event.start.date())))

    assert "Pottery" in page
    assert "1 of 3 booked" in page
    assert "1 held" in page
    assert url("booking", made.pk) in page
    assert f"?date={event.start.date()}&amp;event={event.slug}" in page


def test_a_full_event_offers_no_booking(client):
    agenda, event, slot = make_workshop()
    for _number in range(3):
        factories.make_booking(slot=slot)
    enter(client, agenda)

    page = text(client.get(week(agenda, event.start.date())))

    assert "3 of 3 booked" in page
    assert not re.search(rf"/new/\?[^\"]*event={event.slug}", page)


def test_an_event_that_runs_into_the_week_stands_on_its_first_day(client):
    agenda, event, _slot = make_workshop(start=NOW + timedelta(days=6, hours=12), hours=30)
    enter(client, agenda)

    days = client.get(week(agenda, MONDAY + timedelta(days=7))).context["days"]

    assert [one.event for one in days[0].events] == [event]


# How much is read


@pytest.mark.parametrize("scale", ["week", "day"])
def test_the_number_of_queries_does_not_grow_with_the_bookings(client, scale):
    agenda, meeting_type, _desks = factories.make_appointments(desks=3)
    enter(client, agenda)
    factories.make_booking(agenda)
    address = url(scale, agenda.slug, MONDAY)
    few = queries_of(client, address)

    for _number in range(12):
        factories.make_booking(agenda)
    booking.hold(factories.first_slot(agenda), lock_code="somebody", now=NOW)
    many = queries_of(client, address)

    assert Booking.objects.count() == 13
    assert len(many) == len(few)
    assert len(many) <= 12, "\n".join(many)


@pytest.mark.parametrize("scale", ["week", "day"])
def test_events_take_a_constant_number_of_queries_too(client, scale):
    agenda, event, slot = make_workshop()
    enter(client, agenda)
    factories.make_booking(slot=slot)
    address = url(scale, agenda.slug, event.start.date())
    few = queries_of(client, address)

    for number in range(5):
        other = factories.make_event(agenda, start=event.start + timedelta(minutes=number))
        factories.make_booking(slot=availability.find(agenda, other.slug, now=NOW))
    many = queries_of(client, address)

    assert len(many) == len(few)
    assert len(many) <= 12, "\n".join(many)


def test_the_list_of_agendas_takes_a_constant_number_of_queries(client):
    agendas = [factories.make_appointments()[0]]
    user = enter(client, *agendas)
    few = queries_of(client, url("agenda"))

    for _number in range(4):
        agenda, _type, _desks = factories.make_appointments()
        agenda.grants.create(group=user.groups.get(), role="agent")
        factories.make_booking(agenda)

    assert len(queries_of(client, url("agenda"))) == len(few)


# What visitors typed stays text


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; alert(1); '",
    "{{ request.user.password }}{% debug %}",
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("scale", ["week", "day"])
def test_hostile_text_is_shown_as_text(client, scale, payload):
    agenda, meeting_type, [desk] = factories.make_appointments(label=f"Agenda {payload}")
    desk.label = meeting_type.label = payload
    desk.save()
    meeting_type.save()
    made = factories.make_booking(agenda, user_name=payload)
    Booking.objects.filter(pk=made.pk).update(label=payload)
    status = made.status
    status.label = status.icon = status.colour = payload[:20]
    status.save()
    enter(client, agenda)

    for address in (url(scale, agenda.slug, MONDAY), url("agenda")):
        html = client.get(address).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "$argon2" not in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//elsewhere.example",
        "https:",
    ],
)
def test_an_address_that_no_browser_should_follow_never_becomes_a_link(client, address):
    agenda, _type, _desks = factories.make_appointments()
    made = factories.make_booking(agenda)
    Booking.objects.filter(pk=made.pk).update(backoffice_url=address)
    enter(client, agenda)

    for page in (week(agenda), day_of(agenda), url("booking", made.pk)):
        response = client.get(page)
        assert f'href="{address}"' not in response.content.decode()
        assert "alert(1)" not in text(response)


def test_the_back_office_opens_where_there_is_one_and_the_own_page_stays_within_reach(client):
    agenda, _type, _desks = factories.make_appointments()
    made = factories.make_booking(agenda)
    Booking.objects.filter(pk=made.pk).update(backoffice_url="https://files.example/7?a=1&b=2")
    enter(client, agenda)

    page = text(client.get(week(agenda)))

    assert ' href="https://files.example/7?a=1&amp;b=2" rel="noopener">' in page
    assert f'href="{url("booking", made.pk)}"' in page


# What is marked as checked


@pytest.mark.parametrize("scale", ["day", "week", "list"])
def test_where_attendance_is_marked_as_checked_stands_who_marked_it(client, scale):
    agenda = factories.make_appointments()[0]
    user = make_staff(agenda)
    client.force_login(user)
    made = factories.make_booking(agenda)
    address = url(scale, agenda.slug, made.local_start.date())
    check_in = url("booking_check_in", made.pk)
    assert check_in in client.get(address).content.decode()

    attendance.mark_as_checked(attendance.Sheet.of(made), now=NOW, user=user)

    page = client.get(address).content.decode()
    assert check_in not in page
    assert f"Marked as checked by {user.get_username()}" in page


@pytest.mark.parametrize("scale", ["day", "week", "list"])
def test_of_several_events_the_marked_one_says_so(client, scale):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    client.force_login(make_staff(agenda))
    marked, open_still = (
        factories.make_booking(
            slot=availability.find(
                agenda,
                factories.make_event(agenda, start=NOW + timedelta(hours=hours)).slug,
                now=NOW,
            )
        )
        for hours in (1, 4)
    )

    attendance.mark_as_checked(attendance.Sheet.of(marked), now=NOW + timedelta(hours=2), user=None)

    page = client.get(url(scale, agenda.slug, marked.local_start.date())).content.decode()
    assert url("booking_check_in", marked.pk) not in page
    assert url("booking_check_in", open_still.pk) in page
    assert "Marked as checked, " in page


def test_the_page_of_a_booking_offers_no_check_in_that_would_be_refused(client):
    agenda = factories.make_appointments()[0]
    client.force_login(make_staff(agenda))
    made = attendance.check_in(factories.make_booking(agenda), Attendance.ABSENT, now=NOW)
    attendance.mark_as_checked(attendance.Sheet.of(made), now=NOW)

    page = client.get(url("booking", made.pk)).content.decode()

    assert "Marked as checked, " in page
    assert 'name="attendance"' not in page
