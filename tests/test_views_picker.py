"""Choosing a time: the next free one from anywhere, the month as a table, and nothing free."""

import re
from datetime import date, datetime

import pytest

from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_booking,
    make_event,
    make_meeting_type,
    make_schedule,
    one_off,
    weekly,
)
from tests.test_views_visitor import Visitor, agenda, clock, first_slot, text_of, visitor  # noqa: F401
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Agenda

pytestmark = pytest.mark.django_db


def open_only(agenda, *days):  # noqa: F811
    schedule = make_schedule(*[one_off(day) for day in days])
    Agenda.objects.filter(pk=agenda.pk).update(schedule=schedule)


def preselected(response):
    return re.findall(r'value="([^"]+)"[^>]* checked autofocus', response.text)


def links(response, text):
    """Where the links of that text lead."""
    found = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>([^<]*)</a>', response.text)
    return [href.replace("&amp;", "&") for href, shown in found if shown == text]


# The next free time


def test_next_free_time_is_chosen_from_wherever_one_has_paged_to(visitor):  # noqa: F811
    visitor.choose(more="1")
    january = visitor.get("picker", month="2027-01")
    (href,) = links(january, "Next free time")
    response = visitor.client.get(href)
    assert "November 2026" in text_of(response)
    assert preselected(response) == ["passport:2026-11-30-0900"]


def test_who_looks_at_other_times_reads_how_long_theirs_is_held(visitor):  # noqa: F811
    visitor.choose(first_slot(visitor.agenda))
    page = visitor.get("picker")
    assert "You hold Monday 30 November 2026, 09:00 to 09:30." in text_of(page)
    assert "Held for you until 07:10" in text_of(page)


def test_a_day_without_free_times_leads_to_the_next_one(visitor):  # noqa: F811
    open_only(visitor.agenda, date(2026, 12, 1), date(2026, 12, 17))
    visitor.choose(more="1")
    response = visitor.get("picker", day="2026-12-05")
    assert "There is no free time on Saturday 5 December 2026." in text_of(response)
    assert "Next free time: Thursday 17 December 2026, 09:00" in text_of(response)
    (href,) = links(response, "Thursday 17 December 2026, 09:00")
    assert preselected(visitor.client.get(href)) == ["passport:2026-12-17-0900"]


def test_a_month_without_free_times_leads_to_the_next_one_or_back(visitor):  # noqa: F811
    open_only(visitor.agenda, date(2026, 12, 17))
    visitor.choose(more="1")
    november = text_of(visitor.get("picker", month="2026-11"))
    assert "There is no free time in November 2026." in november
    assert "Next free time: Thursday 17 December 2026, 09:00" in november
    january = text_of(visitor.get("picker", month="2027-01"))
    assert "The next free time is before it: Thursday 17 December 2026, 09:00" in january


def test_nothing_free_says_until_when_and_what_to_do(visitor):  # noqa: F811
    open_only(visitor.agenda, date(2026, 11, 1))
    for query in ({}, {"day": "2026-12-05"}, {"month": "2026-12"}, {"next": "1"}):
        visitor.choose(more="1")
        response = visitor.get("picker", **query)
        assert "Nothing is free until " in text_of(response)
        assert "January 2027, the last day that can be booked" in text_of(response)
        assert "Come back later, or ask us: Call 01 23 45 67 89" in text_of(response)
        assert "<table" not in response.text


def test_nothing_free_of_one_type_leaves_the_others(visitor):  # noqa: F811
    make_meeting_type(visitor.agenda, label="All morning", duration=600)
    visitor.choose(type="all-morning")
    response = visitor.get("picker", type="all-morning")
    assert "Nothing is free until" in text_of(response)
    assert links(response, "Change the appointment type")


