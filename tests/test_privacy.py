"""What is held about a person: forgotten in time, told when asked for, and erased without trace."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from tests.agents import make_administrator
from tests.factories import NOW, make_appointments, make_booking
from wagtail_agenda import attendance, consistency, outbox, privacy, tasks, tokens
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, Attendance, DeliveryState
from wagtail_agenda.models import Booking, Delivery, Entry, Invitation, KeptFile, PersonLock

pytestmark = pytest.mark.django_db

ADA = "ada.martin@post.example"
LATER = NOW + timedelta(days=100)


def dumped() -> str:
    out = StringIO()
    call_command("dumpdata", stdout=out)
    return out.getvalue().lower()


def fill(made, email=ADA):
    """Everything that can be known of somebody, in every table that has it."""
    Booking.objects.filter(pk=made.pk).update(
        label=f"Passport of {email}",
        user_display_label=f"For {email}",
        description=f"{email} asked",
        user_phone_number="+33 1 23 45 67 89",
        user_external_id=f"id-{email}",
        backoffice_url=f"https://cases.example/{email}",
        form_url=f"https://forms.example/{email}",
        cancel_callback_url=f"https://forms.example/cancel/{email}",
        extra_data={"mother": email},
        answers={"subject": ["passport", email.upper()]},
        attendance_note=f"{email} was ill",
        cancellation_reason=f"{email} is away",
    )
    Entry.objects.create(booking=made, what="note", data={"text": f"Call {email}"})
    KeptFile.objects.create(
        booking=made,
        identifier="call",
        name="call.json",
        content_type="application/json",
        content=json.dumps({"email": email}).encode(),
    )
    Delivery.objects.create(
        booking=made,
        kind="call",
        key=f"call:{made.pk}:{email}",
        url=f"https://cases.example/?email={email}",
        action={"body": {"email": email}},
        message_id="x",
        last_error=f"550 <{email}> unknown",
        state=DeliveryState.FAILED,
        give_up_at=NOW,
    )
    return Booking.objects.get(pk=made.pk)


def make_known(agenda=None, **details):
    agenda = agenda or make_appointments(desks=3)[0]
    given = {"user_name": "Ada Martin", "user_email": ADA, "now": NOW, **details}
    return fill(make_booking(agenda, **given), given["user_email"])


# After a time


def test_who_it_was_is_forgotten_and_that_it_was_is_not(frozen_now, smtp_server):
    made = make_known(make_appointments(retention_days=30)[0])
    outbox.sweep(now=NOW)
    attendance.check_in(made, Attendance.PRESENT, now=NOW)
    before = Booking.objects.values().get()

    assert privacy.anonymise_due(LATER) == 1

    after = Booking.objects.values().get()
    kept = {"agenda_id", "start", "end", "places", "admission", "status_id", "attendance", "uuid"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["attendance"] == Attendance.PRESENT
    assert (after["anonymised_at"], after["label"]) == (LATER, "Passport")
    assert list(Entry.objects.values_list("what", flat=True))
    dump = dumped()
    for word in (ADA, "ada martin", "+33 1 23", "was ill", "asked"):
        assert word not in dump


def test_only_what_is_over_for_that_long_is_forgotten(frozen_now):
    agenda = make_appointments(retention_days=30)[0]
    elsewhere = make_known()
    made = make_known(agenda)
    assert privacy.anonymise_due(made.end + timedelta(days=30)) == 0
    assert privacy.anonymise_due(made.end + timedelta(days=30, seconds=1)) == 1
    assert privacy.anonymise_due(LATER) == 0
    elsewhere.refresh_from_db()
    assert elsewhere.user_email == ADA


def test_what_is_too_much_for_one_run_is_left_to_the_next(frozen_now):
    agenda = make_appointments(desks=5, retention_days=1)[0]
    for _time in range(5):
        make_booking(agenda)
    assert [privacy.anonymise_due(LATER, most=2) for _time in range(4)] == [2, 2, 1, 0]


def test_the_worker_forgets(frozen_now):
    made = make_known(make_appointments(retention_days=1)[0])
    Booking.objects.update(start=made.start - timedelta(days=9), end=made.end - timedelta(days=9))
    assert tasks.forget_persons() == 1


def test_the_link_in_the_mail_opens_nothing_any_more(frozen_now, client):
    made = make_known()
    token = tokens.manage_token(made)
    assert client.get(reverse("wagtail_agenda:manage", args=[token])).status_code == 200
    privacy.anonymise([made], now=LATER)
    assert client.get(reverse("wagtail_agenda:manage", args=[token])).status_code == 404


def test_nothing_more_is_sent(frozen_now, smtp_server):
    made = make_known()
    privacy.anonymise([made], now=LATER)
    outbox.sweep(now=LATER)
    assert smtp_server.received == []
    states = set(Delivery.objects.values_list("state", flat=True))
    assert states == {DeliveryState.CANCELLED}


def test_pages_and_exports_still_show_the_booking(frozen_now, client):
    made = make_known()
    outbox.sweep(now=NOW)
    privacy.anonymise([made], now=LATER)
    client.force_login(make_administrator())
    page = client.get(reverse("wagtail_agenda_admin:booking", args=[made.pk]))
    assert page.status_code == 200
    assert made.reference in page.content.decode()
    day = made.local_start.date().isoformat()
    address = reverse("wagtail_agenda_admin:day", args=[made.agenda.slug, day])
    assert client.get(address).status_code == 200
    assert "Passport" in str(Booking.objects.get())
    assert list(consistency.findings(LATER)) == []


def test_the_lock_of_a_person_goes_with_the_last_booking(frozen_now):
    agenda = make_appointments(desks=2, bookings_per_person=5)[0]
    first, second = (make_booking(agenda, user_email=ADA) for _time in range(2))
    assert PersonLock.objects.count() == 1
    privacy.anonymise([first], now=LATER)
    assert PersonLock.objects.count() == 1
    privacy.anonymise([second], now=LATER)
    assert not PersonLock.objects.exists()


def test_forgetting_twice_is_forgetting_once(frozen_now):
    made = make_known()
    assert privacy.anonymise([made], now=NOW) == 1
    digest = Booking.objects.get().token_digest
    assert privacy.anonymise([made], now=LATER) == 0
    assert Booking.objects.get().anonymised_at == NOW
    assert Booking.objects.get().token_digest == digest


# Of one person


def test_everything_that_is_held_is_told(frozen_now, smtp_server):
    made = make_known()
    outbox.sweep(now=NOW)
    told = privacy.export(ADA.upper())
    (booking,) = told["bookings"]
    assert booking["reference"] == made.reference
    assert booking["answers"] == {"subject": ["passport", ADA.upper()]}
    assert {line["what"] for line in booking["history"]} >= {"booked", "note"}
    assert {line["recipient"] for line in booking["deliveries"]} == {ADA, ""}
    assert [copy["address"] for copy in booking["calendar_copies"]] == [ADA]
    assert json.loads(booking["files"][0]["content"]) == {"email": ADA}
    assert told["mentions"] == []
    json.dumps(told)


def test_where_somebody_is_named_by_others_is_told_and_erased(frozen_now):
    others = make_booking(user_email="grace@post.example")
    Booking.objects.filter(pk=others.pk).update(
        answers={"guests": [f"Ada <{ADA}>", f"x{ADA}", f"{ADA}.example"]}
    )
    Entry.objects.create(booking=others, what="note", data={"text": f"With {ADA.title()}."})
    told = privacy.export(ADA)
    assert told["bookings"] == []
    assert [(row["table"], row["fields"]) for row in told["mentions"]] == [
        ("booking", ["answers"]),
        ("entry", ["data"]),
    ]

    assert privacy.erase(ADA, now=NOW) == {"bookings": 0, "meetings": 0, "mentions": 2}

    others.refresh_from_db()
    assert others.user_email == "grace@post.example"
    # Longer addresses that contain it are those of others.
    assert others.answers == {"guests": ["Ada <>", f"x{ADA}", f"{ADA}.example"]}
    assert Entry.objects.get(what="note").data == {"text": "With ."}
    assert privacy.export(ADA)["mentions"] == []


def test_after_erasing_a_dump_has_no_trace(frozen_now, smtp_server):
    made = make_known()
    # Tried, refused for now: the finished mail is kept.
    smtp_server.refuse("RCPT", 451, f"<{ADA}> greylisted")
    outbox.sweep(now=NOW)
    assert Delivery.objects.filter(letter__isnull=False).exists()
    others = make_known(user_email="grace@post.example", user_name="Grace Hopper")
    Invitation.objects.filter(booking=others).update(address=ADA)
    Delivery.objects.filter(booking=others, kind="mail").update(recipient=ADA)
    bookings.cancel(made, actor=Actor.AGENT, now=NOW)
    assert ADA in dumped()

    privacy.erase(ADA, now=NOW)

    dump = dumped()
    assert ADA not in dump
    assert "ada martin" not in dump
    assert "grace@post.example" in dump


def test_whoever_is_still_coming_is_not_erased(frozen_now):
    made = make_known()
    with pytest.raises(privacy.BookingsToCome, match=made.reference):
        privacy.erase(ADA, now=NOW)
    assert Booking.objects.get().user_email == ADA
    assert privacy.erase(ADA, now=LATER)["bookings"] == 1


def test_counts_hold(frozen_now):
    known = make_appointments(desks=2, retention_days=1)[0]
    for _time in range(2):
        make_known(known)
    before = Booking.objects.filter(agenda=known).count()
    privacy.anonymise_due(LATER)
    assert Booking.objects.filter(agenda=known).count() == before == 2


# The command


def run(*words) -> dict:
    out = StringIO()
    call_command("agenda_person", *words, stdout=out)
    return json.loads(out.getvalue())


def test_the_command_tells_and_erases(frozen_now):
    made = make_known()
    assert run("export", ADA)["bookings"][0]["reference"] == made.reference
    with pytest.raises(CommandError, match=made.reference):
        run("erase", ADA)
    bookings.cancel(made, actor=Actor.AGENT, now=NOW)
    assert run("erase", ADA)["bookings"] == 1
    assert run("export", ADA) == {"email": ADA, "bookings": [], "meetings": [], "mentions": []}


@pytest.mark.parametrize("email", ["", " ", "ada"])
def test_the_command_wants_an_address(email):
    with pytest.raises(CommandError, match="no e-mail address"):
        run("erase", email)
