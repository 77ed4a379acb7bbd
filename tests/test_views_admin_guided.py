"""A new agenda in three steps, as somebody meets it who has never made one."""

import re
from datetime import date, time

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from freezegun import freeze_time
from wagtail.models import Page

from example_site.home.models import HomePage
from tests.agents import make_administrator, make_staff
from tests.factories import NOW, PARIS, make_agenda, make_closure_calendar, make_schedule
from wagtail_agenda import availability
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import Agenda, ClosureCalendar, Desk, Event, MeetingType, Schedule
from wagtail_agenda.views.admin.guided.countries import country_of
from wagtail_agenda.views.admin.guided.views import MOST_DRAFTS, SESSION_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def monday_morning(settings):
    settings.TIME_ZONE = "Europe/Paris"
    with freeze_time(NOW):
        yield


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


@pytest.fixture
def home_page():
    page = HomePage(title="Welcome", slug="welcome")
    return Page.objects.get(depth=1).add_child(instance=page)


def step(name: str) -> str:
    return reverse("wagtail_agenda_guided:step", args=[name])


def fields_of(page: str) -> dict[str, list[str]]:
    """What a browser would send of the page's own form, as it stands."""
    form = page[page.index('<form method="post" action="?draft=') :]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") == "checkbox":
            attributes.setdefault("value", "on")
        ticked = attributes.get("type") not in ("radio", "checkbox") or " checked" in tag
        if "name" in attributes and ticked:
            found.setdefault(attributes["name"], []).append(attributes.get("value", ""))
    for name, text in re.findall(r'<textarea name="([^"]+)"[^>]*>\s?(.*?)</textarea>', form, re.S):
        found[name] = [text]
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        found[name] = re.findall(r'<option value="([^"]*)" selected', options)
    return found


def press(client, name: str, action: str = "continue", without=(), window=None, **typed):
    """Opens a step, types, and presses a button of it: in the window used last, or in `window`."""
    address = here(client, name) if window is None else f"{step(name)}?draft={window}"
    page = client.get(address).content.decode()
    data = fields_of(page)
    data.update({field.replace("__", "-"): value for field, value in typed.items()})
    for field in without:
        data.pop(field, None)
    return client.post(step(name) + target_of(page), {**data, "action": action})


def target_of(page: str) -> str:
    """Where the form of a step is sent."""
    return re.search(r'<form method="post" action="([^"]*)" novalidate', page)[1]


def here(client, name: str) -> str:
    """The address of a step in the window that was used last."""
    drafts = list(client.session.get(SESSION_KEY) or {})
    return f"{step(name)}?draft={drafts[-1]}" if drafts else step(name)


def way_of(response) -> str:
    """Where it leads, whatever the draft."""
    return response["Location"].partition("?")[0]


def text_of(response) -> str:
    return " ".join(strip_tags(response.content.decode()).split())


def test_continue_three_times_makes_a_working_agenda(administrator):
    assert way_of(press(administrator, "what")) == step("when")
    assert way_of(press(administrator, "when")) == step("how")
    assert not Agenda.objects.exists(), "made something before the end"
    ready = press(administrator, "how")

    agenda = Agenda.objects.get()
    assert ready["Location"] == reverse("wagtail_agenda_guided:ready", args=[agenda.pk])
    assert (agenda.label, agenda.slug, agenda.live) == ("Appointments", "appointments", True)
    assert agenda.latest_revision is not None
    # One period for the five days that have the same hours.
    assert [len(block.value["weekdays"]) for block in agenda.schedule.periods] == [5]
    assert [calendar.label for calendar in agenda.closure_calendars.all()] == [
        "Public holidays: France"
    ]
    free = availability.next_free(agenda, now=NOW, limit=200)
    assert free[0].start.strftime("%A %H:%M") == "Monday 09:00"
    assert not [slot for slot in free if slot.start.hour == 12], "books the lunch break"
    assert date(2026, 12, 25) not in {slot.start.date() for slot in free}
    page = text_of(administrator.get(ready["Location"]))
    assert "Monday 30 November 2026, 09:00 to 09:30" in page


