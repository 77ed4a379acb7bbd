"""The page of a booking, its cancellation, its mails, and booking for somebody."""

from datetime import date, timedelta

import pytest
from django.urls import resolve, reverse
from freezegun import freeze_time
from wagtail.models import ModelLogEntry

from tests import factories
from tests.agents import make_administrator, make_staff, queries_of, url
from tests.factories import NOW
from wagtail_agenda import attendance, availability, booking, form_definition
from wagtail_agenda.choices import Actor, Admission, AgendaKind, Attendance, DeliveryState
from wagtail_agenda.errors import Overloaded
from wagtail_agenda.models import Booking, Delivery

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.usefixtures("frozen_now"),
]

MONDAY = date(2026, 11, 30)


def text(response):
    return " ".join(response.content.decode().split())


# Who may


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["booking", "booking_cancel", "delivery_retry", "booking_new"])
def test_every_page_is_only_for_the_agents_of_its_agenda(client, made, name, method):
    delivery = made.deliveries.first()
    key = {"delivery_retry": delivery.pk, "booking_new": made.agenda.slug}.get(name, made.pk)
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.FAILED)
    address = url(name, key)
    call = getattr(client, method)
    entries = made.entries.count()

    assert call(address)["Location"].startswith(reverse("wagtailadmin_login"))

    client.force_login(make_staff())
    if (name, method) not in {("delivery_retry", "get"), ("booking", "post")}:
        assert call(address)["Location"] == reverse("wagtailadmin_home")

        client.force_login(make_staff(factories.make_agenda()))
        assert call(address).status_code == 404

    delivery.refresh_from_db()
    made.refresh_from_db()
    assert delivery.state == DeliveryState.FAILED
    assert (made.admission, made.entries.count()) == (Admission.CONFIRMED, entries)

    for user in (make_staff(made.agenda), make_staff(made.agenda, role="editor")):
        client.force_login(user)
        assert call(address).status_code in {200, 302, 405}
    client.force_login(make_administrator())
    assert call(address).status_code in {200, 302, 405}


@pytest.mark.parametrize("key", [0, 10**30])
@pytest.mark.parametrize("name", ["booking", "booking_cancel", "booking_check_in"])
def test_a_booking_that_does_not_exist_is_not_found(client, agent, name, key):
    assert client.post(url(name, key)).status_code in {404, 405}
    if name != "booking_check_in":
        assert client.get(url(name, key)).status_code == 404


# The page


def test_the_page_says_who_when_where_and_what_was_asked(client, agent, made):
    definition = form_definition.Definition(
        agenda_id=made.agenda_id,
        fields=(
            {
                "type": "singleline",
                "clean_name": "reason",
                "label": "What is it about?",
                "help_text": "",
                "required": True,
            },
            {
                "type": "checkboxes",
                "clean_name": "documents",
                "label": "Which documents?",
                "help_text": "",
                "required": False,
                "choices": ["Photo", "Deed"],
            },
        ),
    )
    Booking.objects.filter(pk=made.pk).update(
        form_version=form_definition.keep(definition),
        answers={"reason": "Lost passport", "documents": ["Photo", "Deed"], "other": True},
        extra_data={"file": "F-17"},
        user_phone_number="+33 1 23 45 67 89",
    )

    page = text(client.get(url("booking", made.pk)))

    for part in [
        made.display_name,
        made.reference,
        made.desk.label,
        "Monday 30 November 2026, 09:00 to 09:30",
        "Europe/Paris",
        "Confirmed",
        "What is it about?",
        "Lost passport",
        "Photo, Deed",
        "Yes",
        "F-17",
        'href="mailto:ada@fairbridge.example"',
        'href="tel:+33123456789"',
        "Booked",
        f'href="{url("booking_cancel", made.pk)}"',
    ]:
        assert part in page, part


def test_the_history_says_what_happened_and_who_did_it(client, agent, made):
    agent.first_name, agent.last_name = "Grace", "Clerk"
    agent.save()
    attendance.check_in(made, Attendance.PRESENT, now=NOW, user=agent)
    booking.cancel(made, actor=Actor.AGENT, now=NOW, user=agent, reason="Counter closed")

    response = client.get(url("booking", made.pk))

    moments = response.context["timeline"]
    assert [moment.what for moment in moments] == [
        "Cancelled by an agent",
        "Checked in as present",
        "Booked",
    ]
    assert [moment.who for moment in moments] == ["Grace Clerk", "Grace Clerk", "Visitor"]
    assert ("Reason", "Counter closed") in moments[0].details
    assert all(not value.isdigit() for moment in moments for _name, value in moment.details)


