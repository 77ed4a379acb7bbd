"""The week that is drawn again while somebody types the hours of a schedule."""

import pytest
from django.core import serializers
from django.urls import reverse
from django.utils.html import strip_tags

from tests.agents import make_administrator
from tests.factories import make_schedule
from tests.forms import break_rows, one_off_row, schedule_data, weekly_row
from wagtail_agenda.models import Schedule

pytestmark = pytest.mark.django_db

PICTURE = "wagtail_agenda_schedule_week:picture"


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


def draw(client, *rows, **extra) -> str:
    answer = client.post(reverse(PICTURE), schedule_data(*rows, **extra))
    assert answer.status_code == 200
    return answer.content.decode()


def words(page: str) -> str:
    return " ".join(strip_tags(page).split())


def test_what_is_typed_is_drawn_and_not_saved(administrator):
    make_schedule()
    before = serializers.serialize("json", Schedule.objects.all())
    page = draw(administrator, weekly_row(("0", "2"), "08:30", "17:00"))
    assert page.count(">08:30 – 17:00</text>") == 2
    assert "Monday 08:30 – 17:00" in words(page)
    assert "schedule__warnings" not in page
    assert serializers.serialize("json", Schedule.objects.all()) == before


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            weekly_row(("0", "1"), "12:00", "09:00"),
            "Monday, Tuesday, 12:00 – 09:00: This is not after the opening time.",
        ),
        (weekly_row(("0",), "09:00", ""), "Monday, 09:00 – ?: A date or time is missing"),
        (weekly_row(("0",), "9 o'clock", "12:00"), "Monday, ? – 12:00: A date or time is missing"),
        (weekly_row((), "09:00", "12:00"), "09:00 – 12:00: No day of the week is ticked."),
        (weekly_row(("0",), "09:03", "12:00"), "Use steps of five minutes"),
        (one_off_row("", "09:00", "12:00"), "09:00 – 12:00: A date or time is missing"),
        (one_off_row("2026-12-24", "14:00", "12:00"), "Thursday 24 December 2026, 14:00 – 12:00"),
        (
            weekly_row(("0",), breaks=break_rows(("13:00", "14:00"))),
            "The break is outside these opening hours.",
        ),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_is_drawn(administrator, row, said):
    page = draw(administrator, row, weekly_row(("4",), "08:00", "10:00"))
    assert said in words(page)
    assert "Friday 08:00 – 10:00" in words(page)


def test_hours_that_cannot_be_are_marked_where_they_would_lie(administrator):
    page = draw(administrator, weekly_row(("0", "1"), "12:00", "09:00"))
    assert page.count('class="schedule__wrong"') == 2
    assert "Monday not possible" in words(page)


def test_a_wrong_break_leaves_its_hours_in_the_picture(administrator):
    page = draw(administrator, weekly_row(("0",), breaks=break_rows(("11:00", "10:00"))))
    assert "The break ends before it begins." in words(page)
    assert "Monday 09:00 – 12:00" in words(page)


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"periods-count": "many"},
        {"periods-count": "1"},
        {"periods-count": "1", "periods-0-deleted": "", "periods-0-type": "weekly"},
    ],
)
def test_what_is_no_form_of_a_schedule_is_refused(administrator, forged):
    assert administrator.post(reverse(PICTURE), forged).status_code == 400
    assert administrator.get(reverse(PICTURE)).status_code == 405


def test_the_editor_shows_the_week_below_the_hours(administrator):
    schedule = make_schedule()
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:edit", args=[schedule.pk])
    page = administrator.get(address).content.decode()
    assert f'data-agenda-week="{reverse(PICTURE)}"' in page
    assert "Monday 09:00 – 12:00" in words(page)
    assert "wagtail_agenda/schedule_editor.js" in page


def test_a_form_that_comes_back_shows_the_week_as_it_was_typed(administrator):
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:add")
    page = administrator.post(address, schedule_data(weekly_row(("6",), "12:00", "11:00")))
    assert "Sunday not possible" in words(page.content.decode())
