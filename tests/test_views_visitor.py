"""The visitor's way, step by step and with everything that can go wrong on it."""

import html as html_module
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client, RequestFactory
from django.urls import URLPattern, reverse
from django.utils import timezone
from freezegun import freeze_time

from tests.factories import (
    NOW,
    first_slot,
    make_agenda,
    make_appointments,
    make_booking,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
    weekly,
)
from wagtail_agenda import availability, booking, form_definition, throttle
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.form_definition import Definition
from wagtail_agenda.models import Agenda, Booking, FormVersion, Hold, Occupation

pytestmark = pytest.mark.django_db

CHOOSE = "/agendas/book/"
PHONE = {
    "type": "phone",
    "clean_name": "phone",
    "label": "Telephone",
    "help_text": "",
    "required": True,
}
TYPED = {"user_name": "Ada Martin", "user_email": "ada@fairbridge.example", "phone": "123 456"}


class BrokenCache(LocMemCache):
    def add(self, *args, **kwargs):
        raise ConnectionError("no cache")


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def agenda():
    return make_appointments(contact="Call 01 23 45 67 89")[0]


def definition_of(agenda, **values):
    return Definition(**{"agenda_id": agenda.pk, "fields": (PHONE,), "language": "en", **values})


def text_of(response):
    return " ".join(re.sub("<[^>]+>", " ", html_module.unescape(response.content.decode())).split())


@dataclass
class Visitor:
    """Somebody with a browser that follows redirects, one step at a time."""

    client: Client
    agenda: Agenda
    definition: Definition | None = None
    clock: object = None
    address: str = ""

    def choose(self, slot=None, referer="http://testserver/passports/", **data):
        definition = self.definition or definition_of(self.agenda)
        posted = {"definition": form_definition.sign(definition, timezone.now()), **data}
        if slot is not None:
            posted["slot"] = getattr(slot, "key", slot)
        response = self.client.post(CHOOSE, posted, headers={"referer": referer})
        return self.follow(response)

    def follow(self, response):
        while response.status_code == 303:
            self.address = urlsplit(response["Location"]).path
            response = self.client.get(response["Location"])
        assert response.status_code != 302
        return response

    def post(self, step, **data):
        return self.follow(self.client.post(self.url(step), data))

    def get(self, step, **query):
        return self.follow(self.client.get(self.url(step), query))

    def url(self, step):
        base = re.match("/agendas/book/[^/]+/[^/]+/", self.address)[0]
        return base if step == "picker" else f"{base}{step}/"

    def confirm(self, response=None):
        response = response or self.get("summary")
        seen = re.search(r'name="seen" value="(\w+)"', response.content.decode())[1]
        return self.post("summary", seen=seen)

    def to_summary(self, slot=None, **answers):
        self.choose(slot or first_slot(self.agenda, now=timezone.now()))
        response = self.post("details", **{**TYPED, **answers})
        if self.clock:
            self.clock.tick(10)
        return response

    @property
    def step(self):
        last = self.address.rstrip("/").rpartition("/")[2]
        return last if last in {"details", "summary", "confirmed"} else "picker"


@pytest.fixture
def visitor(client, agenda, clock):
    return Visitor(client, agenda, clock=clock)


def another(visitor, **values):
    return replace(visitor, client=Client(REMOTE_ADDR="198.51.100.9"), **values)


def nothing_changed():
    return not Booking.objects.exists() and not Occupation.objects.exists()


# The whole road


def test_from_a_free_time_to_a_booking(visitor):
    slot = first_slot(visitor.agenda)
    response = visitor.choose(slot)
    assert visitor.step == "details"
    assert "Monday 30 November 2026, 09:00 to 09:30" in text_of(response)
    assert "Held for you until 07:10" in text_of(response)
    response = visitor.post("details", **TYPED)
    assert visitor.step == "summary"
    for said in TYPED.values():
        assert said in text_of(response)
    visitor.clock.tick(10)
    response = visitor.confirm(response)
    assert visitor.step == "confirmed"
    made = Booking.objects.get()
    assert (made.user_name, made.user_email) == (TYPED["user_name"], TYPED["user_email"])
    assert made.user_phone_number == "123 456"
    assert made.answers == {"phone": "123 456"}
    assert made.start == slot.start
    assert made.language == "en"
    assert made.site is not None
    assert made.form_version.digest == definition_of(visitor.agenda).digest
    assert made.reference in text_of(response)
    assert TYPED["user_email"] in text_of(response)
    manage = re.search('/agendas/manage/[^/"]+/', response.content.decode())[0]
    assert made.reference in text_of(visitor.client.get(manage))
    assert visitor.client.get(manage + "invitation.ics").content.startswith(b"BEGIN:VCALENDAR")