def test_a_line_of_the_history_that_nobody_knows_is_shown_as_it_is(client, agent, made):
    made.entries.create(what="asked_for_papers", data={"which": "deed"})
    made.entries.create(what="odd", data=["not", "a", "mapping"])

    page = text(client.get(url("booking", made.pk)))

    assert "Asked for papers" in page
    assert "Which: deed" in page


def test_a_cancelled_booking_offers_neither_check_in_nor_cancellation(client, agent, made):
    booking.cancel(made, actor=Actor.AGENT, now=NOW, reason="Counter closed")

    page = text(client.get(url("booking", made.pk)))

    assert "Cancelled on 11/30/2026, 07:00." in page
    assert "Counter closed" in page
    assert url("booking_cancel", made.pk) not in page
    assert url("booking_check_in", made.pk) not in page


def test_the_page_takes_a_constant_number_of_queries(client, agent, made):
    few = queries_of(client, url("booking", made.pk))
    for _number in range(5):
        attendance.check_in(made, Attendance.PRESENT, now=NOW, user=agent)
        attendance.check_in(made, Attendance.UNKNOWN, now=NOW, user=agent)
    many = queries_of(client, url("booking", made.pk))

    assert len(many) == len(few)
    assert len(many) <= 12, "\n".join(many)


PAYLOAD = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{ request }}'


def test_hostile_text_is_shown_as_text_on_every_page(client, agent, made):
    definition = form_definition.Definition(
        agenda_id=made.agenda_id,
        fields=({"clean_name": "a", "label": PAYLOAD, "type": "singleline"},),
    )
    Booking.objects.filter(pk=made.pk).update(
        **dict.fromkeys(
            (
                "label",
                "user_display_label",
                "description",
                "user_name",
                "user_email",
                "user_external_id",
                "backoffice_url",
                "form_url",
                "cancellation_reason",
            ),
            PAYLOAD,
        ),
        user_phone_number=PAYLOAD[:50],
        language=PAYLOAD[:20],
        form_version=form_definition.keep(definition),
        answers={"a": PAYLOAD, PAYLOAD: [PAYLOAD]},
        extra_data={PAYLOAD: {"deep": PAYLOAD}},
    )
    made.entries.create(what=PAYLOAD[:50], data={PAYLOAD: PAYLOAD})
    made.deliveries.update(
        recipient=PAYLOAD, last_error=PAYLOAD, message_id=PAYLOAD, state=DeliveryState.FAILED
    )

    def assert_harmless(response):
        html = response.content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "WSGIRequest" not in html

    for name in ("booking", "booking_cancel"):
        assert_harmless(client.get(url(name, made.pk)))
    assert_harmless(
        client.post(url("booking_check_in", made.pk), {"attendance": "present"}, follow=True)
    )
    assert_harmless(client.post(url("delivery_retry", made.deliveries.first().pk), follow=True))
    assert_harmless(client.post(url("booking_cancel", made.pk), {"reason": PAYLOAD}, follow=True))
    assert_harmless(
        client.get(url("booking_new", made.agenda.slug), {"date": PAYLOAD, "type": PAYLOAD})
    )
    assert_harmless(
        client.post(
            url("booking_new", made.agenda.slug),
            {"slot": PAYLOAD, "user_name": PAYLOAD, "user_email": PAYLOAD, "language": PAYLOAD},
        )
    )


# Cancelling


def test_a_get_asks_and_changes_nothing(client, agent, made):
    page = text(client.get(url("booking_cancel", made.pk)))

    assert "Cancel this booking?" in page
    assert "ada@fairbridge.example" in page
    made.refresh_from_db()
    assert not made.is_cancelled


def test_a_post_cancels_with_the_reason(client, agent, made):
    back = url("week", made.agenda.slug, MONDAY)

    response = client.post(
        url("booking_cancel", made.pk), {"reason": "Counter\x07 closed", "next": back}
    )

    assert response["Location"] == back
    made.refresh_from_db()
    assert made.is_cancelled
    assert made.cancellation_reason == "Counter closed"
    entry = made.entries.get(what="cancelled_by_agent")
    assert entry.user == agent
    log = ModelLogEntry.objects.get()
    assert (log.action, log.user, log.label) == (
        "wagtail_agenda.cancel",
        agent,
        made.reference,
    )


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_cancelled_already_cannot_be_cancelled_again(client, agent, made, method):
    booking.cancel(made, actor=Actor.AGENT, now=NOW, reason="First")

    response = getattr(client, method)(
        url("booking_cancel", made.pk), {"reason": "Second"}, follow=True
    )

    assert "has been cancelled already" in text(response)
    made.refresh_from_db()
    assert made.cancellation_reason == "First"
    assert not ModelLogEntry.objects.exists()


