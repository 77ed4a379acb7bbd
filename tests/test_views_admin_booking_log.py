"""The booking log: searched, filtered, sorted, exported, and never beyond one's own agendas."""

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_administrator, make_staff, queries_of
from tests.factories import NOW
from wagtail_agenda import attendance, booking
from wagtail_agenda.choices import Actor, Attendance, DeliveryState, Role
from wagtail_agenda.models import AgendaGrant, Booking, Delivery, WorkflowStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

INDEX = "wagtail_agenda_booking_modeladmin_index"
INSPECT = "wagtail_agenda_booking_modeladmin_inspect"


@pytest.fixture
def made():
    return factories.make_booking(
        user_name="Ada Martin", user_phone_number="0123456", user_email="ada@fairbridge.example"
    )


@pytest.fixture
def agent(client, made):
    user = make_staff(made.agenda)
    client.force_login(user)
    return user


def listed(client, query=""):
    response = client.get(reverse(INDEX) + query)
    assert response.status_code == 200
    return [one.pk for one in response.context["object_list"]]


def test_the_log_lists_the_bookings_of_ones_own_agendas(client, agent, made):
    foreign = factories.make_booking(user_name="Somebody Else")

    response = client.get(reverse(INDEX))

    page = response.content.decode()
    assert listed(client) == [made.pk]
    assert foreign.user_name not in page
    assert foreign.agenda.label not in page
    assert made.reference in page
    assert "11/30/2026, 09:00" in page
    assert reverse("wagtail_agenda_admin:booking", args=[made.pk]) in page


def test_who_may_look(client, made):
    login = reverse("wagtailadmin_login")
    assert client.get(reverse(INDEX))["Location"].startswith(login)
    assert client.get(reverse(INSPECT, args=[made.pk]))["Location"].startswith(login)

    client.force_login(make_staff())
    assert client.get(reverse(INDEX))["Location"] == reverse("wagtailadmin_home")

    client.force_login(make_staff(factories.make_agenda()))
    assert listed(client) == []

    for user in (make_staff(made.agenda, role="editor"), make_administrator()):
        client.force_login(user)
        assert listed(client) == [made.pk]


def test_inspecting_leads_to_the_bookings_own_page_for_those_who_may_see_it(client, agent, made):
    foreign = factories.make_booking()

    response = client.get(reverse(INSPECT, args=[made.pk]), follow=True)

    assert response.redirect_chain == [
        (reverse("wagtail_agenda_admin:booking", args=[made.pk]), 302)
    ]
    page = response.content.decode()
    for part in (made.reference, "ada@fairbridge.example", "Mails", "What happened", "Booked"):
        assert part in page
    assert client.get(reverse(INSPECT, args=[foreign.pk])).status_code == 404
    for nonsense in ("nonsense", "\u0663" * 2, "\u00b2", "9" * 30):
        assert client.get(reverse(INSPECT, args=[nonsense])).status_code == 404


def test_nothing_is_made_changed_or_deleted_there(client, made):
    client.force_login(make_administrator())

    for path in ("create/", f"edit/{made.pk}/", f"delete/{made.pk}/", f"history/{made.pk}/"):
        address = reverse(INDEX) + path
        assert client.get(address).status_code == 404
        assert client.post(address).status_code == 404
    assert Booking.objects.filter(pk=made.pk).exists()


@pytest.mark.parametrize("word", ["reference", "Ada", "martin", "fairbridge", "0123456", "%00Ada"])
def test_it_can_be_searched_by_number_name_address_and_telephone(client, agent, made, word):
    factories.make_booking(
        made.agenda, user_name="Bob", user_email="bob@elsewhere.example", user_phone_number="9"
    )
    word = made.reference if word == "reference" else word

    assert listed(client, f"?q={word}") == [made.pk]