def test_by_way_of_the_appointment_type_and_the_month(visitor):
    make_meeting_type(visitor.agenda, label="Wedding", slug="wedding", duration=60)
    response = visitor.choose(more="1")
    assert "What do you need?" in text_of(response)
    response = visitor.get("picker", type="wedding", month="2027-01")
    assert "January 2027" in text_of(response)
    assert "Friday 1 January 2027, 3 free times" in response.content.decode()
    response = visitor.get("picker", type="wedding", day="2027-01-14")
    assert "Thursday 14 January 2027, 10:00 to 11:00 (Europe/Paris, UTC+01:00)" in text_of(response)
    visitor.post("picker", slot="wedding:2027-01-14-1000")
    assert visitor.step == "details"
    assert Hold.objects.get().start.isoformat() == "2027-01-14T09:00:00+00:00"


def test_a_type_chosen_in_the_block_needs_no_second_choice(visitor):
    make_meeting_type(visitor.agenda, label="Wedding", slug="wedding", duration=60)
    response = visitor.choose(type="wedding")
    assert "Choose a time" in text_of(response)
    assert 'value="wedding:2026-11-30-0900"' in response.content.decode()


def test_a_place_at_an_event(client, clock):
    event = make_event(places=2, label="Sourdough")
    full = make_event(event.agenda, places=1, label="Cheese", start=NOW + timedelta(days=40))
    make_booking(slot=availability.find(event.agenda, full.slug, now=NOW))
    visitor = Visitor(client, event.agenda, clock=clock)
    response = visitor.choose(more="1")
    assert "2 places left" in text_of(response)
    assert "Fully booked" in text_of(response)
    assert "January 2027" in text_of(response)
    visitor.post("picker", slot=event.slug)
    visitor.post("details", **TYPED)
    clock.tick(10)
    visitor.confirm()
    assert visitor.step == "confirmed"
    assert event.bookings.count() == 1


def test_the_pages_speak_the_language_of_the_form(visitor):
    visitor.definition = definition_of(visitor.agenda, language="fr")
    response = visitor.choose(first_slot(visitor.agenda))
    assert response["Content-Language"] == "fr"
    assert '<html lang="fr"' in response.content.decode()
    assert "30 novembre 2026" in text_of(response).lower()