def test_the_next_date_with_a_place_of_events(client, clock):  # noqa: F811
    agenda = make_agenda(kind=AgendaKind.EVENTS)  # noqa: F811
    full = make_event(agenda, places=1, start=datetime(2026, 12, 2, 10, tzinfo=PARIS))
    free = make_event(agenda, start=datetime(2026, 12, 9, 10, tzinfo=PARIS))
    make_booking(agenda)
    visitor = Visitor(client, agenda)  # noqa: F811
    response = visitor.choose(more="1")
    (href,) = links(response, "Next date with a free place: Wednesday 9 December 2026")
    assert preselected(visitor.client.get(href)) == [free.slug]
    assert f'value="{full.slug}"' in response.text


# The table


def test_free_days_are_links_that_say_how_many_times_are_free(visitor):  # noqa: F811
    make_booking(visitor.agenda)
    visitor.choose(more="1")
    response = visitor.get("picker", month="2026-11")
    cells = re.findall(r"<td.*?</td>", response.text)
    free = [cell for cell in cells if "<a " in cell]
    assert len(free) == 1
    assert 'aria-label="Today, Monday 30 November 2026, 5 free times"' in free[0]
    assert 'aria-current="true"' in free[0]
    december = visitor.get("picker", month="2026-12").text
    assert 'aria-label="Tuesday 1 December 2026, 6 free times"' in december
    assert re.search(r"<td><span>5</span></td>", december)


def test_today_is_marked_also_when_nothing_is_free(visitor):  # noqa: F811
    open_only(visitor.agenda, date(2026, 12, 17))
    visitor.choose(more="1")
    november = visitor.get("picker", month="2026-11")
    assert november.text.count('<td class="agenda-booking__today">') == 1
    assert "30 (today)" in text_of(november)
    assert '<td class="agenda-booking__today">' not in visitor.get("picker", month="2026-12").text


def test_weeks_that_are_over_are_left_out(visitor):  # noqa: F811
    visitor.choose(more="1")
    assert visitor.get("picker", month="2026-11").text.count("<tr>") == 2
    assert visitor.get("picker", month="2026-12").text.count("<tr>") == 6


def test_a_day_is_read_from_its_times_and_a_month_from_its_name(visitor):  # noqa: F811
    visitor.choose(more="1")
    day = visitor.get("picker", day="2026-12-01").text
    assert re.search(r"<fieldset[^>]* autofocus>\s*<legend>Tuesday 1 December 2026", day)
    month = visitor.get("picker", month="2026-12").text
    assert re.search(r"<h2[^>]* autofocus>December 2026</h2>", month)
    assert "autofocus" not in visitor.get("picker").text


# Mistakes, and zones


def test_choosing_nothing_is_an_error_that_leads_to_the_times(visitor):  # noqa: F811
    visitor.choose(more="1")
    response = visitor.post("picker")
    assert re.search(r"<title>\s*Error: Choose a time", response.text)
    assert '<a href="#agenda-times">Choose a time first.</a>' in response.text
    assert 'id="agenda-times"' in response.text


def test_a_time_that_is_gone_is_nobodys_error(visitor):  # noqa: F811
    visitor.choose(more="1")
    response = visitor.get("picker", notice="taken", wanted="passport:2026-11-30-0900")
    assert "Error" not in response.text
    assert re.search(r"<title>\s*Choose another time", response.text)
    assert preselected(response) == []


def test_the_script_is_told_when_a_time_is_wherever_the_server_stands(visitor, settings):  # noqa: F811
    settings.TIME_ZONE = "Asia/Tokyo"
    visitor.choose(more="1")
    response = visitor.get("picker")
    assert 'data-agenda-start="2026-11-30T09:00:00+01:00" data-agenda-here="09:00"' in response.text
    assert "Times are local times in Europe/Paris." in text_of(response)


def test_the_way_to_the_next_free_time_takes_few_queries(
    client,
    clock,  # noqa: F811
    django_assert_max_num_queries,
):
    agenda = make_appointments(desks=12, schedule=make_schedule(weekly(weekdays=("5",))))[0]  # noqa: F811
    for _number in range(5):
        make_booking(agenda, now=NOW)
    visitor = Visitor(client, agenda)  # noqa: F811
    visitor.choose(more="1")
    with django_assert_max_num_queries(40):
        assert "Next free time:" in text_of(visitor.get("picker", day="2026-12-01"))
