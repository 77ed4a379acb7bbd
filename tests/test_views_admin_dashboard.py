"""The panel on the admin's home: today, mails that failed, what does not run."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django_q.models import Schedule as QueueSchedule
from freezegun import freeze_time

from tests import factories
from tests.agents import make_administrator, make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, tasks
from wagtail_agenda.choices import Attendance, DeliveryState, Role
from wagtail_agenda.models import Agenda, Delivery
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.django_db

PANEL = 'class="wagtail-agenda-dashboard"'


@pytest.fixture(autouse=True)
def _now():
    ensure_default_workflow()
    with freeze_time(NOW):
        QueueSchedule.objects.filter(name=tasks.SWEEP).update(next_run=NOW)
        yield


@pytest.fixture
def made():
    """Two people at nine and half past nine."""
    first = factories.make_booking(user_name="Ada Martin")
    factories.make_booking(first.agenda, user_name="Bob Roux")
    return first


@pytest.fixture
def agent(client, made):
    user = make_staff(made.agenda)
    client.force_login(user)
    return user


def home(client, **headers):
    page = client.get(reverse("wagtailadmin_home"), headers=headers).content.decode()
    return " ".join(page.split())


def fail(*bookings, reason="550 no such mailbox"):
    Delivery.objects.filter(booking__in=bookings).update(
        state=DeliveryState.FAILED, last_error=reason
    )
    return Delivery.objects.filter(booking__in=bookings).order_by("-pk")


def test_only_those_with_a_role_have_the_panel(client, made):
    client.force_login(make_staff())
    assert PANEL not in home(client)

    for user in (
        make_staff(made.agenda),
        make_staff(made.agenda, role=Role.EDITOR),
        make_administrator(),
    ):
        client.force_login(user)
        assert PANEL in home(client)


def test_it_says_what_today_brings_and_where_to_see_it(client, agent, made):
    attendance.check_in(made, Attendance.PRESENT, now=NOW)

    page = home(client)

    day = url("day", made.agenda.slug, "2026-11-30")
    assert f'<a href="{day}">{made.agenda.label}</a>' in page
    assert "</th> <td>1</td> <td>1</td> <td>09:00</td>" in page
    with freeze_time(NOW + timedelta(hours=2, minutes=10)):
        client.force_login(agent)
        assert "<td>09:30</td>" in home(client)
    with freeze_time(NOW + timedelta(hours=5)):
        client.force_login(agent)
        assert "<td>–</td>" in home(client)


def test_a_quiet_day_says_so_and_nothing_else(client):
    client.force_login(make_staff(factories.make_agenda(label="Weddings")))

    page = home(client)

    assert "Nobody is booked for today." in page
    assert "See all agendas" in page
    assert "Weddings" not in page.partition(PANEL)[2].partition("</section>")[0]
    for unsaid in ("has failed", "have failed", "has not been seen", "does not run", "proxy"):
        assert unsaid not in page


def test_of_many_agendas_those_with_bookings_are_shown(client, made):
    agendas = [made.agenda, *(factories.make_booking().agenda for _number in range(11))]
    client.force_login(make_staff(*agendas))

    page = home(client)

    assert sum(f">{agenda.label}</a>" in page for agenda in agendas) == 10
    assert "See all agendas" in page


def test_failed_mails_have_their_reason_and_a_button_each(client, agent, made):
    foreign = factories.make_booking(user_name="Eve Elsewhere")
    fail(foreign)
    (delivery,) = fail(made)

    page = home(client)

    assert "1 mail has failed" in page
    assert "550 no such mailbox" in page
    assert url("booking", made.pk) in page
    assert f'action="{url("delivery_retry", delivery.pk)}"' in page
    assert url("deliveries_retry") not in page
    assert "Eve Elsewhere" not in page
    assert foreign.agenda.label not in page

    response = client.post(
        url("delivery_retry", delivery.pk), {"next": reverse("wagtailadmin_home")}
    )
    assert response["Location"] == reverse("wagtailadmin_home")
    assert "has failed" not in home(client)


def test_many_failed_mails_are_counted_and_sent_at_once(client, agent, made):
    mine = [made, *(factories.make_booking(made.agenda) for _number in range(7))]
    fail(*mine)

    page = home(client)

    assert "8 mails have failed" in page
    assert page.count("550 no such mailbox") == 5
    assert f'action="{url("deliveries_retry")}"' in page
    assert "Send all 8 again" in page


def test_a_worker_that_does_not_run_is_told_with_the_remedy(client, agent):
    with freeze_time(NOW + timedelta(minutes=12)):
        client.force_login(agent)
        page = home(client)

    assert "The worker has not been seen since" in page
    assert "(12\xa0minutes)" in page or "(12 minutes)" in page or "(12&nbsp;minutes)" in page
    assert "manage.py qcluster" in page


def test_publishing_that_does_not_run_is_told_with_the_remedy(client, agent, made):
    Agenda.objects.filter(pk=made.agenda.pk).update(expire_at=NOW - timedelta(hours=3))

    page = home(client)

    assert "Scheduled publishing does not run" in page
    assert "manage.py publish_scheduled" in page


def test_only_administrators_are_told_of_a_proxy_that_is_not_believed(client, agent):
    told = "whose word is not believed"
    assert told not in home(client, **{"x-forwarded-for": "203.0.113.5"})

    client.force_login(make_administrator())
    assert told in home(client, **{"x-forwarded-for": "203.0.113.5"})
    assert told not in home(client)


def test_hostile_text_is_shown_as_text(client, agent, made):
    payload = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    type(made).objects.filter(pk=made.pk).update(label=payload, user_name=payload)
    Agenda.objects.filter(pk=made.agenda.pk).update(label=payload)
    fail(made, reason=payload)

    page = home(client)

    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_it_takes_few_queries_however_much_there_is(client, made):
    agendas = [factories.make_booking().agenda for _number in range(4)]
    quiet = make_staff(factories.make_agenda())
    busy = make_staff(made.agenda, *agendas)
    nobody = make_staff()
    for agenda in agendas:
        fail(*(factories.make_booking(agenda) for _number in range(3)))
    home_page = reverse("wagtailadmin_home")

    client.force_login(nobody)
    without = len(queries_of(client, home_page))
    client.force_login(quiet)
    few = len(queries_of(client, home_page))
    client.force_login(busy)
    many = queries_of(client, home_page)

    # Agendas, today, what to approve, mails, five for what runs; more than is shown is counted.
    assert few - without == 10
    assert len(many) - without == 11, "\n".join(many)