def test_the_pages_stand_in_the_sites_own_frame(visitor, settings):
    settings.TEMPLATES = [
        {
            **settings.TEMPLATES[0],
            "APP_DIRS": False,
            "OPTIONS": {
                **settings.TEMPLATES[0]["OPTIONS"],
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {"host.html": "<nav>Town</nav>{% block content %}{% endblock %}"},
                    ),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ]
    settings.WAGTAIL_AGENDA = {"BASE_TEMPLATE": "host.html"}
    html = visitor.choose(first_slot(visitor.agenda)).content.decode()
    assert html.startswith("<nav>Town</nav>")
    assert "data-agenda-fragment" in html
    assert "<html" not in html


def test_no_page_is_cached_indexed_or_gives_its_address_away(visitor):
    responses = [visitor.to_summary(), visitor.get("picker"), visitor.get("details")]
    responses += [visitor.confirm(), visitor.client.get("/agendas/book/x/y/")]
    for response in responses:
        assert "no-store" in response["Cache-Control"]
        assert "noindex" in response["X-Robots-Tag"]
        assert response["Referrer-Policy"] == "same-origin"
        assert not re.search(r"\sstyle=|\son\w+=\"|<style|<script(?![^>]*src=)", response.text)


def test_going_back_to_where_they_came_from(visitor):
    visitor.to_summary()
    assert 'href="/passports/"' in visitor.confirm().text


@pytest.mark.parametrize(
    "referer",
    [
        "",
        "https://evil.example/passports/",
        "http://testserver//evil.example/",
        "http://testserver/\\evil.example",
        "javascript:alert(1)",
        "http://[broken",
        "http://testserver",
    ],
)
@pytest.mark.one_database
def test_no_link_leads_off_the_site(visitor, referer):
    visitor.choose(first_slot(visitor.agenda), referer=referer)
    assert Hold.objects.get().return_path == ""


# Changing one's mind


def test_changing_the_time_keeps_the_answers_and_moves_the_hold(visitor):
    visitor.to_summary()
    visitor.get("picker")
    visitor.post("picker", slot="passport:2026-12-03-1000")
    assert visitor.step == "summary"
    assert Hold.objects.count() == Occupation.objects.count() == 1
    visitor.confirm()
    assert Booking.objects.get().local_start.isoformat() == "2026-12-03T10:00:00+01:00"


def test_changing_the_details_shows_them_as_they_were(visitor):
    visitor.to_summary(user_name='Ada "Countess" <b>')
    html = visitor.get("details").text
    assert 'value="Ada &quot;Countess&quot; &lt;b&gt;"' in html
    assert "agenda-booking__error" not in html


def test_wrong_answers_are_kept_and_named(visitor):
    visitor.choose(first_slot(visitor.agenda))
    response = visitor.post("details", user_name="Ada", user_email="nonsense", phone="")
    assert visitor.step == "details"
    assert "Please correct 2 answers" in text_of(response)
    assert 'href="#agenda-user_email"' in response.text
    assert 'value="nonsense"' in response.text
    assert "Error:" in response.text[: response.text.index("</title>")]
    assert 'value="nonsense"' in visitor.get("details").text
    assert visitor.get("summary").status_code == 200
    assert visitor.step == "details"
    assert not Booking.objects.exists()


def test_choosing_nothing_asks_to_choose(visitor):
    visitor.choose(more="1")
    assert "Choose a time first." in text_of(visitor.post("picker"))


def test_the_steps_wait_for_a_chosen_time(visitor):
    visitor.choose(more="1")
    for step in ("details", "summary", "confirmed"):
        visitor.get(step)
        assert visitor.step == "picker"


# Losing the time


def test_a_lapsed_hold_leads_back_with_everything_typed(visitor, clock):
    visitor.to_summary()
    clock.tick(timedelta(minutes=10))
    response = visitor.get("summary")
    assert visitor.step == "picker"
    assert "held until 07:10" in text_of(response)
    assert "Everything you typed is kept." in text_of(response)
    assert "Nearest free times" in text_of(response)
    assert Hold.objects.get().answers == TYPED
    visitor.post("picker", slot="passport:2026-11-30-0900")
    assert visitor.step == "summary"


def test_what_is_typed_after_the_hold_has_lapsed_is_kept(visitor, clock):
    visitor.choose(first_slot(visitor.agenda))
    clock.tick(timedelta(minutes=11))
    visitor.post("details", **TYPED)
    assert visitor.step == "picker"
    assert Hold.objects.get().answers == TYPED


def test_a_lapsed_hold_books_if_the_time_is_still_free(visitor, clock):
    response = visitor.to_summary()
    clock.tick(timedelta(minutes=11))
    visitor.confirm(response)
    assert visitor.step == "confirmed"


def test_a_lapsed_hold_does_not_book_what_another_has_taken(visitor, clock):
    response = visitor.to_summary()
    clock.tick(timedelta(minutes=11))
    now = timezone.now()
    make_booking(slot=first_slot(visitor.agenda, now=now), now=now)
    response = visitor.confirm(response)
    assert visitor.step == "picker"
    assert "has just been taken" in text_of(response)
    assert "Monday 30 November 2026, 09:30 to 10:00" in text_of(response)
    assert Booking.objects.count() == 1
    assert Hold.objects.get().answers == TYPED


def test_a_time_that_is_gone_leads_to_the_nearest_ones(visitor):
    slot = availability.find(visitor.agenda, "passport:2026-12-03-1000", now=NOW)
    make_booking(visitor.agenda, slot=slot)
    response = visitor.choose(slot)
    assert visitor.step == "picker"
    assert "has just been taken" in text_of(response)
    assert "Thursday 3 December 2026, 09:30 to 10:00" in text_of(response)
    assert "Thursday 3 December 2026, 10:30 to 11:00" in text_of(response)
    assert not Occupation.objects.filter(hold__isnull=False).exists()


def test_the_last_place_is_gone(client, clock):
    event = make_event(places=1)
    later = make_event(event.agenda, label="Another", start=NOW + timedelta(days=3))
    visitor = Visitor(client, event.agenda, clock=clock)
    make_booking(event.agenda)
    response = visitor.choose(event.slug)
    assert "The last place has just been taken" in text_of(response)
    assert later.label in text_of(response)


@pytest.mark.parametrize(
    "key",
    [
        "passport:2026-11-30-0905",
        "passport:2026-11-29-0900",
        "passport:2027-11-30-0900",
        "passport:2026-02-30-0900",
        "passport:0001-01-01-0000",
        "passport:9999-12-31-2359",
        "passport:2026-11-30-9999",
        "passport:2026-11-30-0900~2",
        "passport:2026-12-05-0900",
        "unknown:2026-11-30-0900",
        "passport",
        "x" * 5000,
        "\x00",
        "../../etc",
        "<script>",
        "passport:2026-11-30-0900\n",
        "passport:٢٠٢٦-11-30-0900",
    ],
)
def test_a_time_that_is_not_offered(visitor, key):
    response = visitor.choose(key)
    assert response.status_code == 200
    assert visitor.step == "picker"
    assert "not offered" in text_of(response)
    assert nothing_changed()
    response = visitor.post("picker", slot=key)
    assert visitor.step == "picker"
    assert nothing_changed()


def test_a_time_of_another_agenda_or_type(visitor):
    other = make_appointments()[1]
    other.slug = "other"
    other.save()
    visitor.choose("other:2026-11-30-0900")
    assert nothing_changed()
    wedding = make_meeting_type(visitor.agenda, label="Wedding", slug="wedding")
    visitor.definition = definition_of(visitor.agenda, meeting_type_id=wedding.pk)
    response = visitor.choose("passport:2026-11-30-0900")
    assert "not offered" in text_of(response)
    assert nothing_changed()


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-13"},
        {"month": "x" * 3000},
        {"month": "0001-01"},
        {"month": "9999-12"},
        {"day": "2026-02-30"},
        {"day": "9999-12-31"},
        {"day": "\x00"},
        {"type": "\x00"},
        {"type": "unknown"},
        {"wanted": "passport:9999-12-31-2359", "notice": "taken"},
        {"wanted": "passport:0001-01-01-0000", "notice": "taken"},
        {"wanted": "\x00", "notice": "\x00<script>"},
        {"notice": "lapsed"},
    ],
)
def test_an_odd_address_shows_the_picker(visitor, query):
    visitor.choose(more="1")
    response = visitor.get("picker", **query)
    assert response.status_code == 200
    assert "<h1" in response.text
    assert "<script>" not in response.text