def test_what_is_typed_is_what_is_made(administrator):
    press(
        administrator,
        "what",
        label="Passports",
        location="1 Market Square, Fairbridge",
        timezone="Europe/Berlin",
    )
    press(
        administrator,
        "when",
        without=["day4-is_open"],
        day2__opens="14:00",
        day2__closes="19:00",
        day2__break_from="",
        day2__break_until="",
        appointments__label="Passport",
        appointments__duration="20",
        appointments__desks="Ada\n\n  Grace \n",
        appointments__country="DE",
        appointments__region="Bayern",
    )
    press(
        administrator,
        "how",
        minimal_booking_delay="2",
        minimal_booking_delay_unit="days",
        comment="Bring a photograph.",
        publish="later",
    )
    agenda = Agenda.objects.get()
    assert (agenda.label, agenda.timezone, agenda.live) == ("Passports", "Europe/Berlin", False)
    assert (agenda.minimal_booking_delay, agenda.comment) == (2, "Bring a photograph.")
    assert [desk.label for desk in agenda.desks.all()] == ["Ada", "Grace"]
    assert agenda.meeting_types.get().duration == 20
    periods = {
        tuple(block.value["weekdays"]): (block.value["opens"], len(block.value["breaks"]))
        for block in agenda.schedule.periods
    }
    assert periods == {("0", "1", "3"): (time(9), 1), ("2",): (time(14), 0)}
    holidays = agenda.closure_calendars.get().closures[0].value
    assert (holidays["country"], holidays["region"]) == ("DE", "BY")


def test_dates_of_an_event_come_with_their_places(administrator):
    press(administrator, "what", kind="events", timezone="America/New_York")
    press(
        administrator,
        "when",
        events__label="Open day",
        date0__day="2026-12-12",
        date0__start="18:00",
        date0__end="20:30",
        date0__places="25",
        date0__waiting_places="5",
        date2__day="2026-12-19",
        date2__waiting_places="",
    )
    press(administrator, "how")
    agenda = Agenda.objects.get()
    assert (agenda.kind, agenda.schedule) == (AgendaKind.EVENTS, None)
    first, second = Event.objects.order_by("start")
    assert first.start.astimezone(agenda.zone).isoformat() == "2026-12-12T18:00:00-05:00"
    assert (first.label, first.places, second.places) == ("Open day", 25, 10)
    assert (first.waiting_places, second.waiting_places) == (5, 0)
    assert [slot.event for slot in availability.next_free(agenda, now=NOW)] == [first, second]


def test_nothing_typed_is_lost_by_going_back(administrator):
    press(administrator, "what", label="Passports")
    back = press(administrator, "when", "back", appointments__desks="Ada", day0__opens="25:00")
    assert way_of(back) == step("what")
    assert 'value="Passports"' in administrator.get(here(administrator, "what")).content.decode()
    page = administrator.get(step("when")).content.decode()
    assert "Ada" in page
    assert 'value="25:00"' in page
    assert "Enter a valid time." in page


def test_hours_are_kept_while_somebody_looks_at_events(administrator):
    press(administrator, "what")
    press(administrator, "when", appointments__desks="Ada")
    press(administrator, "what", kind="events")
    press(administrator, "when", date0__places="7")
    press(administrator, "what", kind="meetings")
    assert "Ada" in administrator.get(step("when")).content.decode()
    press(administrator, "what", kind="events")
    assert 'value="7"' in administrator.get(step("when")).content.decode()


def test_one_days_hours_are_copied_to_the_other_ticked_days(administrator):
    press(administrator, "what")
    copied = press(administrator, "when", "copy:0", day0__opens="07:30", day0__break_from="")
    assert copied["Location"] == f"{here(administrator, 'when')}#week"
    kept = fields_of(administrator.get(step("when")).content.decode())
    assert [kept[f"day{day}-opens"] for day in range(7)] == [["07:30"]] * 5 + [["09:00"]] * 2
    assert kept["day4-break_from"] == [""]


