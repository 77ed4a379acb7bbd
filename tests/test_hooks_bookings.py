"""The booking log, and what Wagtail's own furniture knows of bookings."""

import pytest
from django.urls import reverse
from freezegun import freeze_time
from wagtail.admin.admin_url_finder import AdminURLFinder
from wagtail.log_actions import registry
from wagtail.models import ReferenceIndex

from tests import factories
from tests.agents import make_administrator, make_staff, queries_of
from tests.factories import NOW
from wagtail_agenda import attendance, booking
from wagtail_agenda.choices import Actor, Attendance
from wagtail_agenda.models import Booking, WorkflowStatus
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db

INDEX = "wagtail_agenda_booking_modeladmin_index"
INSPECT = "wagtail_agenda_booking_modeladmin_inspect"


@pytest.fixture(autouse=True)
def _now():
    ensure_default_workflow()
    with freeze_time(NOW):
        yield


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
    assert "2026-11-30 09:00" in page
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


def test_inspecting_leads_to_the_bookings_own_page_which_asks_who_may(client, agent, made):
    foreign = factories.make_booking()
    own_page = reverse("wagtail_agenda_admin:booking", args=[made.pk])

    assert client.get(reverse(INSPECT, args=[made.pk]))["Location"] == own_page
    assert client.get(reverse(INSPECT, args=[foreign.pk]), follow=True).status_code == 404
    assert client.get(reverse(INSPECT, args=["nonsense"])).status_code == 404
    assert client.get(reverse(INSPECT, args=["٣"]), follow=True).status_code == 404


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
    other = factories.make_booking(made.agenda)
    attendance.check_in(made, Attendance.PRESENT, now=NOW)
    booking.cancel(other, actor=Actor.AGENT, now=NOW)
    cancelled = WorkflowStatus.objects.get(slug="cancelled")

    assert listed(client, f"?status={cancelled.pk}") == [other.pk]
    assert listed(client, "?attendance=present") == [made.pk]
    assert set(listed(client, f"?agenda={made.agenda.slug}")) == {made.pk, other.pk}
    assert set(listed(client, "?when=today")) == {made.pk, other.pk}
    assert set(listed(client, "?when=next-week")) == {made.pk, other.pk}
    assert set(listed(client, "?when=future")) == {made.pk, other.pk}
    assert listed(client, "?when=past") == []
    assert listed(client, "?when=last-week") == []


def test_a_filter_cannot_reach_into_the_agendas_of_others(client, agent, made):
    foreign = factories.make_booking()

    assert foreign.pk not in listed(client, f"?agenda={foreign.agenda.slug}")


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
        "o=99",
        "o=-1.x",
        "p=0",
        "p=-5",
        "p=999",
        "p=garbage",
        "q=%00",
        "export=csv",
    ],
)
def test_no_address_breaks_the_log_or_looks_up_what_it_does_not_show(client, agent, made, query):
    response = client.get(f"{reverse(INDEX)}?{query}")

    assert response.status_code == 200
    if "export" not in query:
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


def test_wagtail_knows_the_way_to_a_booking_for_those_who_may_see_it(made):
    own_page = reverse("wagtail_agenda_admin:booking", args=[made.pk])

    assert AdminURLFinder(make_staff(made.agenda)).get_edit_url(made) == own_page
    assert AdminURLFinder(make_staff(factories.make_agenda())).get_edit_url(made) is None


def test_the_acts_of_agents_have_names_in_the_site_history():
    for act in ("book", "cancel", "check_in", "send_again"):
        assert registry.action_exists(f"wagtail_agenda.{act}")


def test_a_booking_is_no_content_that_wagtail_indexes(made):
    assert not ReferenceIndex.get_references_for_object(made).exists()
