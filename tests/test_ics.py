import dataclasses
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.second_parser import read_calendar
from wagtail_agenda.cleaning import one_line
from wagtail_agenda.ics import (
    CalendarEvent,
    Party,
    clean_text,
    collection,
    content_hash,
    file_name,
    invitation,
    publication,
)

PARIS = ZoneInfo("Europe/Paris")
UTC = timezone.utc
METHODS = ["REQUEST", "CANCEL"]
TEXT_FIELDS = ["summary", "description", "location", "comment"]

PASSPORT = CalendarEvent(
    uid="6f9c1d5e@agenda.example.org",
    sequence=3,
    stamp=datetime(2026, 6, 1, 9, 30, 15, tzinfo=UTC),
    start=datetime(2026, 7, 14, 10, 0, tzinfo=PARIS),
    end=datetime(2026, 7, 14, 10, 20, tzinfo=PARIS),
    summary="Passport – Ada Lovelace",
    description="Bring: a photo; the old passport, and the form.\n\nSee you!",
    location="Town hall, desk 2",
    comment="Ring twice",
    url="https://example.org/passports/",
    created=datetime(2026, 5, 30, 8, 0, tzinfo=UTC),
    organizer=Party("agenda@example.org", "Town hall"),
    attendee=Party("ada@example.org", "Ada Lovelace"),
    language="fr",
    producer="Town hall of Example",
)

# What people type, and what others would like us to believe they typed.
HOSTILE_PIECES = [
    "\x00",
    "\x07",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x7f",
    "\x85",
    "\r\n",
    "\r",
    "\n",
    "\n ",
    "\t",
    "\u2028",
    "\ud800",
    "\ufeff",
    "\u202e",
    "\u200b",
    "👩‍👩‍👧",
    "e\u0301",
    ";",
    ",",
    ":",
    "\\",
    "\\n",
    "\\N",
    "\\\\n",
    '"',
    "^n",
    "^'",
    "=",
    "é" * 40,
    "\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:other\r\n",
    "\nATTENDEE:mailto:mallory@example.org",
    "BEGIN:VALARM",
    "<script>",
    "{{7*7}}",
]
HOSTILE_TEXT = st.lists(
    st.one_of(
        st.sampled_from(HOSTILE_PIECES),
        st.text(st.characters(codec=None, categories=None), max_size=20),
    ),
    max_size=12,
).map("".join)


def unfolded_lines(data: bytes) -> list[str]:
    return data.decode("utf-8").replace("\r\n ", "").split("\r\n")[:-1]


def lint(data: bytes) -> None:
    """RFC 5545 form and RFC 5546 presence rules, checked on the text itself."""
    assert data.endswith(b"END:VCALENDAR\r\n")
    assert not data.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")
    for line in data.split(b"\r\n"):
        assert len(line) <= 75
        line.decode("utf-8")
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data)

    names = [re.split("[:;]", line)[0] for line in unfolded_lines(data)]
    for name in ["DTSTAMP", "DTSTART", "DTEND", "CREATED", "LAST-MODIFIED"]:
        for line in unfolded_lines(data):
            if line.startswith((f"{name}:", f"{name};")):
                assert re.fullmatch(name + r":\d{8}T\d{6}Z", line)
    method = next(line for line in unfolded_lines(data) if line.startswith("METHOD:"))[7:]
    once = ["PRODID", "VERSION", "CALSCALE", "METHOD", "UID", "DTSTAMP", "DTSTART", "DTEND"]
    for name in [*once, "SUMMARY", "SEQUENCE", "STATUS", "ORGANIZER"]:
        assert names.count(name) == 1, name
    assert names.count("ATTENDEE") == (0 if method == "PUBLISH" else 1)
    assert names.count("DESCRIPTION") <= 1 + names.count("ACTION")
    for name in ["LOCATION", "COMMENT", "URL"]:
        assert names.count(name) <= 1
    if method == "CANCEL":
        possible, most_alarms = {"STATUS:CANCELLED"}, 0
    else:
        possible, most_alarms = {"STATUS:CONFIRMED", "STATUS:TENTATIVE"}, 1
    assert possible.intersection(unfolded_lines(data))
    assert names.count("ACTION") == names.count("TRIGGER") <= most_alarms
    assert names.count("BEGIN") == 2 + names.count("ACTION")