@pytest.mark.parametrize("reason", ["x" * 2001, "\x00"])
def test_a_reason_that_cannot_be_kept_is_refused_with_everything_typed(client, agent, made, reason):
    response = client.post(url("booking_cancel", made.pk), {"reason": reason})

    assert response.status_code == 200
    assert response.context["form"].errors["reason"]
    made.refresh_from_db()
    assert not made.is_cancelled


def test_an_overloaded_database_keeps_the_reason_typed(client, agent, made, monkeypatch):
    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(booking, "cancel", overloaded)

    response = client.post(url("booking_cancel", made.pk), {"reason": "Counter closed"})

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Counter closed" in text(response)


def test_another_site_is_no_way_back(client, agent, made):
    response = client.post(url("booking_cancel", made.pk), {"next": "https://elsewhere.example/"})

    assert response["Location"] == url("booking", made.pk)


# Mails


def test_a_failed_mail_shows_its_reason_and_the_way_to_send_it_again(client, agent, made):
    delivery = made.deliveries.first()
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.FAILED, attempts=3, last_error="550 no such mailbox"
    )
    retry = url("delivery_retry", delivery.pk)

    page = text(client.get(url("booking", made.pk)))
    assert "550 no such mailbox" in page
    assert delivery.message_id.strip("<>") in page
    assert retry in page


# Booking for somebody


@pytest.fixture
def counter(client):
    agenda, meeting_type, desks = factories.make_appointments(desks=2, minimal_booking_delay=48)
    client.force_login(make_staff(agenda))
    return agenda, meeting_type, desks


def free_slot(agenda):
    return availability.slots(agenda, first=MONDAY, last=MONDAY, now=NOW, bypass_delays=True)[0]


def new_url(agenda, **query):
    address = url("booking_new", agenda.slug)
    return address + "?" + "&".join(f"{name}={value}" for name, value in query.items())


def typed(slot, **fields):
    return {
        "slot": slot,
        "user_name": "Ada Martin",
        "user_email": "",
        "user_phone_number": "01 23",
        "description": "Comes with her son",
        "language": "fr",
        **fields,
    }


def test_the_agent_sees_what_is_free_whatever_the_notice(client, counter):
    agenda, meeting_type, desks = counter

    response = client.get(new_url(agenda, date=MONDAY, time="10:00"))

    choices = response.context["choices"]
    assert [choice.time for choice in choices] == [
        "09:00",
        "09:30",
        "10:00",
        "10:30",
        "11:00",
        "11:30",
    ]
    assert [choice.time for choice in choices if choice.checked] == ["10:00"]
    assert "2 desks free" in text(response)


def test_the_agent_books_for_somebody_without_an_address(client, counter):
    agenda, meeting_type, desks = counter

    response = client.post(
        new_url(agenda, date=MONDAY, desk=desks[1].slug),
        typed(f"{meeting_type.slug}:2026-11-30-1000"),
    )

    made = Booking.objects.get()
    assert response["Location"] == f"{url('day', agenda.slug, MONDAY)}#booking-{made.pk}"
    assert made.desk == desks[1]
    assert (made.user_name, made.user_phone_number) == ("Ada Martin", "01 23")
    assert (made.description, made.language) == ("Comes with her son", "fr")
    assert made.made_by == Actor.AGENT
    assert not made.deliveries.exists()
    assert made.entries.get(what="booked").user is not None
    assert ModelLogEntry.objects.get().action == "wagtail_agenda.book"


def test_a_visitor_with_an_address_gets_a_mail(client, counter):
    agenda, meeting_type, _desks = counter

    client.post(
        new_url(agenda),
        typed(f"{meeting_type.slug}:2026-11-30-1000", user_email="ada@fairbridge.example"),
    )

    assert Booking.objects.get().deliveries.get().recipient == "ada@fairbridge.example"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slot": ""}, "slot"),
        ({"slot": "no-such:2026-11-30-1000"}, "slot"),
        ({"slot": "passport:2026-11-30-1007"}, "slot"),
        ({"slot": "passport:2026-11-29-1000"}, "slot"),
        ({"slot": "passport:2026-02-30-1000"}, "slot"),
        ({"slot": "\x00"}, "slot"),
        ({"slot": "x" * 5000}, "slot"),
        ({"user_name": ""}, "user_name"),
        ({"user_name": "x" * 256}, "user_name"),
        ({"user_name": "\x00"}, "user_name"),
        ({"user_email": "nobody"}, "user_email"),
        ({"user_email": "a@b.example\r\nBcc: c@d.example"}, "user_email"),
        ({"user_phone_number": "1" * 51}, "user_phone_number"),
        ({"language": "tlh"}, "language"),
    ],
)
def test_what_cannot_be_booked_is_said_and_nothing_typed_is_lost(client, counter, change, field):
    agenda, _type, _desks = counter
    posted = {**typed("passport:2026-11-30-1000", description="Comes with her son"), **change}

    response = client.post(new_url(agenda, date=MONDAY), posted)

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert "Comes with her son" in text(response)
    assert "Nobody was booked" in text(response)
    assert not Booking.objects.exists()