def test_more_dates_can_be_asked_for_but_not_without_end(administrator):
    press(administrator, "what", kind="events")
    press(administrator, "when", "rows")
    kept = fields_of(administrator.get(step("when")).content.decode())
    assert kept["rows"] == ["8"]
    assert "date7-day" in kept
    press(administrator, "when", "rows", rows="999")
    assert fields_of(administrator.get(step("when")).content.decode())["rows"] == ["50"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"day1__closes": "08:00"}, "This is not after the opening time."),
        ({"day1__opens": ""}, "Write a time."),
        ({"day1__opens": "09:03"}, "Use steps of five minutes"),
        ({"day1__break_from": ""}, "Write a time."),
        ({"day1__break_until": "11:00"}, "The break ends before it begins."),
        ({"day1__break_until": "19:00"}, "The break is outside these opening hours."),
        ({"appointments__duration": "7"}, "five"),
        ({"appointments__duration": "300"}, "No day is open for that long"),
        ({"appointments__desks": "  \n "}, "This field is required."),
        ({"appointments__desks": "\n".join("ABC" * 20)}, "Name at most 50 desks here"),
        ({"appointments__region": "Atlantis"}, "is not a region of this country"),
        ({"appointments__country": "XX"}, "Select a valid choice"),
    ],
)
@pytest.mark.one_database
def test_what_is_wrong_with_hours_is_said_at_its_field(administrator, typed, words):
    press(administrator, "what")
    answer = press(administrator, "when", **typed)
    assert answer.status_code == 200
    assert words in text_of(answer)
    field = next(iter(typed)).replace("__", "-")
    page = answer.content.decode()
    wrong = re.findall(r'<(?:input|select|textarea)[^>]*name="([^"]+)"[^>]*aria-invalid', page)
    assert wrong, "no field is marked"
    assert {name.partition("-")[0] for name in wrong} == {field.partition("-")[0]}


def test_a_week_without_an_open_day_is_refused(administrator):
    press(administrator, "what")
    answer = press(administrator, "when", without=[f"day{day}-is_open" for day in range(7)])
    assert "Tick at least one day" in text_of(answer)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"date0__day": ""}, "Write at least one date."),
        ({"date0__day": "2026-11-01"}, "This has begun already."),
        ({"date0__day": "9999-12-31"}, "Choose a date between 1970 and 2999."),
        ({"date0__day": "2027-03-28", "date0__start": "02:30"}, "Clocks in Europe/Paris skip"),
        ({"date0__end": "10:00"}, "This is not after the start."),
        ({"date0__places": "0"}, "greater than or equal to 1"),
        ({"date0__places": ""}, "This is missing."),
        ({"date0__waiting_places": "-1"}, "greater than or equal to 0"),
        ({"date0__waiting_places": "100001"}, "less than or equal to 100000"),
        ({"events__label": ""}, "This field is required."),
    ],
)
@pytest.mark.one_database
def test_what_is_wrong_with_dates_is_said(administrator, typed, words):
    press(administrator, "what", kind="events")
    answer = press(administrator, "when", **typed)
    assert answer.status_code == 200
    assert words in text_of(answer)


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("what", {"kind": "parties"}, "Select a valid choice"),
        ("what", {"timezone": "Mars/Base"}, "Select a valid choice"),
        ("what", {"label": "x" * 200}, "at most 150 characters"),
        (
            "how",
            {"minimal_booking_delay": "90", "minimal_booking_delay_unit": "days"},
            "Visitors could never book",
        ),
        (
            "how",
            {"minimal_booking_delay": "90", "minimal_booking_delay_unit": "working_days"},
            "Visitors could never book",
        ),
        ("how", {"staff_addresses": "nobody"}, "nobody"),
        ("how", {"minimal_booking_delay": "-1"}, "greater than or equal to 0"),
    ],
)
@pytest.mark.one_database
def test_what_is_wrong_elsewhere_is_said(administrator, name, typed, words):
    if name == "how":
        press(administrator, "what")
        press(administrator, "when")
    answer = press(administrator, name, **typed)
    assert answer.status_code == 200
    assert words in text_of(answer)
    assert not Agenda.objects.exists()