def test_the_picker_pages_within_the_booking_delays_only(visitor):
    visitor.choose(more="1")
    first = visitor.get("picker")
    assert "Earlier month" not in text_of(first)
    assert "Later month" in text_of(first)
    last = visitor.get("picker", month="2030-01")
    assert "January 2027" in text_of(last)
    assert "Later month" not in text_of(last)


def test_a_month_without_a_free_time_says_so(visitor):
    schedule = make_schedule(weekly(weekdays=("5",)))
    Agenda.objects.filter(pk=visitor.agenda.pk).update(schedule=schedule)
    visitor.choose(more="1")
    assert "no free time on Friday" in text_of(visitor.get("picker", day="2026-12-04"))
    assert "no free time in November" in text_of(visitor.get("picker", month="2026-11"))


def test_nothing_free_at_all_says_whom_to_turn_to(client):
    agenda = make_agenda(contact="Ask at the desk", schedule=None)
    make_desk(agenda)
    make_meeting_type(agenda)
    visitor = Visitor(client, agenda)
    assert "Ask at the desk" in text_of(visitor.choose(more="1"))
    visitor.definition = definition_of(agenda, texts={"fully_booked": "Try the annexe."})
    assert "Try the annexe." in text_of(visitor.choose(more="1"))


# Twice, in two windows, too late


def test_confirming_twice_is_one_booking(visitor):
    page = visitor.to_summary()
    visitor.confirm(page)
    first = visitor.address
    visitor.confirm(page)
    assert visitor.address == first
    assert Booking.objects.count() == 1


def test_old_steps_lead_to_the_booking_once_it_is_made(visitor):
    visitor.to_summary()
    visitor.confirm()
    for step in ("picker", "details", "summary"):
        visitor.get(step)
        assert visitor.step == "confirmed"
        visitor.post(step, slot="passport:2026-11-30-1000", **TYPED)
        assert visitor.step == "confirmed"
    assert Booking.objects.count() == 1


def test_nobody_confirms_what_another_window_changed(visitor):
    old_page = visitor.to_summary()
    visitor.post("picker", slot="passport:2026-12-03-1000")
    response = visitor.confirm(old_page)
    assert response.status_code == 409
    assert "changed in another window" in text_of(response)
    assert not Booking.objects.exists()
    visitor.confirm(response)
    assert Booking.objects.get().local_start.day == 3


def test_two_windows_do_not_disturb_each_other(visitor):
    second = replace(visitor)
    visitor.to_summary()
    second.choose("passport:2026-12-03-1000")
    second.post("details", **{**TYPED, "user_name": "Bob"})
    visitor.clock.tick(10)
    visitor.confirm()
    second.confirm()
    assert set(Booking.objects.values_list("user_name", flat=True)) == {"Ada Martin", "Bob"}


def test_the_session_may_end_anywhere(visitor):
    visitor.to_summary()
    visitor.client.cookies.clear()
    visitor.confirm()
    assert visitor.step == "confirmed"


def test_a_basket_that_was_deleted_gives_what_was_typed_a_new_one(visitor, clock):
    visitor.choose(first_slot(visitor.agenda))
    clock.tick(timedelta(hours=25))
    assert booking.purge_baskets(timezone.now())
    response = visitor.post("details", **TYPED)
    assert visitor.step == "picker"
    assert "Everything you typed is kept." in text_of(response)
    assert Hold.objects.get().answers == TYPED


def test_a_basket_of_yesterday_is_gone_even_if_nobody_swept_it(visitor, clock):
    visitor.to_summary()
    clock.tick(timedelta(hours=25))
    assert visitor.get("summary").status_code == 404
    assert visitor.get("picker").status_code == 404