def test_a_time_taken_meanwhile_is_said_and_the_rest_offered(client, counter):
    agenda, meeting_type, _desks = counter
    slot = availability.find(
        agenda, f"{meeting_type.slug}:2026-11-30-1000", now=NOW, bypass_delays=True
    )
    for _number in range(2):
        factories.make_booking(
            slot=availability.find(agenda, slot.key, now=NOW, bypass_delays=True)
        )

    response = client.post(new_url(agenda, date=MONDAY), typed(slot.key))

    assert "This time has just been taken" in text(response)
    assert 'value="Ada Martin"' in text(response)
    assert "10:00" not in [choice.time for choice in response.context["choices"]]
    assert Booking.objects.count() == 2


def test_an_overloaded_database_keeps_what_was_typed(client, counter, monkeypatch):
    agenda, meeting_type, _desks = counter

    def overloaded(*args, **kwargs):
        raise Overloaded()

    monkeypatch.setattr(booking, "book", overloaded)

    response = client.post(
        new_url(agenda, date=MONDAY), typed(f"{meeting_type.slug}:2026-11-30-1000")
    )

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert 'value="Ada Martin"' in text(response)


def test_a_day_without_room_names_the_next_one_with_some(client, counter):
    agenda, meeting_type, _desks = counter

    response = client.get(new_url(agenda, date="2026-12-05"))

    assert "Nothing is free on this day." in text(response)
    assert "Next free day: Monday 7 December 2026" in text(response)
    assert response.context["next_day_url"].startswith(new_url(agenda, date="2026-12-07"))


@pytest.mark.parametrize(
    "query",
    ["date=garbage", "date=9999-12-31", "date=%00", "type=no-such", "desk=no-such", "time=25:99"],
)
def test_an_address_that_makes_no_sense_still_shows_the_form(client, counter, query):
    agenda, _type, _desks = counter

    response = client.get(url("booking_new", agenda.slug) + "?" + query)

    assert response.status_code == 200
    assert len(response.context["choices"]) == 6
    assert not any(choice.checked for choice in response.context["choices"])


def test_an_agenda_without_desks_says_what_to_do(client):
    agenda = factories.make_agenda()
    client.force_login(make_staff(agenda))

    assert "Add a desk first." in text(client.get(url("booking_new", agenda.slug)))


def test_a_place_of_an_event_is_booked_the_same_way(client):
    agenda = factories.make_agenda(kind=AgendaKind.EVENTS)
    event = factories.make_event(agenda, places=3)
    client.force_login(make_staff(agenda))
    address = new_url(agenda, date=event.start.date(), event=event.slug)

    response = client.get(address)
    assert [choice.checked for choice in response.context["choices"]] == [True]
    assert "3 places left" in text(response)

    client.post(address, typed(event.slug))
    assert Booking.objects.get().event == event


def test_the_times_of_a_day_take_a_constant_number_of_queries(client, counter):
    agenda, _type, _desks = counter
    address = new_url(agenda, date=MONDAY)
    few = queries_of(client, address)
    for _number in range(4):
        factories.make_booking(slot=free_slot(agenda))
    many = queries_of(client, address)

    assert len(many) == len(few)
    assert len(many) <= 12, "\n".join(many)


@pytest.mark.parametrize("name", ["booking_cancel", "booking_new", "delivery_retry"])
def test_they_bring_their_own_transactions(made, name):
    key = made.agenda.slug if name == "booking_new" else made.pk

    assert resolve(url(name, key)).func._non_atomic_requests == {"default"}


def test_yesterdays_booking_can_still_be_cancelled_by_an_agent(client, agent, made):
    with freeze_time(NOW + timedelta(days=1)):
        client.force_login(agent)
        client.post(url("booking_cancel", made.pk), {"reason": ""})

    made.refresh_from_db()
    assert made.is_cancelled