def first_parser(data: bytes) -> icalendar.Event:
    (calendar,) = icalendar.Calendar.from_ical(data, multiple=True)
    (component,) = calendar.subcomponents
    assert not component.errors
    assert component.name == "VEVENT"
    return component


@pytest.mark.parametrize("method", METHODS)
def test_invitation_says_the_same_to_both_parsers(method):
    data = invitation(PASSPORT, method)
    lint(data)

    read = read_calendar(data)
    assert read.method == method
    assert re.fullmatch(r"-//Town hall of Example//wagtail_agenda \S+//FR", read.product)
    assert read.component_names == ("VEVENT",)
    event = read.event
    assert event.uid == "6f9c1d5e@agenda.example.org"
    assert event.sequence == 3
    assert event.stamp == PASSPORT.stamp
    assert event.start == datetime(2026, 7, 14, 8, 0, tzinfo=UTC)
    assert event.end == datetime(2026, 7, 14, 8, 20, tzinfo=UTC)
    assert event.summary == "Passport – Ada Lovelace"
    assert event.description == PASSPORT.description
    assert event.location == "Town hall, desk 2"
    assert event.comment == "Ring twice"
    assert event.url == "https://example.org/passports/"
    assert event.transparency == "OPAQUE"
    assert event.organizer.uri == "mailto:agenda@example.org"
    assert event.organizer.parameters == {"CN": "Town hall"}
    (attendee,) = event.attendees
    assert attendee.address == "ada@example.org"
    assert attendee.parameters == {
        "CUTYPE": "INDIVIDUAL",
        "ROLE": "REQ-PARTICIPANT",
        "PARTSTAT": "NEEDS-ACTION",
        "RSVP": "TRUE",
        "CN": "Ada Lovelace",
    }
    assert event.alarms == ()
    assert event.outlook == {}

    component = first_parser(data)
    assert component.start == PASSPORT.start
    assert component.end == PASSPORT.end
    assert component["sequence"] == 3
    for field in TEXT_FIELDS:
        assert component[field] == getattr(PASSPORT, field)


def test_cancellation_is_a_cancelled_event_and_a_request_a_confirmed_one():
    assert read_calendar(invitation(PASSPORT, "REQUEST")).event.status == "CONFIRMED"
    assert read_calendar(invitation(PASSPORT, "CANCEL")).event.status == "CANCELLED"


# What is not for sure, and alarms

ALARMED = dataclasses.replace(PASSPORT, alarm=timedelta(minutes=90))
TENTATIVE = dataclasses.replace(PASSPORT, tentative=True)


def test_what_is_tentative_keeps_nobody_busy():
    data = invitation(TENTATIVE, "REQUEST")
    lint(data)

    event = read_calendar(data).event
    assert (event.status, event.transparency) == ("TENTATIVE", "TRANSPARENT")
    assert event.outlook == {"busystatus": "TENTATIVE", "intendedstatus": "TENTATIVE"}
    component = first_parser(data)
    assert (component["STATUS"], component["TRANSP"]) == ("TENTATIVE", "TRANSPARENT")
    assert component["X-MICROSOFT-CDO-INTENDEDSTATUS"] == "TENTATIVE"


def test_what_was_tentative_is_cancelled_like_anything_else():
    assert invitation(TENTATIVE, "CANCEL") == invitation(PASSPORT, "CANCEL")


def test_a_file_of_what_is_tentative_keeps_nobody_busy_either():
    event = read_calendar(publication(PASSPORT, status="TENTATIVE")).event
    assert (event.transparency, event.outlook["busystatus"]) == ("TRANSPARENT", "TENTATIVE")