@pytest.mark.parametrize("code", ["x", "A" * 22, "%00", "é", "A" * 300, "' OR 1=1 --"])
def test_a_guessed_address_is_a_clear_404(visitor, code):
    visitor.to_summary()
    version = FormVersion.objects.get()
    for digest in (version.digest, "0" * 64, "x", "%00"):
        for step in ("picker", "details", "summary", "confirmed"):
            url = reverse(f"wagtail_agenda:{step}", args=[digest, "CODE"])
            response = visitor.client.get(url.replace("CODE", code))
            assert response.status_code == 404
            assert "no longer waiting" in text_of(response)
            response = visitor.client.post(url.replace("CODE", code), {"slot": "x"})
            assert response.status_code == (405 if step == "confirmed" else 404)
    assert not Booking.objects.exists()


def test_a_basket_answers_to_its_own_form_only(visitor):
    visitor.to_summary()
    other = form_definition.keep(definition_of(visitor.agenda, fields=()))
    code = Hold.objects.get().lock_code
    url = reverse("wagtail_agenda:summary", args=[other.digest, code])
    assert visitor.client.get(url).status_code == 404


def test_get_and_head_change_nothing(visitor):
    visitor.to_summary()
    before = Hold.objects.values().get()
    for step in ("picker", "details", "summary", "confirmed"):
        visitor.client.get(visitor.url(step), {"slot": "passport:2026-12-03-1000", **TYPED})
        visitor.client.head(visitor.url(step))
    assert Hold.objects.values().get() == before
    assert not Booking.objects.exists()
    for method in ("get", "head", "put", "delete", "options", "patch"):
        assert getattr(visitor.client, method)(CHOOSE).status_code == 405
        assert getattr(visitor.client, method)(visitor.url("summary")).status_code in {200, 405}
    assert Hold.objects.count() == 1


# The agenda closes


def test_what_the_visitor_saw_stays_valid_though_the_block_is_gone(visitor, clock):
    signed = form_definition.sign(definition_of(visitor.agenda), NOW)
    clock.tick(timedelta(hours=23))
    slot = first_slot(visitor.agenda, now=timezone.now())
    response = visitor.client.post(CHOOSE, {"definition": signed, "slot": slot.key})
    assert response.status_code == 303


def test_a_closed_agenda_takes_nothing(visitor):
    visitor.to_summary()
    Agenda.objects.update(live=False)
    for response in (
        visitor.get("picker"),
        visitor.post("picker", slot="passport:2026-12-03-1000"),
        visitor.post("details", **TYPED),
        visitor.post("summary", seen="x"),
        another(visitor).choose("passport:2026-12-03-1000"),
    ):
        assert response.status_code == 409
        assert "Bookings are closed at the moment." in text_of(response)
    assert not Booking.objects.exists()
    assert Hold.objects.get().answers == TYPED
    visitor.post("details", **{**TYPED, "user_name": "Ada Lovelace"})
    assert Hold.objects.get().answers["user_name"] == "Ada Lovelace"
    Agenda.objects.update(live=True, expire_at=timezone.now())
    assert visitor.get("summary").status_code == 409


def test_a_booking_stays_to_be_seen_when_its_agenda_closes(visitor):
    visitor.to_summary()
    visitor.confirm()
    Agenda.objects.update(live=False)
    assert visitor.get("confirmed").status_code == 200


def test_an_agenda_that_was_deleted(client):
    agenda = make_agenda()
    visitor = Visitor(client, agenda, definition_of(agenda))
    Agenda.objects.filter(pk=agenda.pk).delete()
    response = visitor.choose(more="1")
    assert response.status_code == 409
    assert 'href="/passports/"' in response.text


def test_a_type_that_is_no_longer_offered(visitor):
    visitor.choose(more="1")
    visitor.agenda.meeting_types.update(retired=True)
    assert visitor.get("picker").status_code == 409
    visitor.post("picker", slot="passport:2026-12-03-1000")
    assert nothing_changed()


# Forged, damaged, hostile


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda signed: "", "damaged"),
        (lambda signed: signed[:-3], "damaged"),
        (lambda signed: signed + "é", "damaged"),
        (lambda signed: "\x00" * 50, "damaged"),
        (lambda signed: "x" * 20_000, "larger"),
    ],
)
def test_a_damaged_form_is_refused_in_words(visitor, damage, says):
    signed = damage(form_definition.sign(definition_of(visitor.agenda), NOW))
    response = visitor.client.post(
        CHOOSE,
        {"definition": signed, "slot": "passport:2026-12-03-1000"},
        headers={"referer": "http://testserver/passports/"},
    )
    assert response.status_code == 400
    assert says in text_of(response)
    assert 'href="/passports/"' in response.text
    assert not Hold.objects.exists()
    assert not FormVersion.objects.exists()