def test_it_can_be_filtered(client, agent, made):
    other = factories.make_booking(made.agenda, actor=Actor.AGENT)
    attendance.check_in(made, Attendance.PRESENT, now=NOW)
    booking.cancel(other, actor=Actor.AGENT, now=NOW)
    other.refresh_from_db()
    cancelled = other.status
    Delivery.objects.filter(booking=made).update(state=DeliveryState.FAILED)

    assert listed(client, f"?status={cancelled.pk}") == [other.pk]
    assert listed(client, "?admission=cancelled") == [other.pk]
    assert listed(client, "?admission=confirmed") == [made.pk]
    assert listed(client, "?attendance=present") == [made.pk]
    assert listed(client, "?attendance=open") == [other.pk]
    assert listed(client, "?made_by=agent") == [other.pk]
    assert listed(client, "?made_by=visitor") == [made.pk]
    assert listed(client, "?mails=failed") == [made.pk]
    assert set(listed(client, f"?agenda={made.agenda.slug}")) == {made.pk, other.pk}
    assert listed(client, "?attendance=present&made_by=agent") == []


def test_it_can_be_narrowed_to_days(client, agent, made):
    later = factories.make_booking(made.agenda, now=NOW + timedelta(days=1))

    assert listed(client, "?until=2026-11-29") == []
    assert listed(client, "?since=2026-11-30&until=2026-11-30") == [made.pk]
    assert listed(client, "?since=2026-12-01") == [later.pk]
    assert listed(client, "?until=2026-11-30") == [made.pk]


def test_a_day_is_as_long_as_it_is_on_the_clocks_of_the_agenda(client, made):
    """Nine in the morning in Auckland is the evening before in Paris."""
    far = factories.make_appointments(timezone="Pacific/Auckland")[0]
    abroad = factories.make_booking(far, now=NOW)
    client.force_login(make_staff(made.agenda, far))
    assert f"{abroad.local_start:%Y-%m-%d %H:%M}" == "2026-12-01 09:00"

    assert listed(client, "?since=2026-12-01") == [abroad.pk]
    assert listed(client, "?until=2026-11-30") == [made.pk]


def test_the_shortcuts_lead_to_days(client, agent, made):
    response = client.get(reverse(INDEX) + "?made_by=visitor")

    labels = [label for label, _address in response.context["shortcuts"]]
    assert labels == ["Today", "The next 7 days", "The last 7 days"]
    for _label, address in response.context["shortcuts"]:
        assert "made_by=visitor" in address
        assert listed(client, address) == [made.pk]


def test_what_a_filter_does_not_understand_is_said_at_its_field(client, agent, made):
    for query, said in (
        ("since=yesterday", "Enter a valid date."),
        ("since=1066-10-14", "Choose a date between 1970 and 2999."),
        ("since=2026-12-02&until=2026-12-01", "This day is before the first one."),
        ("status=garbage", "garbage is not one of the available choices."),
    ):
        page = client.get(f"{reverse(INDEX)}?{query}").content.decode()
        assert said in page, query
        assert 'name="format"' not in page


def test_a_filter_cannot_reach_into_the_agendas_of_others(client, agent, made):
    foreign = factories.make_booking()

    assert foreign.pk not in listed(client, f"?agenda={foreign.agenda.slug}")
    assert foreign.pk not in listed(client, f"?q={foreign.reference}")
    assert foreign.pk not in listed(client, f"?status={foreign.status_id}")


def test_it_can_be_sorted_by_its_columns(client, agent, made):
    factories.make_booking(made.agenda, user_name="Zoe")
    last = factories.make_booking(made.agenda, user_name="Bea", now=NOW + timedelta(days=1))

    assert listed(client)[0] == last.pk
    assert listed(client, "?o=1")[0] == made.pk
    assert listed(client, "?o=-1")[0] == last.pk
    assert listed(client, "?o=3")[:2] == [made.pk, last.pk]