@pytest.mark.parametrize("written", [publication, lambda event: invitation(event, "REQUEST")])
def test_an_alarm_is_one_that_shows_the_title(written):
    data = written(ALARMED)
    lint(data)

    (alarm,) = read_calendar(data).event.alarms
    assert (alarm.action, alarm.trigger) == ("DISPLAY", timedelta(minutes=-90))
    assert alarm.description == PASSPORT.summary
    assert alarm.property_names == ("ACTION", "DESCRIPTION", "TRIGGER")
    (component,) = first_parser(data).subcomponents
    assert component.TRIGGER == timedelta(minutes=-90)


@pytest.mark.parametrize(
    "data",
    [
        invitation(ALARMED, "CANCEL"),
        publication(ALARMED, status="CANCELLED"),
        publication(ALARMED, status="TENTATIVE"),
        invitation(dataclasses.replace(ALARMED, tentative=True), "REQUEST"),
    ],
)
def test_nobody_is_reminded_of_what_they_do_not_have(data):
    assert read_calendar(data).event.alarms == ()


def test_an_alarm_after_the_start_is_refused():
    for alarm in (timedelta(), timedelta(minutes=-1)):
        with pytest.raises(ValueError, match="before its start"):
            dataclasses.replace(PASSPORT, alarm=alarm)


def test_the_hash_knows_what_is_tentative_and_when_the_alarm_goes():
    hashes = {
        content_hash(event, "REQUEST")
        for event in (
            PASSPORT,
            TENTATIVE,
            ALARMED,
            dataclasses.replace(PASSPORT, alarm=timedelta(hours=2)),
        )
    }
    assert len(hashes) == 4
    assert content_hash(ALARMED, "CANCEL") == content_hash(PASSPORT, "CANCEL")


def test_publication_names_no_attendee():
    data = publication(PASSPORT)
    lint(data)
    read = read_calendar(data)
    assert read.method == "PUBLISH"
    assert read.event.attendees == ()
    assert read.event.uid == PASSPORT.uid
    assert b"ada@example.org" not in data


def test_first_invitation_writes_sequence_zero():
    first = dataclasses.replace(PASSPORT, sequence=0)
    assert read_calendar(invitation(first, "REQUEST")).event.sequence == 0


def test_what_is_empty_is_not_written_except_the_summary():
    bare = dataclasses.replace(
        PASSPORT, summary="", description="", location=" \x00", comment="", url="", created=None
    )
    data = invitation(bare, "REQUEST")
    lint(data)
    assert not {"DESCRIPTION", "COMMENT", "URL", "CREATED"} & set(
        read_calendar(data).event.property_names
    )


@pytest.mark.parametrize("method", METHODS)
def test_same_event_same_bytes(method):
    copy = dataclasses.replace(PASSPORT)
    assert invitation(PASSPORT, method) == invitation(copy, method)
    assert publication(PASSPORT) == publication(copy)


@pytest.mark.parametrize(
    ("day", "hour_in_utc"),
    [
        (datetime(2026, 1, 15), 9),
        (datetime(2026, 7, 15), 8),
        (datetime(2026, 3, 28), 9),
        (datetime(2026, 3, 29), 8),
        (datetime(2026, 10, 24), 8),
        (datetime(2026, 10, 25), 9),
        (datetime(2040, 7, 15), 8),
    ],
)
def test_ten_o_clock_in_paris_in_summer_and_winter(day, hour_in_utc):
    start = day.replace(hour=10, tzinfo=PARIS)
    event = dataclasses.replace(PASSPORT, start=start, end=start + timedelta(minutes=20))
    read = read_calendar(invitation(event, "REQUEST")).event
    assert (read.start.hour, read.start.utcoffset()) == (hour_in_utc, timedelta(0))
    in_paris = read.start.astimezone(PARIS)
    assert in_paris.replace(tzinfo=None) == day.replace(hour=10)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(
        ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
    st.integers(1, 60 * 24 * 3),
)
def test_instants_survive_in_every_zone(naive, zone, minutes):
    start = naive.replace(tzinfo=ZoneInfo(zone), microsecond=0).astimezone(UTC)
    start_there = start.astimezone(ZoneInfo(zone))
    event = dataclasses.replace(PASSPORT, start=start_there, end=start + timedelta(minutes=minutes))
    data = invitation(event, "REQUEST")
    read = read_calendar(data).event
    assert read.start == start
    assert read.end == start + timedelta(minutes=minutes)
    assert first_parser(data).start == start


