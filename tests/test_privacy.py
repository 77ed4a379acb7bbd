"""What is held about a person: forgotten in time, told when asked for, and erased without trace."""

import base64
import json
import pickle
import re
from datetime import timedelta
from io import StringIO
from urllib.parse import quote, unquote

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django_q.models import Failure, Task
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry, Revision

from tests.agents import make_administrator
from tests.factories import NOW, make_agenda, make_appointments, make_booking
from wagtail_agenda import (
    attendance,
    availability,
    consistency,
    mail,
    outbox,
    privacy,
    tasks,
    tokens,
)
from wagtail_agenda import booking as bookings
from wagtail_agenda.choices import Actor, AgendaKind, Attendance, DeliveryState
from wagtail_agenda.models import (
    AgendaGrant,
    AgendaMember,
    AttendanceSheet,
    Bookable,
    Booking,
    ClosedAddress,
    Delivery,
    Entry,
    Hold,
    Invitation,
    KeptAnswer,
    KeptFile,
    PersonLock,
    Timer,
    UsedNonce,
)
from wagtail_agenda.privacy import mentions
from wagtail_agenda.privacy.addresses import Address

pytestmark = pytest.mark.django_db

ADA = "ada.martin@post.example"
LATER = NOW + timedelta(days=100)


def dumped() -> str:
    """Every column of every table, of whichever app, and the cache: as text, as far as it is one.

    Sessions and what the task queue pickles are read as whoever has the database reads them.
    """
    said = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            said += [as_text(value) for row in cursor.fetchall() for value in row]
    said += [str(session.get_decoded()) for session in Session.objects.all()]
    for task in Task.objects.all():
        said += [str(task.args), str(task.kwargs), str(task.result)]
    said += [f"{key} {pickle.loads(value)}" for key, value in cache._cache.items()]  # noqa: S301
    return "\n".join(said).lower()


def as_text(value) -> str:
    """A column as a text; folded lines, quoted signs and Base64 hide nothing."""
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode("utf-8", "replace").replace("\r\n ", "")
    text = unquote(value if isinstance(value, str) else str(value))
    packed = [base64.b64decode(found) for found in re.findall(r"(?:[A-Za-z0-9+/]{4}){10,}", text)]
    return "\n".join([text, *[as_text(one) for one in packed]])


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

    assert privacy.erase(ADA, now=NOW) == {
        "bookings": 0,
        "drafts": 0,
        "meetings": 0,
        "mentions": 2,
    }

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


def hide_in_a_call(others):
    """Where the address stands only as other systems and links write it."""
    link = f"https://cases.example/?who=%3C{quote(ADA, safe='')}%3E"
    Booking.objects.filter(pk=others.pk).update(
        backoffice_url=link,
        user_external_id=ADA,
        answers={"note": f"Please also tell\n{ADA}", "whom": [{ADA: "guest"}]},
    )
    folded = f"ATTENDEE:mailto:{ADA[:9]}\r\n {ADA[9:]}\r\n".encode()
    for identifier, content in (("invitation", folded), ("answer", ADA.encode())):
        KeptFile.objects.create(
            booking=others,
            identifier=identifier,
            name=f"{identifier}.txt",
            content_type="text/plain",
            content=content,
        )
    attached = {"name": "a.ics", "content": base64.b64encode(folded * 3).decode()}
    Delivery.objects.filter(booking=others).update(letter={"text": "", "attachments": [attached]})
    Delivery.objects.create(
        booking=others,
        kind="call",
        key="call",
        url=link,
        letter={"url": link, "body": json.dumps({"guests": f"Grace\n{ADA}"}), "headers": {}},
        message_id="x",
        give_up_at=NOW,
    )
    ClosedAddress.objects.create(digest="0" * 64, url=link)


def hide_in_the_admin(agenda):
    """In what Wagtail and the task queue keep of ours."""
    log(instance=agenda, action="wagtail_agenda.cancel_event", data={"reason": f"{ADA} is ill"})
    agenda.contact = f"Ask {ADA}"
    agenda.save_revision()
    agenda.contact = "Ask the desk"
    agenda.save_revision().publish()
    Failure.objects.create(
        id="f" * 32,
        name="settle",
        func="wagtail_agenda.tasks.settle",
        started=NOW,
        stopped=NOW,
        result=f"IntegrityError: Key (address)=({ADA}) already exists.",
        success=False,
    )


def test_nothing_hides_from_being_erased(frozen_now):
    others = make_booking(user_email="grace@post.example", user_name="Grace Hopper")
    hide_in_a_call(others)
    hide_in_the_admin(others.agenda)
    assert ADA in dumped()

    privacy.erase(ADA, now=NOW)

    dump = dumped()
    assert ADA not in dump
    assert dump.count("grace@post.example")
    # What belongs to others goes on: the mail is written anew, the call says what is left.
    mail_, call = Delivery.objects.filter(booking=others).order_by("pk")
    assert mail_.letter is None
    assert mail_.state == DeliveryState.DUE
    assert json.loads(call.letter["body"]) == {"guests": "Grace\n"}
    assert Revision.objects.count() == 2
    assert ModelLogEntry.objects.get(action="wagtail_agenda.cancel_event").data == {
        "reason": " is ill"
    }