def test_an_outdated_form_is_refused(visitor, clock):
    signed = form_definition.sign(definition_of(visitor.agenda), NOW)
    clock.tick(timedelta(hours=26))
    response = visitor.client.post(CHOOSE, {"definition": signed, "more": "1"})
    assert response.status_code == 400
    assert "open for too long" in text_of(response)


def test_a_form_in_a_preview_takes_no_bookings(visitor):
    visitor.definition = definition_of(visitor.agenda, preview=True)
    assert "This is a preview" in text_of(visitor.choose(more="1"))
    visitor.definition = None
    response = visitor.choose(more="1", referer="http://testserver/admin/pages/3/edit/preview/")
    assert response.status_code == 400
    assert "This is a preview" in text_of(response)
    assert not Hold.objects.exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
        ({"origin": "http://testserver"}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[broken"}, 403),
    ],
)
@pytest.mark.one_database
def test_only_this_sites_own_pages_may_choose(visitor, headers, status):
    signed = form_definition.sign(definition_of(visitor.agenda), NOW)
    data = {"definition": signed, "more": "1"}
    assert Client().post(CHOOSE, data, headers=headers).status_code == status


def test_choosing_needs_no_csrf_token_and_the_rest_does(visitor):
    strict = replace(visitor, client=Client(enforce_csrf_checks=True))
    chosen = first_slot(visitor.agenda)
    strict.choose(chosen)
    assert strict.step == "details"
    response = strict.post("details", **TYPED)
    assert response.status_code == 403
    assert "open for too long" in text_of(response)
    assert 'value="Ada Martin"' in response.text
    assert Hold.objects.get().answers == {}
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.text)[1]
    response = strict.post("details", csrfmiddlewaretoken=token, **TYPED)
    assert strict.step == "summary"
    strict.clock.tick(10)
    seen = re.search(r'name="seen" value="(\w+)"', response.text)[1]
    response = strict.post("summary", seen=seen)
    assert response.status_code == 403
    assert not Booking.objects.exists()
    response = strict.post("picker", slot="passport:2026-12-03-1000")
    assert response.status_code == 403
    assert Hold.objects.get().start == chosen.start
    strict.get("summary")
    strict.post("summary", seen=seen, csrfmiddlewaretoken=token)
    assert strict.step == "confirmed"


def test_a_robot_that_fills_in_everything(visitor):
    response = visitor.choose(first_slot(visitor.agenda), homepage="http://spam.example")
    assert response.status_code == 400
    assert not Hold.objects.exists()
    visitor.choose(first_slot(visitor.agenda))
    response = visitor.post("details", homepage="x", **TYPED)
    assert visitor.step == "details"
    assert "Leave the field" in text_of(response)
    assert 'value="Ada Martin"' in response.text


def test_nobody_books_faster_than_anybody_reads(visitor, clock):
    visitor.choose(first_slot(visitor.agenda))
    page = visitor.post("details", **TYPED)
    response = visitor.confirm(page)
    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 3
    assert "quicker than anybody reads" in text_of(response)
    assert not Booking.objects.exists()
    clock.tick(3)
    visitor.confirm(response)
    assert visitor.step == "confirmed"


def test_one_address_makes_so_many_bookings_an_hour(visitor, settings):
    settings.WAGTAIL_AGENDA = {"BOOKINGS_PER_ADDRESS_PER_HOUR": 2}
    for number in range(2):
        visitor.to_summary(user_email=f"ada{number}@fairbridge.example")
        visitor.confirm()
        assert visitor.step == "confirmed"
    visitor.to_summary(user_email="ada9@fairbridge.example")
    response = visitor.confirm()
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "Nothing you typed is lost" in text_of(response)
    assert "ada9@fairbridge.example" in text_of(response)
    assert Booking.objects.count() == 2
    elsewhere = another(visitor)
    elsewhere.to_summary(user_email="ada9@fairbridge.example")
    elsewhere.confirm()
    assert elsewhere.step == "confirmed"


def test_one_e_mail_address_is_given_so_many_bookings_a_day(visitor, settings):
    settings.WAGTAIL_AGENDA = {"BOOKINGS_PER_EMAIL_PER_DAY": 1}
    visitor.to_summary(user_email="ada@fairbridge.example")
    visitor.confirm()
    other = another(visitor)
    other.to_summary(user_email="ADA+2@fairbridge.example")
    response = other.confirm()
    assert response.status_code == 429
    assert "hours" in text_of(response)
    assert Booking.objects.count() == 1


def test_a_booking_that_did_not_come_about_is_not_counted(visitor, settings, clock):
    settings.WAGTAIL_AGENDA = {"BOOKINGS_PER_EMAIL_PER_DAY": 1}
    page = visitor.to_summary()
    clock.tick(timedelta(minutes=11))
    now = timezone.now()
    make_booking(slot=first_slot(visitor.agenda, now=now), now=now)
    visitor.confirm(page)
    assert visitor.step == "picker"
    visitor.post("picker", slot="passport:2026-12-03-1000")
    visitor.confirm()
    assert visitor.step == "confirmed"