@given(
    summary=HOSTILE_TEXT,
    description=HOSTILE_TEXT,
    location=HOSTILE_TEXT,
    comment=HOSTILE_TEXT,
    name=HOSTILE_TEXT,
    producer=HOSTILE_TEXT,
    language=HOSTILE_TEXT,
    url=HOSTILE_TEXT,
)
@example(
    summary="\r\nEND:VEVENT\r\nBEGIN:VEVENT",
    description="\\n",
    location="\\",
    comment="C:\\News\x85",
    name='"; X=1:mailto:mallory@example.org\r\nX-A:b',
    producer="//",
    language="//",
    url="https://example.org/\r\nX-A:b",
)
def test_hostile_texts_stay_texts(
    summary, description, location, comment, name, producer, language, url
):
    event = dataclasses.replace(
        PASSPORT,
        summary=summary,
        description=description,
        location=location,
        comment=comment,
        organizer=Party("agenda@example.org", name),
        attendee=Party("ada@example.org", name),
        producer=producer,
        language=language,
        url=url,
    )
    data = invitation(event, "REQUEST")
    lint(data)
    component = first_parser(data)
    read = read_calendar(data)
    assert read.component_names == ("VEVENT",)
    assert read.property_names == ("CALSCALE", "METHOD", "PRODID", "VERSION")
    expected = {"UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "CREATED", "LAST-MODIFIED"}
    expected |= {"SUMMARY", "STATUS", "TRANSP", "ORGANIZER", "ATTENDEE"}
    for field in TEXT_FIELDS:
        text = clean_text(getattr(event, field))
        assert component.get(field, "") == text
        assert getattr(read.event, field) == text
        if text:
            expected.add(field.upper())
    assert set(read.event.property_names) - {"URL"} == expected
    assert len(read.event.property_names) == len(set(read.event.property_names))

    shown = one_line(name.replace('"', "'").replace("^", "").replace("\\", "/"))
    assert component["attendee"].params.get("CN", "") == shown
    assert component["organizer"].params.get("CN", "") == shown
    assert read.event.attendees[0].parameters.get("CN", "") == shown
    assert read.event.attendees[0].address == "ada@example.org"


@pytest.mark.parametrize("length", [70, 74, 75, 76, 500, 10_000])
@pytest.mark.parametrize("character", ["a", "é", "漢", "👩‍👧", " "])
def test_long_texts_are_folded_and_read_back(character, length):
    text = character * length + "."
    data = invitation(dataclasses.replace(PASSPORT, description=text), "REQUEST")
    lint(data)
    assert first_parser(data)["description"] == text
    assert read_calendar(data).event.description == text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("length", range(60, 80))
@pytest.mark.parametrize("character", ["a", "é"])
def test_lines_are_folded_where_the_library_would_fold_them(character, length, method):
    alarmed = dataclasses.replace(
        PASSPORT, location=character * length, comment="", alarm=timedelta(hours=2)
    )
    data = invitation(alarmed, method)
    assert icalendar.Calendar.from_ical(data).to_ical() == data


@pytest.mark.parametrize("url", ["javascript:alert(1)", "example.org", "https://x.org/\nX-A:b"])
def test_unusable_url_is_left_out(url):
    data = invitation(dataclasses.replace(PASSPORT, url=url), "REQUEST")
    lint(data)
    assert read_calendar(data).event.url == ""


def test_international_url_is_written_in_ascii():
    event = dataclasses.replace(PASSPORT, url="https://exämple.org/é")
    read = read_calendar(invitation(event, "REQUEST")).event
    assert read.url == "https://xn--exmple-cua.org/%C3%A9"


def test_what_is_finer_than_a_second_makes_no_difference():
    finer = dataclasses.replace(
        PASSPORT,
        start=PASSPORT.start + timedelta(microseconds=5),
        end=PASSPORT.end + timedelta(microseconds=999_999),
    )
    assert content_hash(finer, "REQUEST") == content_hash(PASSPORT, "REQUEST")
    assert invitation(finer, "REQUEST") == invitation(PASSPORT, "REQUEST")


@pytest.mark.parametrize("role", ["organizer", "attendee"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "address", ["", "ada", "ada@example.org\r\nX-A:b", "ada@example.org\x00", "mailto:a@b.org"]
)
def test_unusable_address_is_refused_in_words(role, method, address):
    event = dataclasses.replace(PASSPORT, **{role: Party(address)})
    with pytest.raises(ValueError, match="not a usable e-mail address"):
        invitation(event, method)


@pytest.mark.parametrize("address", ["o'brien+x@example.org", "a?b/c%d&e@example.org"])
def test_addresses_with_special_characters_arrive(address):
    event = dataclasses.replace(PASSPORT, attendee=Party(address))
    data = invitation(event, "REQUEST")
    assert unquote(read_calendar(data).event.attendees[0].address) == address
    assert unquote(first_parser(data)["attendee"]) == f"mailto:{address}"


@pytest.mark.parametrize("missing", ["organizer", "attendee"])
@pytest.mark.parametrize("method", METHODS)
def test_invitation_needs_both_parties(missing, method):
    with pytest.raises(ValueError, match=missing):
        invitation(dataclasses.replace(PASSPORT, **{missing: None}), method)


def test_publication_says_that_it_is_off_and_when_to_ask_again():
    plain, off = publication(PASSPORT), publication(PASSPORT, status="CANCELLED")
    assert read_calendar(plain).event.status == "CONFIRMED"
    assert read_calendar(off).event.status == "CANCELLED"
    assert read_calendar(off).method == "PUBLISH"
    assert b"REFRESH-INTERVAL" not in plain
    hourly = publication(PASSPORT, refresh=timedelta(hours=1))
    assert b"\r\nREFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in hourly
    assert b"\r\nX-PUBLISHED-TTL:PT1H\r\n" in hourly


def test_a_collection_names_who_attends_and_publishes_nothing():
    unreachable = dataclasses.replace(PASSPORT, uid="other", attendee=Party("", "Bob, the 2nd"))
    data = collection([(PASSPORT, "CONFIRMED"), (unreachable, "TENTATIVE")])
    calendar = read_calendar(data)
    assert calendar.method == ""
    assert calendar.product == read_calendar(publication(PASSPORT)).product
    first, second = calendar.events
    assert [first.uid, second.uid] == [PASSPORT.uid, "other"]
    assert [first.status, second.status] == ["CONFIRMED", "TENTATIVE"]
    ((ada,), (bob,)) = first.attendees, second.attendees
    assert (ada.uri, ada.parameters["CN"]) == ("mailto:ada@example.org", "Ada Lovelace")
    assert (bob.uri, bob.parameters["CN"]) == ("invalid:nomail", "Bob, the 2nd")
    assert "RSVP" not in ada.parameters
    own = icalendar.Calendar.from_ical(data)
    assert [str(event["ATTENDEE"]) for event in own.walk("VEVENT")] == [ada.uri, bob.uri]
    assert collection([(PASSPORT, "CONFIRMED"), (unreachable, "TENTATIVE")]) == data


@pytest.mark.parametrize("address", ["", "nobody", "a b@example.org", "\r\nX:y@example.org"])
def test_who_cannot_be_reached_attends_all_the_same(address):
    nameless = dataclasses.replace(PASSPORT, attendee=Party(address))
    (attendee,) = read_calendar(collection([(nameless, "CONFIRMED")])).event.attendees
    assert attendee.uri == "invalid:nomail"
    assert "CN" not in attendee.parameters


def test_a_collection_of_nothing_is_a_calendar():
    calendar = read_calendar(collection([]))
    assert calendar.events == ()
    assert calendar.product.startswith("-//wagtail-agenda//")


@pytest.mark.parametrize("missing", ["organizer", "attendee"])
def test_a_collection_needs_both_parties(missing):
    with pytest.raises(ValueError, match="needs an organizer and an attendee"):
        collection([(dataclasses.replace(PASSPORT, **{missing: None}), "CONFIRMED")])


def test_publication_needs_an_organizer():
    with pytest.raises(ValueError, match="organizer"):
        publication(dataclasses.replace(PASSPORT, organizer=None))


@pytest.mark.parametrize("method", ["PUBLISH", "REPLY", "request", ""])
def test_only_request_and_cancel_are_invitations(method):
    with pytest.raises(ValueError, match="not a method"):
        invitation(PASSPORT, method)


@pytest.mark.parametrize("field", ["stamp", "start", "end", "created"])
def test_naive_datetimes_are_refused(field):
    with pytest.raises(ValueError, match=f"{field} must be an aware datetime"):
        dataclasses.replace(PASSPORT, **{field: datetime(2026, 7, 14, 10)})


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": PASSPORT.start},
        {"end": PASSPORT.start - timedelta(minutes=1)},
        {"uid": " \x00"},
        {"sequence": -1},
        {"sequence": 2**31},
        {"start": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))},
        {"end": datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=5)))},
    ],
)
def test_impossible_events_are_refused(wrong):
    with pytest.raises(ValueError, match="."):
        dataclasses.replace(PASSPORT, **wrong)