def test_what_was_typed_without_booking_is_told_and_erased(frozen_now):
    agenda = make_appointments()[0]
    draft = bookings.open_basket(
        agenda, lock_code="1", form_version=None, return_path=f"/?me={ADA}", now=NOW
    )
    bookings.keep_answers(draft, {"user_email": [f" {ADA.title()} "], "user_name": ["Ada Martin"]})
    told = privacy.export(ADA)
    assert told["drafts"][0]["answers"]["user_name"] == ["Ada Martin"]
    assert privacy.erase(ADA, now=NOW) == {
        "bookings": 0,
        "drafts": 1,
        "meetings": 0,
        "mentions": 0,
    }
    # Not the address alone: name and telephone are nobody else's.
    assert Hold.objects.get().answers == {}
    dump = dumped()
    assert ADA not in dump
    assert "ada martin" not in dump


def test_a_worker_that_has_the_mail_leaves_no_trace_behind(frozen_now, monkeypatch):
    make_booking(user_email=ADA)
    monkeypatch.setattr(mail, "send", lambda *given, **more: privacy.erase(ADA, now=LATER))
    outbox.sweep(now=NOW)
    assert Delivery.objects.get().state == DeliveryState.CANCELLED
    assert ADA not in dumped()


def test_the_lock_of_a_person_goes_in_a_virtual_agenda_too(frozen_now):
    agenda, meeting_type, _desks = make_appointments()
    virtual = make_agenda(kind=AgendaKind.VIRTUAL, schedule=None, bookings_per_person=5)
    AgendaMember.objects.create(virtual_agenda=virtual, agenda=agenda)
    slot = availability.next_free(virtual, meeting_type, now=NOW, limit=1)[0]
    made = make_booking(slot=slot, user_email=ADA)
    assert PersonLock.objects.get().agenda == virtual
    privacy.anonymise([made], now=LATER)
    assert not PersonLock.objects.exists()


def test_what_editors_have_written_is_told_and_left_to_them(frozen_now):
    agenda = make_agenda(staff_addresses=f"grace@post.example\n{ADA}")
    told = privacy.export(ADA)["written_by_editors"]
    assert told == [{"table": "agenda", "key": agenda.pk, "label": agenda.label}]
    privacy.erase(ADA, now=NOW)
    agenda.refresh_from_db()
    assert ADA in agenda.staff_addresses


ABOUT_NOBODY = {
    # Made here of random or keyed digits, or of what the code calls things.
    AgendaGrant,
    AttendanceSheet,
    Bookable,
    PersonLock,
    Timer,
    # Numbers that other systems count their calls by, and what they were answered: encrypted with
    # a key that only they have.
    UsedNonce,
    KeptAnswer,
}


def test_every_column_is_looked_into():
    """Whoever adds a table with words in it decides here whether they can be about somebody."""
    looked_into = {*mentions.MAY_NAME_SOMEBODY, *mentions.WRITTEN_BY_EDITORS, *ABOUT_NOBODY}
    for model in apps.get_app_config("wagtail_agenda").get_models():
        assert model in looked_into or not mentions.text_columns(model), model


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (ADA, ""),
        (ADA.upper(), ""),
        (f"<{ADA}>", "<>"),
        (f"Write to {ADA}.", "Write to ."),
        (f"{ADA}.example", None),
        (f"x{ADA}", None),
        (f"x+{ADA}", None),
        (f"{ADA}-x", None),
        (f"?a={quote(ADA, safe='')}&b=1", "?a=&b=1"),
        (f"?a=%3C{quote(ADA, safe='')}%3E", "?a=%3C%3E"),
        (f"?a=x%2B{quote(ADA, safe='')}", None),
        (json.dumps(f"so\n{ADA}"), '"so\\n"'),
    ],
)
def test_an_address_is_found_where_it_stands_as_such(text, left):
    address = Address(ADA)
    assert address.stands_in(text) == (left is not None)
    assert address.taken_out_of({"a": [text]}) == {"a": [text if left is None else left]}


def test_an_address_is_found_as_html_writes_it():
    assert (
        Address("o'neil@post.example").taken_out_of("<b>o&#x27;neil@post.example</b>") == "<b></b>"
    )


def test_whoever_is_still_coming_is_not_erased(frozen_now):
    made = make_known()
    with pytest.raises(privacy.StillToCome, match=made.reference):
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
    left = run("export", ADA)
    assert left.pop("email") == ADA
    assert not any(left.values())


def test_the_command_leaves_the_trace_that_the_page_leaves(frozen_now):
    made = make_known()

    def logged():
        entries = ModelLogEntry.objects.filter(action__startswith="wagtail_agenda.")
        entries = entries.order_by("pk")
        return [(one.action.partition(".")[2], one.label, one.user, one.data) for one in entries]

    with pytest.raises(CommandError):
        run("erase", ADA)
    assert logged() == []
    run("export", ADA)
    bookings.cancel(made, actor=Actor.AGENT, now=NOW)
    run("erase", ADA)
    assert logged() == [
        (act, str(made.agenda), None, {"count": 1}) for act in ("export_person", "erase_person")
    ]
    run("export", "nobody@post.example")
    assert len(logged()) == 2
    assert ADA not in str(list(ModelLogEntry.objects.values()))


@pytest.mark.parametrize("email", ["", " ", "ada"])
def test_the_command_wants_an_address(email):
    with pytest.raises(CommandError, match="no e-mail address"):
        run("erase", email)