def test_no_step_can_be_skipped(administrator):
    assert way_of(administrator.get(step("how"))) == step("what")
    assert way_of(administrator.post(step("how"), {"publish": "now"})) == step("what")
    press(administrator, "what")
    assert way_of(administrator.get(step("how"))) == step("when")
    assert administrator.get(step("whither")).status_code == 404


def test_a_date_that_has_passed_meanwhile_is_asked_again(administrator):
    press(administrator, "what", kind="events")
    press(administrator, "when", date0__day="2026-12-01")
    with freeze_time("2026-12-05"):
        answer = administrator.post(step("how"), {"publish": "now"})
        assert way_of(answer) == step("when")
        assert "This has begun already." in text_of(administrator.get(step("when")))
    assert not Agenda.objects.exists()


def test_starting_afresh_forgets_what_was_typed(administrator):
    press(administrator, "what", label="Passports")
    press(administrator, "when", "afresh")
    assert (
        'value="Passports"' not in administrator.get(here(administrator, "what")).content.decode()
    )


def test_nothing_but_the_fields_is_kept(administrator):
    press(administrator, "what", junk="x" * 1000)
    assert "junk" not in str(dict(administrator.session))


def test_the_same_holidays_are_not_kept_twice(administrator):
    there = make_closure_calendar(
        {"type": "public_holidays", "value": {"country": "FR", "region": ""}}
    )
    for name in ("what", "when", "how"):
        press(administrator, name)
    assert list(Agenda.objects.get().closure_calendars.all()) == [there]
    assert ClosureCalendar.objects.count() == 1


def test_everything_is_made_or_nothing(administrator, monkeypatch):
    press(administrator, "what")
    press(administrator, "when")

    def fail(*args, **kwargs):
        raise RuntimeError("no room")

    monkeypatch.setattr(Desk, "save", fail)
    with pytest.raises(RuntimeError):
        press(administrator, "how")
    for model in (Agenda, Schedule, ClosureCalendar, MeetingType):
        assert not model.objects.exists(), model
    monkeypatch.undo()
    press(administrator, "how")
    assert Agenda.objects.count() == 1, "what was typed is gone"


def test_pressing_the_last_button_twice_makes_one_agenda(administrator):
    for name in ("what", "when"):
        press(administrator, name)
    sent = {**fields_of(administrator.get(step("how")).content.decode()), "action": "continue"}
    first = administrator.post(step("how"), sent)
    again = administrator.post(step("how"), sent)
    assert again["Location"] == first["Location"], "leads to an empty first step"
    assert Agenda.objects.count() == 1


def test_the_last_button_in_two_tabs_at_once_makes_one_agenda(administrator):
    for name in ("what", "when"):
        press(administrator, name)
    session = administrator.session
    before = dict(session)
    first = press(administrator, "how")
    # What the second request read before the first one was done.
    session.update(before)
    session.save()
    again = press(administrator, "how")
    assert again["Location"] == first["Location"]
    assert Agenda.objects.count() == 1


def test_a_second_agenda_can_be_made_after_the_first(administrator):
    first, second = (
        [press(administrator, name) for name in ("what", "when", "how")][-1] for _ in range(2)
    )
    assert first["Location"] != second["Location"]
    assert Agenda.objects.count() == 2


def begun(administrator, **typed):
    """The name of the draft that another window begins."""
    page = administrator.get(step("what")).content.decode()
    name = target_of(page).removeprefix("?draft=")
    press(administrator, "what", window=name, **typed)
    return name


def test_two_windows_make_two_agendas_of_what_was_typed_in_each(administrator):
    first = begun(administrator, label="Passports")
    press(administrator, "when", window=first, appointments__desks="Ada")
    second = begun(administrator, label="Swimming")
    press(administrator, "when", window=second, appointments__desks="Bob")
    for window in (first, second):
        press(administrator, "how", window=window)
    made = {agenda.label: agenda.desks.get().label for agenda in Agenda.objects.all()}
    assert made == {"Passports": "Ada", "Swimming": "Bob"}


def test_two_windows_that_were_opened_at_once_are_told_apart(administrator):
    pages = [administrator.get(step("what")).content.decode() for _window in range(2)]
    assert target_of(pages[0]) != target_of(pages[1])