def test_content_hash_ignores_what_counts_updates_and_what_nobody_sees():
    later = dataclasses.replace(
        PASSPORT,
        sequence=PASSPORT.sequence + 1,
        stamp=PASSPORT.stamp + timedelta(days=1),
        start=PASSPORT.start.astimezone(UTC),
        producer="Another name",
        language="en",
    )
    assert content_hash(later, "REQUEST") == content_hash(PASSPORT, "REQUEST")
    assert re.fullmatch("[0-9a-f]{64}", content_hash(PASSPORT, "REQUEST"))


@pytest.mark.parametrize(
    "change",
    [
        {"uid": "other@example.org"},
        {"start": PASSPORT.start - timedelta(minutes=5)},
        {"end": PASSPORT.end + timedelta(minutes=5)},
        {"summary": "Identity card"},
        {"description": ""},
        {"location": "Annex"},
        {"comment": ""},
        {"url": "https://example.org/other/"},
        {"organizer": Party("agenda@example.org", "Library")},
        {"attendee": Party("ada@example.com", "Ada Lovelace")},
    ],
)
def test_content_hash_sees_what_a_recipient_sees(change):
    changed = dataclasses.replace(PASSPORT, **change)
    assert content_hash(changed, "REQUEST") != content_hash(PASSPORT, "REQUEST")


def test_content_hash_tells_a_cancellation_from_a_request():
    assert content_hash(PASSPORT, "CANCEL") != content_hash(PASSPORT, "REQUEST")


def test_content_hash_cannot_be_fooled_by_moving_text_between_fields():
    left = dataclasses.replace(PASSPORT, location="a,b", comment="c")
    right = dataclasses.replace(PASSPORT, location="a", comment="b,c")
    assert content_hash(left, "REQUEST") != content_hash(right, "REQUEST")


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("passeport-42", "passeport-42.ics"),
        ("Événement: à l'école", "evenement-a-lecole.ics"),
        ("invite.ics", "invite.ics"),
        ("../../etc/passwd\r\n", "etcpasswd.ics"),
        ("漢字", "invite.ics"),
        ("", "invite.ics"),
        ("x" * 300, "x" * 100 + ".ics"),
    ],
)
def test_file_name_is_a_slug(identifier, name):
    assert file_name(identifier) == name
    assert file_name(name) == name


@given(HOSTILE_TEXT)
def test_file_name_needs_no_quoting_anywhere(identifier):
    assert re.fullmatch(r"[a-z0-9_-]{1,100}\.ics", file_name(identifier))