def test_searching_and_sorting_are_kept_from_page_to_page(client, agent, made, monkeypatch):
    monkeypatch.setattr(client.get(reverse(INDEX)).context["view"].model_admin, "list_per_page", 1)
    other = factories.make_booking(made.agenda, user_name="Ada Martin")

    response = client.get(f"{reverse(INDEX)}?q=martin&o=1")
    following = response.context["page_urls"]["next"]

    assert [one.pk for one in response.context["object_list"]] == [made.pk]
    response = client.get(following)
    assert [one.pk for one in response.context["object_list"]] == [other.pk]
    assert response.context["filters"]["q"].value() == "martin"
    assert response.context["page_urls"]["next"] == ""


@pytest.mark.parametrize(
    "query",
    [
        "token_digest__startswith=0",
        "agenda__grants__group__user__password__startswith=x",
        "no_such_column=1",
        "start__gte=garbage",
        "agenda=garbage",
        "status=garbage",
        "attendance=%00",
        "when=never",
        "admission=garbage",
        "made_by=garbage",
        "mails=garbage",
        "since=garbage",
        "since=9999-99-99",
        "until=%00",
        "until=99999-01-01",
        "event__slug=x",
        "deliveries__letter__icontains=x",
        "agenda=a&agenda=b",
        "o=99",
        "o=-1.x",
        "p=0",
        "p=-5",
        "p=999",
        "p=garbage",
        "q=%00",
        "export=csv",
        "export=xlsx",
        "format=csv",
    ],
)
def test_no_address_breaks_the_log_or_looks_up_what_it_does_not_show(client, agent, made, query):
    response = client.get(f"{reverse(INDEX)}?{query}")

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/html")
    assert [one.pk for one in response.context["object_list"]] == [made.pk]


def test_hostile_text_is_shown_as_text(client, agent, made):
    payload = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    Booking.objects.filter(pk=made.pk).update(label=payload, user_name=payload)
    made.agenda.label = payload
    made.agenda.save()
    WorkflowStatus.objects.update(label=payload)

    for address in (reverse(INDEX), f"{reverse(INDEX)}?q={payload}"):
        html = client.get(address).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_the_number_of_queries_does_not_grow_with_the_bookings(client, agent, made):
    few = queries_of(client, reverse(INDEX))
    for _number in range(5):
        factories.make_booking(made.agenda)
    many = queries_of(client, reverse(INDEX))

    assert len(many) == len(few)
    assert len(many) <= 12, "\n".join(many)


# Exports


@pytest.fixture
def editor(client, made):
    user = make_staff(made.agenda, role=Role.EDITOR)
    client.force_login(user)
    return user


def export(client, query="", kind="csv"):
    response = client.post(reverse(INDEX) + query, {"format": kind})
    assert response.status_code == 200
    return response


def exported(client, query=""):
    """The numbers of the bookings in the file."""
    content = b"".join(export(client, query).streaming_content).decode("utf-8-sig")
    return [row["Number"] for row in csv.DictReader(io.StringIO(content))]


def test_what_is_listed_is_exported_in_the_same_order(client, editor, made):
    other = factories.make_booking(made.agenda, user_name="Bob Roux")
    later = factories.make_booking(
        made.agenda, user_name="Ada Roux", now=NOW + timedelta(days=1), actor=Actor.AGENT
    )

    assert exported(client) == [later.reference, other.reference, made.reference]
    for query in (
        "?q=roux",
        "?q=roux&o=1",
        "?since=2026-12-01",
        "?made_by=visitor&o=-3",
        "?attendance=open&p=7",
    ):
        expected = Booking.objects.in_bulk(listed(client, query))
        assert exported(client, query) == [
            expected[pk].reference for pk in listed(client, query)
        ], query


def test_all_pages_are_exported(client, editor, made, monkeypatch):
    monkeypatch.setattr(client.get(reverse(INDEX)).context["view"].model_admin, "list_per_page", 1)
    factories.make_booking(made.agenda)

    assert len(listed(client)) == 1
    assert len(exported(client)) == 2