def test_starting_afresh_in_one_window_leaves_the_other_as_it_is(administrator):
    first, second = begun(administrator, label="Passports"), begun(administrator)
    press(administrator, "when", "afresh", window=second)
    assert press(administrator, "when", window=first).status_code == 302
    assert press(administrator, "how", window=first).status_code == 302
    assert Agenda.objects.get().label == "Passports"


def test_what_was_begun_is_offered_to_whoever_comes_back(administrator):
    assert "Go on with it" not in text_of(administrator.get(step("what")))
    name = begun(administrator, label="<b>Passports")
    page = administrator.get(step("what"))
    assert "You have begun “&lt;b&gt;Passports” and not finished it." in page.content.decode()
    assert f'href="?draft={name}"' in page.content.decode()
    assert "<b>Passports" not in page.content.decode()
    press(administrator, "when", window=name)
    press(administrator, "how", window=name)
    assert "Go on with it" not in text_of(administrator.get(step("what")))


def test_only_the_last_few_drafts_are_kept(administrator):
    for _number in range(MOST_DRAFTS + 3):
        begun(administrator)
    assert len(administrator.session[SESSION_KEY]) == MOST_DRAFTS


def test_a_draft_that_is_gone_is_not_mixed_up_with_another(administrator):
    begun(administrator, label="Passports")
    before = administrator.session[SESSION_KEY]
    answer = administrator.post(f"{step('when')}?draft={'0' * 32}", {"action": "continue"})
    assert way_of(answer) == step("what")
    assert administrator.session[SESSION_KEY] == before


@pytest.mark.parametrize("odd", ["x", "a" * 33, "<script>", "٣" * 32, ""])
@pytest.mark.one_database
def test_an_odd_name_of_a_draft_is_not_taken_over(administrator, odd):
    page = administrator.get(step("what"), {"draft": odd}).content.decode()
    assert re.fullmatch(r"\?draft=[0-9a-f]{32}", target_of(page))


def test_only_who_makes_agendas_comes_here(client):
    agenda = make_agenda()
    client.force_login(make_staff(agenda, role=Role.EDITOR))
    assert client.get(step("what"))["Location"] == reverse("wagtailadmin_home")
    assert "New agenda, guided" not in client.get(reverse("wagtailadmin_home")).content.decode()


def test_the_first_agenda_is_found_from_the_empty_lists(administrator):
    for address in (
        reverse("wagtail_agenda_admin:agenda"),
        reverse("wagtailsnippets_wagtail_agenda_agenda:list"),
    ):
        page = administrator.get(address).content.decode()
        assert "Set up your first agenda" in page
        assert step("what") in page


def test_the_last_page_leads_to_pages_that_take_the_form(administrator, home_page):
    agenda = make_agenda(label="Passports", schedule=make_schedule())
    page = administrator.get(reverse("wagtail_agenda_guided:ready", args=[agenda.pk]))
    assert reverse("wagtailadmin_pages:edit", args=[home_page.pk]) in page.content.decode()
    assert "takes bookings for this agenda" not in text_of(page)

    home_page.body = [("booking_form", {"agenda": agenda})]
    home_page.save_revision().publish()
    page = administrator.get(reverse("wagtail_agenda_guided:ready", args=[agenda.pk]))
    assert "takes bookings for this agenda" in text_of(page)


def test_the_last_page_names_no_page_that_one_may_not_edit(client, home_page):
    agenda = make_agenda()
    client.force_login(make_staff(agenda, role=Role.EDITOR))
    page = client.get(reverse("wagtail_agenda_guided:ready", args=[agenda.pk]))
    assert reverse("wagtailadmin_pages:edit", args=[home_page.pk]) not in page.content.decode()
    assert "ask somebody who may" in text_of(page)


def test_a_zone_says_which_countrys_holidays_are_meant():
    assert country_of("Europe/Paris") == "FR"
    assert country_of("America/New_York") == "US"
    assert country_of("UTC") == country_of("Mars/Base") == ""
    assert PARIS.key == "Europe/Paris"