def test_limits_that_cannot_be_counted_let_nobody_book(visitor, settings):
    page = visitor.to_summary()
    settings.CACHES = {
        **settings.CACHES,
        "broken": {"BACKEND": "tests.test_views_visitor.BrokenCache"},
    }
    settings.WAGTAIL_AGENDA = {"CACHE": "broken"}
    response = visitor.confirm(page)
    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    assert "Nothing you typed is lost" in text_of(response)
    assert not Booking.objects.exists()
    response = another(visitor).choose("passport:2026-12-03-1000")
    assert response.status_code == 503
    assert 'href="/passports/"' in response.text


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_many_times_at_once_books_and_counts_once(visitor, settings, simultaneously):
    settings.WAGTAIL_AGENDA = {"FORM_MINIMUM_SECONDS": 0, "BOOKINGS_PER_EMAIL_PER_DAY": 6}
    page = visitor.to_summary()
    seen = re.search(r'name="seen" value="(\w+)"', page.text)[1]
    address = visitor.url("summary")
    # No two requests come at the same microsecond.
    with freeze_time(timezone.now(), auto_tick_seconds=0.01):
        answers = simultaneously(
            lambda _number: Client().post(address, {"seen": seen}).status_code, range(6)
        )
    assert answers == [303] * 6
    assert Booking.objects.count() == 1
    limits = throttle.booking_limits(RequestFactory().get("/"), TYPED["user_email"])
    assert caches["default"].get(limits[1].cache_key(NOW)) == 1


@pytest.mark.django_db(transaction=True)
def test_nobody_hoards_times_by_being_quick(agenda, settings, simultaneously):
    settings.WAGTAIL_AGENDA = {"HOLDS_PER_ADDRESS": 3, "HOLDS_PER_SESSION": 0}
    signed = form_definition.sign(definition_of(agenda), NOW)
    slots = availability.next_free(agenda, now=NOW, limit=12)
    answers = simultaneously(
        lambda slot: Client().post(CHOOSE, {"definition": signed, "slot": slot.key}).status_code,
        slots,
    )
    assert set(answers) <= {303, 429}
    assert Occupation.objects.filter(lapses_at__gt=NOW).count() <= 3


def test_one_address_begins_so_often_an_hour(visitor, settings):
    settings.WAGTAIL_AGENDA = {"HOLDS_PER_ADDRESS_PER_HOUR": 2}
    visitor.choose(more="1")
    visitor.choose(more="1")
    response = visitor.choose(more="1")
    assert response.status_code == 429
    assert response["Retry-After"]
    assert 'href="/passports/"' in response.text
    assert Hold.objects.count() == 2


def test_nobody_keeps_a_time_for_ever_by_choosing_it_again(visitor, settings, clock):
    settings.WAGTAIL_AGENDA = {"HOLDS_PER_ADDRESS_PER_HOUR": 3}
    slot = first_slot(visitor.agenda)
    visitor.choose(slot)
    for _time in range(2):
        clock.tick(timedelta(minutes=9))
        visitor.post("picker", slot=slot.key)
        assert visitor.step == "details"
    lapses_at = Hold.objects.get().lapses_at
    clock.tick(timedelta(minutes=9))
    response = visitor.post("picker", slot=slot.key)
    assert response.status_code == 429
    assert response["Retry-After"]
    assert f'href="{visitor.url("picker")}"' in response.text
    assert Hold.objects.get().lapses_at == lapses_at


@pytest.mark.parametrize("setting", ["HOLDS_PER_SESSION", "HOLDS_PER_ADDRESS"])
def test_nobody_hoards_times(visitor, settings, setting):
    settings.WAGTAIL_AGENDA = {setting: 2}
    visitor.choose("passport:2026-12-03-0900")
    visitor.choose("passport:2026-12-03-0930")
    response = visitor.choose("passport:2026-12-03-1000")
    assert response.status_code == 429
    assert "holding several times" in text_of(response)
    assert Occupation.objects.count() == 2
    elsewhere = another(visitor)
    elsewhere.choose("passport:2026-12-03-1000")
    assert elsewhere.step == "details"


def test_an_overloaded_database_is_a_polite_503(visitor, monkeypatch):
    page = visitor.to_summary()

    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(booking, "hold_together", overloaded)
    monkeypatch.setattr(booking, "confirm_all", overloaded)
    for response in (
        visitor.confirm(page),
        visitor.post("picker", slot="passport:2026-12-03-1000"),
        another(visitor).choose("passport:2026-12-03-1000"),
    ):
        assert response.status_code == 503
        assert response["Retry-After"] == "5"
        assert "try again" in text_of(response)
    assert not Booking.objects.exists()
    assert Hold.objects.get().answers == TYPED


