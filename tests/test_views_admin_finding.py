"""Finding somebody by what they say at the desk."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from tests import factories
from tests.agents import make_administrator, make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import booking
from wagtail_agenda.choices import Actor
from wagtail_agenda.models import Booking
from wagtail_agenda.views.admin import search
from wagtail_agenda.views.admin.finding import cleaned, matching

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


@pytest.fixture
def agenda():
    return factories.make_appointments(desks=2, label="Passports")[0]


def make(agenda, name="Ada Martin", **fields):
    """A booking as it stands in the table, whatever the forms would make of it."""
    made = factories.make_booking(agenda, user_email="")
    Booking.objects.filter(pk=made.pk).update(user_name=name, **fields)
    made.refresh_from_db()
    return made


def found(query):
    return list(matching(Booking.objects.all(), cleaned(query)).order_by("pk"))


# Telephone numbers


NATIONAL = ["0612345678", "06 12 34 56 78", "06.12.34.56.78", "06-12-34-56-78", "06 12 34 56 78"]
INTERNATIONAL = ["+33612345678", "+33 6 12 34 56 78", "+33 (0)6 12 34 56 78", "0033 6 12 34 56 78"]


@pytest.mark.parametrize("stored", NATIONAL + INTERNATIONAL)
def test_a_number_is_found_in_any_spelling(agenda, stored):
    made = make(agenda, user_phone_number=stored)
    make(agenda, user_phone_number="07 98 76 54 32")
    make(agenda, user_phone_number="")

    for asked in (*NATIONAL, *INTERNATIONAL, "06 12", "06 12 34", "612345678"):
        assert found(asked) == [made], asked


def test_the_end_of_a_number_is_enough(agenda):
    made = make(agenda, user_phone_number="+33 6 12 34 56 78")

    assert found("56 78") == [made]
    assert found("5678 9") == []


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("+1 202 555 0182", "(202) 555-0182"),
        ("(202) 555-0182", "+1 202 555 0182"),
        ("+352 621 123 456", "621 123 456"),
        ("621 123 456", "+352 621 123 456"),
        ("0171 2345678", "+49 171 2345678"),
    ],
)
def test_countries_with_long_and_short_codes_with_and_without_a_leading_zero(agenda, stored, asked):
    made = make(agenda, user_phone_number=stored)

    assert found(asked) == [made]


def test_two_digits_say_too_little_to_be_a_number(agenda):
    make(agenda, user_phone_number="06 12 34 56 78")

    assert found("12") == []


# Words


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Benoît Lefèvre", "lefevre"),
        ("Benoît Lefèvre", "LEFÈVRE"),
        ("Benoit Lefevre", "benoît lefèvre"),
        ("Élodie Çelik", "elodie celik"),
        ("Élodie Çelik", "éLODIE"),
        ("Søren Łukasz", "soren lukasz"),
        ("Jürgen Groß", "gross jurgen"),
        ("Cœur de Lion", "coeur"),
        ("Coeur de Lion", "cœur"),
        ("Jean-Pierre O’Neill", "jean-pierre o'neill"),
        ("Иван Чайковский", "чайковскии"),
        ("Иван Чайковский", "ИВАН"),
        ("Ελένη", "ελενη"),
        ("Nguyễn Văn An", "nguyen van"),
        ("김민수", "민수"),
        ("Ada Martin", "martin ada"),
        ("Ada Martin", "art"),
    ],
)
def test_names_are_found_without_accents_and_capitals_in_any_order(agenda, name, asked):
    made = make(agenda, name)
    make(agenda, "Somebody Else")

    assert found(asked) == [made]


def test_by_address_number_and_label(agenda):
    made = make(agenda, user_email="Ada.Martin+desk@Fairbridge.example", label="Passport")
    other = make(agenda, "Other", user_email="other@fairbridge.example")

    assert found("ada.martin+desk@fairbridge") == [made]
    assert found("fairbridge.example") == [made, other]
    for asked in (
        made.reference,
        made.reference.lower(),
        made.reference.replace("-", ""),
        made.reference.replace("-", " "),
        made.reference[:4],
    ):
        assert made in found(asked), asked
    assert found(f"{made.reference} other") == []
    assert found("passport martin") == [made]


def test_every_word_counts_also_beside_a_number(agenda):
    made = make(agenda, "Ada Martin", user_phone_number="06 12 34 56 78")
    make(agenda, "Ada Roux", user_phone_number="06 12 99 99 99")

    assert found("martin 06 12") == [made]
    assert found("0612 34 martin ada") == [made]
    assert found("martin 06 99") == []


SPECIAL = [
    *("%", "_", "a%n", "Ad_", ".*", "^A", "A$", "[a-z]", "(", ")", "(?i)", "***:", "a|b", "{2}"),
    *("\\", "\\d", "*", "+", "?", "[", "]", "'", '"', "--", ";", "{{x}}", "\0", "%00", "\ud800"),
    *("☎", "🦆", "a" * 5000, "( " * 300, "١٢٣", "²³¹", "+()", "00"),
]


@pytest.mark.parametrize("odd", SPECIAL)
def test_odd_input_is_looked_for_as_it_stands(client, agenda, odd):
    make(agenda, "Ada Martin", user_phone_number="0612345678", user_email="")
    client.force_login(make_administrator())

    response = client.get(url("search"), {"q": odd.encode("utf-8", "surrogatepass")})

    assert response.status_code == 200
    assert response.context["results"] == []


def test_signs_of_the_pattern_languages_are_found_themselves(agenda):
    made = make(agenda, r"100% [sure] ^_^ a\b (c) {d} $e *f* x|y q? 1+1 ~ # & -")

    for asked in made.user_name.split():
        assert found(asked) == [made], asked


# The page


def results(client, query, *args, **more):
    name = "agenda_search" if args else "search"
    response = client.get(url(name, *args), {"q": query, **more})
    assert response.status_code == 200
    return [result.line.booking for result in response.context["results"]]


def test_one_searches_ones_own_agendas_all_or_one(client, agenda):
    second = factories.make_appointments(label="Second")[0]
    foreign = factories.make_appointments(label="Foreign")[0]
    mine, also_mine, not_mine = (make(one, "Ada Martin") for one in (agenda, second, foreign))
    client.force_login(make_staff(agenda, second))

    assert set(results(client, "martin")) == {mine, also_mine}
    assert results(client, "martin", agenda.slug) == [mine]
    assert client.get(url("agenda_search", foreign.slug), {"q": "martin"}).status_code == 404
    assert not_mine.reference not in client.get(url("search"), {"q": "martin"}).content.decode()


def test_a_result_says_when_what_and_how_it_stands_and_leads_there(client, agenda):
    made = make(agenda, "Ada Martin", user_phone_number="06 12 34 56 78")
    booking.cancel(made, actor=Actor.AGENT, now=NOW)
    client.force_login(make_staff(agenda))

    page = " ".join(client.get(url("search"), {"q": "martin"}).content.decode().split())

    for said in ("Mon Nov. 30, 2026", "09:00–09:30", "Ada Martin", "Passports", "06 12 34 56 78",
                 made.reference, "Cancelled", "1 booking found."):  # fmt: skip
        assert said in page, said
    assert f'href="{url("booking", made.pk)}"' in page
    day = url("day", agenda.slug, "2026-11-30")
    assert f'href="{day}?status=all#booking-{made.pk}"' in page
    assert f'id="booking-{made.pk}"' in client.get(f"{day}?status=all").content.decode()


def test_a_result_stands_on_the_day_of_its_own_agenda(client):
    """Nine in the morning in Auckland is the evening before in Paris."""
    far = factories.make_appointments(timezone="Pacific/Auckland")[0]
    make(far, "Ada Martin")
    client.force_login(make_staff(far))

    page = client.get(url("search"), {"q": "martin"}).content.decode()

    assert "Tue Dec. 1, 2026" in page


def test_what_is_to_come_stands_first_and_the_latest_past_after_it(client, agenda):
    made = [make(agenda, "Ada") for _number in range(6)]
    client.force_login(make_staff(agenda))
    starts = [one.start for one in made]
    assert starts == sorted(starts)

    with freeze_time(made[3].start):
        order = results(client, "ada")

    still = {one.pk for one in made if one.end > made[3].start}
    coming = [one for one in made if one.pk in still]
    past = sorted(
        (one for one in made if one.pk not in still),
        key=lambda one: (-one.start.timestamp(), one.pk),
    )
    assert order == coming + past
    assert coming
    assert past


def test_many_results_come_in_pages_and_not_without_end(client, agenda, monkeypatch):
    monkeypatch.setattr(search, "RESULTS_A_PAGE", 2)
    monkeypatch.setattr(search, "MOST_RESULTS", 4)
    for _number in range(6):
        make(agenda, "Ada")
    client.force_login(make_staff(agenda))

    assert len(results(client, "ada")) == 2
    response = client.get(url("search"), {"q": "ada"})
    assert "More than 4 bookings" in response.content.decode()
    assert response.context["page_urls"]["next"] == f"{url('search')}?q=ada&p=2"
    assert response.context["page"].paginator.num_pages == 3
    for odd in ("0", "-1", "999", "x", "\0"):
        assert len(results(client, "ada", p=odd)) <= 2


def test_an_empty_search_explains_itself(client, agenda):
    make(agenda)
    client.force_login(make_staff(agenda))

    for query in ("", "   ", "\0"):
        response = client.get(url("search"), {"q": query})
        assert response.context["results"] == []
        assert "a telephone number in any spelling" in response.content.decode()


def test_searching_one_agenda_leads_to_all(client, agenda):
    client.force_login(make_staff(agenda))

    page = client.get(url("agenda_search", agenda.slug), {"q": "a&b"}).content.decode()

    assert f'href="{url("search")}?q=a%26b"' in page


def test_the_search_box_stands_where_one_looks(client, agenda):
    client.force_login(make_staff(agenda))

    assert f'action="{url("search")}"' in client.get(url("agenda")).content.decode()
    for scale in ("day", "week", "month", "list"):
        page = client.get(url(scale, agenda.slug, "2026-11-30")).content.decode()
        assert f'action="{url("agenda_search", agenda.slug)}"' in page


def test_a_search_takes_the_same_few_queries_whatever_it_finds(client, agenda):
    client.force_login(make_staff(agenda))
    make(agenda, "Ada")
    address = url("search") + "?q=ada"
    few = queries_of(client, address)
    for _number in range(15):
        make(agenda, "Ada", start=NOW + timedelta(days=1), end=NOW + timedelta(days=2))

    assert len(queries_of(client, address)) == len(few) <= 6