def test_it_comes_as_a_file_with_a_name(client, editor, made):
    response = export(client, kind="csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="bookings-2026-11-30.csv"'

    response = export(client, kind="xlsx")
    assert response["Content-Disposition"] == 'attachment; filename="bookings-2026-11-30.xlsx"'
    sheet = load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    assert [row[0].value for row in sheet.rows] == ["Number", made.reference]


def test_agents_look_and_editors_export(client, made):
    client.force_login(make_staff(made.agenda))
    assert 'name="format"' not in client.get(reverse(INDEX)).content.decode()
    assert client.post(reverse(INDEX), {"format": "csv"})["Location"] == reverse(
        "wagtailadmin_home"
    )
    assert not ModelLogEntry.objects.exists()

    for user in (make_staff(made.agenda, role=Role.EDITOR), make_administrator()):
        client.force_login(user)
        assert 'name="format"' in client.get(reverse(INDEX)).content.decode()
        assert exported(client) == [made.reference]


def test_nobody_exports_what_they_may_only_look_at(client, made):
    seen = factories.make_booking()
    unseen = factories.make_booking()
    user = make_staff(made.agenda, role=Role.EDITOR)
    AgendaGrant.objects.create(agenda=seen.agenda, group=user.groups.get(), role=Role.AGENT)
    client.force_login(user)

    assert set(listed(client)) == {made.pk, seen.pk}
    assert "1 is of an agenda that you edit" in client.get(reverse(INDEX)).content.decode()
    assert exported(client) == [made.reference]
    for foreign in (seen, unseen):
        response = client.post(
            f"{reverse(INDEX)}?agenda={foreign.agenda.slug}&q={foreign.reference}",
            {"format": "csv"},
        )
        assert not hasattr(response, "streaming_content") or foreign.reference not in b"".join(
            response.streaming_content
        ).decode("utf-8-sig")


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("?since=yesterday", "csv"),
        ("?agenda=nonsense", "csv"),
        ("", "pdf"),
        ("", ""),
        ("?q=nobody", "csv"),
    ],
)
def test_what_cannot_be_exported_comes_back_to_the_list(client, editor, query, kind):
    """Above all, a filter that is wrong does not export everything."""
    response = client.post(reverse(INDEX) + query, {"format": kind})

    assert response["Location"] == reverse(INDEX) + query
    assert not ModelLogEntry.objects.exists()


def test_an_export_is_noted_with_each_agenda_without_the_words_of_the_search(client, made):
    other = factories.make_booking(factories.make_appointments(label="Weddings")[0])
    factories.make_booking(made.agenda)
    administrator = make_administrator()
    client.force_login(administrator)

    export(client, "?q=martin&since=2026-11-30&attendance=open")

    entries = {
        entry.object_id: entry for entry in ModelLogEntry.objects.select_related("content_type")
    }
    assert set(entries) == {str(made.agenda.pk), str(other.agenda.pk)}
    entry = entries[str(made.agenda.pk)]
    assert entry.user == administrator
    assert entry.content_type.model == "agenda"
    said = "Exported 2 bookings; Search: …; From: 2026-11-30; Attendance: Not checked in"
    assert entry.message == said
    history = client.get(
        reverse("wagtailsnippets_wagtail_agenda_agenda:history", args=[made.agenda.pk])
    )
    assert "Exported 2 bookings" in history.content.decode()


def test_an_export_takes_few_queries_however_many_there_are(
    client, editor, made, django_assert_max_num_queries
):
    for _number in range(4):
        factories.make_booking(made.agenda)
    client.get(reverse(INDEX))
    with django_assert_max_num_queries(25):
        assert len(exported(client)) == 5


def test_it_is_exported_with_a_token_only(made):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_administrator())

    assert client.post(reverse(INDEX), {"format": "csv"}).status_code == 403