def test_a_request_larger_than_any_form(visitor):
    visitor.to_summary()
    response = visitor.post("details", **{**TYPED, "user_name": "x" * 300_000})
    assert response.status_code == 413
    assert Hold.objects.get().answers == TYPED
    assert visitor.client.post(CHOOSE, {"definition": "x" * 300_000}).status_code == 413
    # More than Django reads at all, which the check of the CSRF token would do first.
    strict = Client(enforce_csrf_checks=True)
    response = strict.post(visitor.url("details"), {"user_name": "x" * 3_000_000})
    assert response.status_code == 413
    assert "More text arrived" in text_of(response)


def test_reports_to_the_admins_say_nothing_that_was_typed(
    visitor, monkeypatch, settings, mailoutbox
):
    settings.ADMINS = [("Ops", "ops@fairbridge.example")]
    page = visitor.to_summary()

    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(booking, "keep_answers", overloaded)
    assert visitor.post("details", **TYPED).status_code == 503
    assert visitor.confirm(page).status_code == 200
    (report,) = mailoutbox
    assert "503" in report.subject or "Service Unavailable" in report.subject
    for said in TYPED.values():
        assert said not in report.body


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"definition": 1}', "application/json"),
        (b"", "multipart/form-data"),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"a=%ED%A0%80&definition=%00", "application/x-www-form-urlencoded"),
        (
            b"".join(
                b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n\\ud800\r\n' % name
                for name in (b"definition", b"slot", b"type", b"user_name", b"phone", b"seen")
            )
            + b"--x--\r\n",
            "multipart/form-data; boundary=x; charset=raw_unicode_escape",
        ),
    ],
)
def test_a_request_that_no_browser_sends(visitor, body, content_type):
    visitor.to_summary()
    for url in (CHOOSE, visitor.url("details"), visitor.url("summary"), visitor.url("picker")):
        response = visitor.client.post(url, body, content_type=content_type)
        assert response.status_code < 500
    assert not Booking.objects.exists()


BAD_TEXTS = [
    "",
    "   ",
    "x" * 10_000,
    "a\x00b",
    "a\r\nBcc: x@y.z",
    "\u202egpj.exe",
    "\u200b",
    "🙂👩‍👧‍👦",
    "e\u0301",
    "\ud800",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "{{7*7}}",
    "{a.b}",
    "%s",
    "' OR 1=1 --",
    "NaN",
    "-1e999",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
]


@pytest.mark.parametrize("text", BAD_TEXTS)
@pytest.mark.parametrize("field", ["user_name", "user_email", "phone"])
def test_any_text_in_any_field(visitor, text, field):
    visitor.choose(first_slot(visitor.agenda))
    sent = text.encode("utf-8", "replace").decode()
    response = visitor.post("details", **{**TYPED, field: sent})
    assert response.status_code == 200
    assert "<script>alert" not in response.text
    if visitor.step == "details":
        assert f'href="#agenda-{field}"' in response.text
    else:
        visitor.clock.tick(10)
        assert visitor.confirm(response).status_code == 200
        made = Booking.objects.get()
        assert not set("\r\n\x00") & set(made.user_name + made.user_email + made.user_phone_number)
        assert "<script>alert" not in visitor.get("confirmed").text


def test_the_confirmation_of_a_cancelled_booking_says_so(visitor):
    visitor.to_summary()
    visitor.confirm()
    booking.cancel(Booking.objects.get(), actor="visitor", now=timezone.now())
    assert "has been cancelled" in text_of(visitor.get("confirmed"))


def test_whom_a_hold_belongs_to_is_kept_as_digests(visitor):
    visitor.choose(first_slot(visitor.agenda))
    held = Hold.objects.get()
    assert len(held.visitor_key) == len(held.address_key) == 64
    assert "127.0.0.1" not in held.address_key


def test_the_picker_takes_few_queries(visitor, django_assert_max_num_queries):
    for _number in range(4):
        make_desk(visitor.agenda)
    visitor.choose(more="1")
    url = visitor.url("picker")
    with django_assert_max_num_queries(20):
        visitor.client.get(url)


def test_steps_stay_out_of_the_hosts_transactions():
    from wagtail_agenda import urls
    from wagtail_agenda.api.urls import OPEN

    visitors = [known for known in urls.urlpatterns if isinstance(known, URLPattern)]
    calls = [known for known in urls.calls if known.name not in OPEN]
    assert visitors
    assert calls
    for pattern in [*visitors, *calls]:
        assert pattern.callback._non_atomic_requests == {"default"}


def test_notices_in_the_address_are_no_open_text(visitor):
    visitor.choose(more="1")
    assert "0900" not in text_of(visitor.get("picker", notice="Call 0900 123"))
