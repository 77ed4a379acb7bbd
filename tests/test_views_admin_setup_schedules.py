"""The week that is drawn again while somebody types the hours of a schedule."""

import pytest
from django.core import serializers
from django.urls import reverse
from django.utils.html import strip_tags
from freezegun import freeze_time

from tests.agents import make_administrator
from tests.factories import make_schedule, monthly
from tests.forms import break_rows, monthly_row, one_off_row, schedule_data, weekly_row
from wagtail_agenda.models import Resource, Schedule

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

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
        (
            weekly_row(("0",), season=("2026-06-02", "2026-06-01")),
            "Monday, 09:00 – 12:00, 2 June 2026 to 1 June 2026: The season ends before it begins.",
        ),
        (monthly_row(ordinals=()), "Monday, 09:00 – 12:00: It is not ticked which of these"),
        (
            monthly_row(ordinals=("last",), season=("2026-06-01", "2026-06-20", "yearly")),
            "last Monday of the month, 09:00 – 12:00, 1 June to 20 June every year: None of",
        ),
    ],
)
@freeze_time("2026-11-21")
def test_what_is_wrong_is_said_and_the_rest_is_drawn(administrator, row, said):
    page = draw(administrator, row, weekly_row(("4",), "08:00", "10:00"))
    assert said in words(page)
    dated = " 27 November 2026" if "Week from" in page else ""
    assert f"Friday{dated} 08:00 – 10:00" in words(page)


def test_hours_that_cannot_be_are_marked_where_they_would_lie(administrator):
    page = draw(administrator, weekly_row(("0", "1"), "12:00", "09:00"))
    assert page.count('class="schedule__wrong"') == 2
    assert "Monday not possible" in words(page)


def test_a_wrong_break_leaves_its_hours_in_the_picture(administrator):
    page = draw(administrator, weekly_row(("0",), breaks=break_rows(("11:00", "10:00"))))
    assert "The break ends before it begins." in words(page)
    assert "Monday 09:00 – 12:00" in words(page)


SUMMER = ("2026-06-01", "2026-08-31", "yearly")


@freeze_time("2026-11-21")
def test_hours_of_the_month_are_said_and_their_next_week_is_drawn(administrator):
    row = monthly_row(ordinals=("1", "3"), season=SUMMER)
    page = draw(administrator, row, one_off_row("2026-12-24", replaces=True))
    said = words(page)
    assert (
        "1st and 3rd Monday of the month, 09:00 – 12:00, 1 June to 31 August every year "
        "Next dates: Monday 7 June 2027; Monday 21 June 2027; Monday 5 July 2027;"
    ) in said
    # The single date is the first on which anything is open.
    assert "Week from 21 December 2026 to 27 December 2026" in said
    assert "Thursday 24 December 2026 09:00 – 12:00" in said


@freeze_time("2026-11-21")
def test_another_week_is_drawn_on_demand(administrator):
    row = monthly_row(ordinals=("1", "3"), season=SUMMER)
    page = draw(administrator, row, one_off_row("2026-12-24", replaces=True), week="2027-06-23")
    assert "Week from 21 June 2027 to 27 June 2027" in words(page)
    assert "Monday 21 June 2027 09:00 – 12:00" in words(page)
    assert "Thursday 24 December 2026: 09:00 – 12:00 in place of the usual hours" in words(page)
    closed = draw(administrator, row, week="2027-01-01")
    assert "Closed all this week." in words(closed)
    assert "there are no complete opening hours yet" not in words(closed)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2028-02-29"])
def test_any_week_of_the_calendar_is_drawn(administrator, day):
    rows = [monthly_row(ordinals=("1", "5", "last")), weekly_row(season=("2026-06-01",))]
    assert "Week from" in words(draw(administrator, *rows, week=day))


@pytest.mark.parametrize(
    "row",
    [
        monthly_row(ordinals=(), weekdays=(), opens="", closes=""),
        monthly_row(season=("soon", "2026-02-30", "sometimes")),
        monthly_row(ordinals=("6", "first"), weekdays=("9",)),
        ("monthly", {"breaks": {"count": "0"}}),
        ("weekly", {"breaks": {"count": "0"}}),
        one_off_row("", "", "", replaces=True),
    ],
)
def test_what_is_half_typed_has_a_picture_too(administrator, row):
    assert "Opening hours of the week" in draw(administrator, row)
    # Whether it is kept or comes back with errors: never a crash.
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:add")
    for action in ({}, {"action-publish": "1"}):
        answer = administrator.post(address, schedule_data(row, **action))
        assert answer.status_code in (200, 302)
    assert not Schedule.objects.filter(live=True).exists()


def test_a_season_that_cannot_be_is_refused_and_nothing_typed_is_lost(administrator):
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:add")
    row = monthly_row(ordinals=("last",), weekdays=("4",), season=("2026-06-01", "2026-06-05"))
    answer = administrator.post(address, schedule_data(row, **{"action-publish": "1"}))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "None of the days ticked above is in this season." in page
    for typed in ("2026-06-01", "2026-06-05", "last"):
        assert typed in page
    assert not Schedule.objects.exists()


def test_hours_of_the_month_are_published(administrator):
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:add")
    rows = [
        monthly_row(ordinals=("last", "2"), weekdays=("2",), season=SUMMER),
        one_off_row("2026-12-24", replaces=True),
    ]
    answer = administrator.post(address, schedule_data(*rows, **{"action-publish": "1"}))
    assert answer.status_code == 302
    in_the_month, single = Schedule.objects.get(live=True).periods.get_prep_value()
    assert in_the_month["value"]["ordinals"] == ["2", "last"]
    assert in_the_month["value"]["season"] == {
        "from": "2026-06-01",
        "until": "2026-08-31",
        "repeats": "yearly",
    }
    assert single["value"]["replaces"] is True


@freeze_time("2026-11-21")
def test_the_preview_says_what_the_hours_mean(administrator):
    schedule = make_schedule(monthly(ordinals=["last"], weekdays=["4"]))
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:preview_on_edit", args=[schedule.pk])
    data = schedule_data(monthly_row(ordinals=("last",), weekdays=("4",)))
    assert administrator.post(address, data).json()["is_valid"]
    said = words(administrator.get(f"{address}?mode=").content.decode())
    assert "Last Friday of the month, 09:00 – 12:00 Next dates: Friday 27 November 2026;" in said
    assert "Week from 23 November 2026 to 29 November 2026" in said


def test_a_time_that_the_clocks_of_a_resource_skip_is_refused(administrator):
    schedule = make_schedule()
    Resource.objects.create(label="Projector", timezone="America/New_York", schedule=schedule)
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:edit", args=[schedule.pk])
    skipped = schedule_data(one_off_row("2027-03-14", "02:30", "04:00"), label=schedule.label)
    page = administrator.post(address, {**skipped, "action-publish": "1"}).content.decode()
    assert "Clocks in America/New_York skip 02:30" in page


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"periods-count": "0", "week": "next"},
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
    assert f'href="{reverse("wagtail_agenda_admin:explain")}"' in page
    assert "Monday 09:00 – 12:00" in words(page)
    assert "wagtail_agenda/schedule_editor.js" in page


def test_a_form_that_comes_back_shows_the_week_as_it_was_typed(administrator):
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:add")
    page = administrator.post(address, schedule_data(weekly_row(("6",), "12:00", "11:00")))
    assert "Sunday not possible" in words(page.content.decode())
