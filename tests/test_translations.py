"""The catalogues are whole and compiled, and nobody who asked for French is answered in English."""

import ast
import gettext as gnu_gettext
import re
import shutil
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from freezegun import freeze_time
from wagtail.admin.admin_url_finder import AdminURLFinder

import wagtail_agenda
from tests.agents import make_administrator
from tests.factories import (
    NOW,
    PARIS,
    make_agenda,
    make_appointments,
    make_booking,
    make_event,
    make_meeting,
    make_meeting_type,
    publish,
)
from tests.test_views_visitor import CHOOSE, TYPED, Visitor, definition_of
from tools import check_messages
from wagtail_agenda import availability, meetings, tokens, wording
from wagtail_agenda import booking as bookings
from wagtail_agenda.blocks import BookingFormBlock
from wagtail_agenda.choices import Actor, AgendaKind, DeliveryState
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Booking, Delivery, Schedule, Workflow
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.workflow import ensure_default_workflow

pytestmark = pytest.mark.one_database

LOCALE = Path(wagtail_agenda.__file__).parent / "locale"
CATALOGUES = {path.parts[-3]: path for path in sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
FIELDS = [
    {"type": "phone", "clean_name": "phone", "label": "Téléphone", "required": True},
    {"type": "number", "clean_name": "people", "label": "Personnes", "minimum": "1"},
    {"type": "date", "clean_name": "born", "label": "Né le"},
    {"type": "choice", "clean_name": "town", "label": "Quartier", "choices": ["Nord", "Sud"]},
    {"type": "radio", "clean_name": "floor", "label": "Étage", "choices": ["1", "2"]},
    {"type": "consent", "clean_name": "agreed", "label": "D’accord", "required": True},
]
needs_gettext = pytest.mark.skipif(
    not all(shutil.which(tool) for tool in check_messages.TOOLS), reason="needs GNU gettext"
)
WITHOUT_A_LETTER = re.compile(r"[\W\d_]*")


@dataclass(frozen=True)
class Message:
    """One entry of a catalogue. `translations` are its plural forms, or its only one."""

    context: str
    text: str
    plural: str
    translations: tuple[str, ...]
    fuzzy: bool

    @property
    def translated(self):
        return all(self.translations) and not self.fuzzy


def read_catalogue(path):
    """The entries of a .po file as gettext writes them, its header first."""
    messages = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        values, keyword = {}, ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            named, quoted = re.fullmatch(r'(?:(msg\S+) )?(".*")', line).groups()
            keyword = named or keyword
            values[keyword] = values.get(keyword, "") + ast.literal_eval(quoted)
        messages.append(
            Message(
                values.get("msgctxt", ""),
                values["msgid"],
                values.get("msgid_plural", ""),
                tuple(text for name, text in values.items() if name.startswith("msgstr")),
                bool(re.search(r"^#, .*\bfuzzy\b", block, re.MULTILINE)),
            )
        )
    return messages


def messages_of(language):
    return read_catalogue(CATALOGUES[language])[1:]


# The catalogues


@needs_gettext
def test_the_sources_ask_for_nothing_that_a_catalogue_leaves_out():
    assert check_messages.problems() == []


@needs_gettext
@pytest.mark.parametrize(
    ("language", "source", "is_missed"),
    [
        ("fr", "views/a_new_step.py", True),
        ("de", "views/a_new_step.py", True),
        ("fr", "views/admin/base.py", True),
        ("de", "views/admin/base.py", False),
        ("de", "views/admin/person_cards.py", True),
    ],
)
def test_a_text_that_nobody_translated_is_missed_where_it_is_promised(
    language, source, is_missed, tmp_path, monkeypatch
):
    monkeypatch.setattr(check_messages, "ROOT", tmp_path)
    path = tmp_path / "locale" / language / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    header = "Content-Type: text/plain; charset=UTF-8"
    path.write_text(
        f'msgid ""\nmsgstr "{header}\\n"\n\n#: {source}\nmsgid "Forgotten"\nmsgstr ""\n'
    )
    key = ("", "Forgotten", "")
    wanted = {key: check_messages.Message(key, (), (source,))}
    found = check_messages.catalogue_problems(path, wanted, tmp_path)
    assert any("does not translate: 'Forgotten'" in problem for problem in found) == is_missed


@pytest.mark.parametrize(
    "source",
    ["views/a_new_step.py", "a_new_module.py", "templates/wagtail_agenda/visitor/a_new_part.html"],
)
def test_a_new_module_speaks_to_visitors_until_somebody_says_it_does_not(source):
    message = check_messages.Message(sources=("models.py", source))
    assert all(check_messages.is_promised(language, message) for language in CATALOGUES)


def test_what_only_colleagues_read_is_promised_in_french_alone():
    message = check_messages.Message(sources=("models.py", "views/admin/week_and_day.py"))
    promised = {one for one in CATALOGUES if check_messages.is_promised(one, message)}
    assert promised == {"fr"}


def test_the_package_speaks_french():
    assert "fr" in CATALOGUES
    assert len(messages_of("fr")) > 600


def test_french_leaves_nothing_out():
    assert [message.text for message in messages_of("fr") if not message.translated] == []


@pytest.mark.parametrize("language", CATALOGUES)
def test_what_is_filled_in_keeps_its_place(language):
    wrong = [
        (message.text, text)
        for message in messages_of(language)
        for text in message.translations
        if text
        and set(PLACEHOLDER.findall(text))
        not in (
            set(PLACEHOLDER.findall(message.text)),
            set(PLACEHOLDER.findall(message.plural or message.text)),
        )
    ]
    assert wrong == []


@pytest.mark.parametrize("language", CATALOGUES)
def test_lines_stay_lines(language):
    """A line of a built-in mail goes if what it names is empty: see `built_in_mails.Text`."""
    wrong = [
        message.text
        for message in messages_of(language)
        if message.translated and not message.plural
        if [PLACEHOLDER.findall(line) for line in message.text.splitlines()]
        != [PLACEHOLDER.findall(line) for line in message.translations[0].splitlines()]
        if "\n" in message.text
    ]
    assert wrong == []


@pytest.mark.parametrize("language", CATALOGUES)
def test_the_compiled_catalogue_is_the_written_one(language):
    written = {}
    for message in messages_of(language):
        if not message.translated:
            continue
        key = f"{message.context}\x04{message.text}" if message.context else message.text
        for number, text in enumerate(message.translations):
            written[(key, number) if message.plural else key] = text
    with CATALOGUES[language].with_suffix(".mo").open("rb") as file:
        compiled = gnu_gettext.GNUTranslations(file)._catalog
    assert {key: text for key, text in compiled.items() if key} == written


@pytest.mark.parametrize("language", CATALOGUES)
def test_the_header_says_the_language_and_nobodys_address(language):
    header = read_catalogue(CATALOGUES[language])[0].translations[0]
    assert f"Language: {language}\n" in header
    assert re.search(r"Plural-Forms: nplurals=\d+; plural=.+;\n", header)
    assert "@" not in header


def test_french_is_set_as_french_is():
    """Unbreakable spaces in guillemets and before tall punctuation; real apostrophes."""
    texts = [text for message in messages_of("fr") for text in message.translations]
    assert [text for text in texts if re.search(r" [:;?!»]|[«] |[“”]", text)] == []
    # What stands in braces is for machines.
    texts = [re.sub(r"\{[^}]*\}", "", text) for text in texts]
    assert [text for text in texts if re.search(r"\w[;?!»]|«\w|\w:(?!//|\w|\d)", text)] == []
    assert [text for text in texts if re.search(r"\w'\w", text)] == []


def test_moments_are_said_as_the_french_say_them():
    start = datetime(2026, 12, 3, 9, 30, tzinfo=PARIS)
    with translation.override("fr"):
        assert wording.day_text(date(2026, 12, 3)) == "jeudi 3 décembre 2026"
        assert (
            wording.span_text(start, start.replace(hour=10, minute=0))
            == "jeudi 3 décembre 2026, de 09:30 à 10:00"
        )
        assert (
            wording.span_text(start, start.replace(day=4))
            == "du jeudi 3 décembre 2026 à 09:30 au vendredi 4 décembre 2026 à 09:30"
        )


# What people see and receive


@lru_cache
def leftovers(language):
    """A pattern for each English text that the catalogue translates: as a whole, and anywhere.

    Single words are looked for as a whole only, since another language may have them too.
    """
    whole, anywhere = [], []
    for message in messages_of(language):
        for text in filter(None, (message.text, message.plural)):
            said = PLACEHOLDER.sub("", text)
            if text in message.translations or WITHOUT_A_LETTER.fullmatch(said):
                continue
            pattern = r"\s+".join(
                ".+?".join(re.escape(part) for part in PLACEHOLDER.split(word))
                for word in re.sub(r"</?\w+>", " ", text).split()
            )
            whole.append(pattern)
            if len(re.findall(r"[^\W\d_]{2,}", said)) > 1:
                anywhere.append(pattern)
    # One look behind for all of them: only where a word begins are they tried at all.
    return re.compile("|".join(whole)), re.compile(rf"(?<!\w)(?:{'|'.join(anywhere)})(?!\w)")


@cache
def english_of(piece, language):
    """The English text of ours that a piece of a page is or has in it, or None."""
    whole, anywhere = leftovers(language)
    match = whole.fullmatch(piece) or anywhere.search(piece)
    return match and match[0]


def english_in(html, language):
    """The English texts of ours that stand in a page: between its tags or in its attributes."""
    html = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", "", html, flags=re.DOTALL)
    # Wagtail's counter of nothing, which it hides.
    html = re.sub(r"<div [^>]*\bhidden>\s*None\s*</div>", "", html)
    flowing = re.sub(r"</?(strong|span|b|em|abbr|a)\b[^>]*>", " ", html)
    pieces = re.split(r"<[^>]+>", html) + re.split(r"<[^>]+>", flowing)
    pieces += re.findall(r'\s(?:title|aria-label|alt|placeholder|data-agenda-\w+)="([^"]*)"', html)
    found = (english_of(" ".join(piece.split()), language) for piece in set(map(unescape, pieces)))
    return [text for text in dict.fromkeys(found) if text is not None]


@pytest.fixture
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture(params=CATALOGUES)
def language(request, db, settings):
    """The language of a site: its built-in booking workflow was made in it."""
    settings.LANGUAGE_CODE = request.param
    Workflow.objects.all().delete()
    ensure_default_workflow()
    return request.param


def passports():
    agenda, meeting_type, _desks = make_appointments(
        label="État civil",
        location="Hôtel de ville",
        contact="01 23 45 67 89",
        comment="Apportez l’ancien.",
        staff_addresses="guichet@fairbridge.example",
    )
    Schedule.objects.filter(agendas=agenda).update(label="Guichets")
    agenda.desks.update(label="Guichet 1")
    agenda.meeting_types.update(label="Passeport")
    return agenda


def workshop(**fields):
    agenda = make_agenda(kind=AgendaKind.EVENTS, label="Médiathèque", location="Place du Marché")
    return make_event(agenda, **{"label": "Atelier", **fields})


@dataclass
class Walk:
    """The visitors of a site in one language."""

    language: str
    clock: object

    def visitor(self, agenda, fields=()):
        definition = definition_of(agenda, language=self.language, fields=fields)
        client = Client(headers={"accept-language": self.language})
        return Visitor(client, agenda, definition, self.clock)

    def block(self, agenda):
        with translation.override(self.language):
            return BookingFormBlock().render(BookingFormBlock().to_python({"agenda": agenda.pk}))


def pages_of_an_appointment(walk):
    """Each page on the way to an appointment and back out of it, by a name for each."""
    agenda = passports()
    visitor = walk.visitor(agenda, FIELDS)
    yield "block", walk.block(agenda)
    make_meeting_type(agenda, label="Mariage", slug="mariage", duration=60)
    yield "block with two types", walk.block(agenda)
    yield "types", visitor.choose(more="1").text
    yield "picker", visitor.get("picker", type="passport").text
    yield "nothing chosen", visitor.post("picker").text
    yield "a month without times", visitor.get("picker", type="passport", day="2026-12-05").text
    yield "not offered", visitor.post("picker", slot="passport:2026-11-29-0900").text
    yield "details", visitor.post("picker", slot="passport:2026-11-30-0900").text
    yield "picker, holding", visitor.get("picker").text
    yield (
        "wrong details",
        visitor.post("details", user_name="", user_email="x", phone="x", people="x", born="x").text,
    )
    yield "summary", visitor.post("details", **TYPED, agreed="on").text
    yield "too quick", visitor.confirm().text
    walk.clock.tick(timedelta(minutes=12))
    yield "lapsed", visitor.get("summary").text
    visitor.post("picker", slot="passport:2026-11-30-0900")
    walk.clock.tick(10)
    yield "confirmed", visitor.confirm().text
    made = Booking.objects.get()
    visitor_page = reverse("wagtail_agenda:manage", args=[tokens.manage_token(made)])
    for name in ("manage", "manage_cancel"):
        page = reverse(f"wagtail_agenda:{name}", args=[tokens.manage_token(made)])
        yield name, visitor.client.get(page).text
    again = reverse("wagtail_agenda:mail_again", args=[tokens.manage_token(made)])
    yield "mail on its way", visitor.client.post(again, follow=True).text
    Delivery.objects.update(state=DeliveryState.DONE, done_at=made.created_at)
    yield "mail that has left", visitor.client.get(visitor_page).text
    for _time in range(4):
        Delivery.objects.update(state=DeliveryState.DONE, done_at=made.created_at)
        refused = visitor.client.post(again, follow=True).text
    yield "mail sent again too often", refused
    Delivery.objects.update(state=DeliveryState.FAILED)
    yield "mail that failed", visitor.client.get(visitor_page).text
    yield "reason too long", visitor.client.post(page, {"reason": "x" * 1001}).text
    yield "cancelled", visitor.client.post(page, {"reason": "Malade"}, follow=True).text
    yield "confirmed, cancelled since", visitor.get("confirmed").text


def pages_of_an_event(walk):
    event = workshop(places=2)
    full = workshop(places=1)
    make_booking(slot=availability.find(full.agenda, full.slug, now=NOW))
    visitor = walk.visitor(event.agenda)
    yield "block", walk.block(event.agenda)
    yield "picker", visitor.choose(more="1").text
    yield "details", visitor.post("picker", slot=event.slug).text
    yield "picker, holding", visitor.get("picker").text
    yield "block, full", walk.block(full.agenda)
    yield "picker, full", walk.visitor(full.agenda).choose(slot=full.slug).text


def pages_of_trouble(walk):
    agenda = passports()
    visitor = walk.visitor(agenda)
    yield "damaged", visitor.client.post(CHOOSE, {"definition": "x"}).text
    yield "elsewhere", visitor.client.post(CHOOSE, headers={"origin": "http://evil.example"}).text
    yield "by GET", visitor.client.get(CHOOSE).text
    yield "no basket", visitor.client.get("/agendas/book/x/y/").text
    yield "no booking", visitor.client.get("/agendas/manage/x/").text
    visitor.choose(more="1")
    agenda.live = False
    agenda.save()
    yield "closed", visitor.get("picker").text
    yield "block, closed", walk.block(agenda)
    nowhere = make_agenda(label="Archives", schedule=None, contact="01 23 45 67 89")
    make_meeting_type(nowhere, label="Consultation")
    yield "block, nothing free", walk.block(nowhere)
    yield "nothing free", walk.visitor(nowhere).choose(more="1").text


def council(**fields):
    """A meeting that has been called, and the client and the page of one who is invited."""
    words = {"title": "Conseil", "location": "Hôtel de ville", "description": "Le pont"}
    called = publish(
        make_meeting(passports(), video_link="https://visio.example/pont", **{**words, **fields})
    )
    invitation = called.invitations.get(address="ada@fairbridge.example")
    return called, Client(), reverse("wagtail_agenda:reply", args=[tokens.reply_token(invitation)])


def pages_of_an_invitation(walk):
    called, client, page = council()
    yield "invitation", client.get(page).text
    yield "no answer", client.post(page, {"answer": "x"}).text
    for answer in ("accepted", "tentative", "declined"):
        yield answer, client.post(page, {"answer": answer}, follow=True).text
    called.meeting.participants = called.meeting.participants.exclude(
        address="ada@fairbridge.example"
    )
    publish(called.meeting)
    yield "no longer invited", client.get(page).text
    meetings.cancel(called, actor=Actor.AGENT, now=NOW, reason="Travaux")
    yield "cancelled", client.get(page).text
    yield "no invitation", client.get("/agendas/reply/x/").text
    _called, client, page = council()
    walk.clock.tick(timedelta(days=3))
    yield "over", client.get(page).text


@pytest.mark.parametrize(
    "pages",
    [pages_of_an_appointment, pages_of_an_event, pages_of_trouble, pages_of_an_invitation],
)
def test_nobody_who_reads_another_language_is_shown_english(language, clock, pages):
    shown = {name: english_in(html, language) for name, html in pages(Walk(language, clock))}
    assert {name: texts for name, texts in shown.items() if texts} == {}


@pytest.mark.parametrize("language", ["fr"], indirect=True)
def test_the_way_to_an_appointment_is_french(language, clock):
    shown = dict(pages_of_an_appointment(Walk(language, clock)))
    for name, text in {
        "picker": "Choisissez un créneau",
        "wrong details": "Adresse électronique\N{NO-BREAK SPACE}: Saisissez",
        "summary": "lundi 30 novembre 2026, de 09:00 à 09:30",
        "confirmed": "Votre réservation est confirmée",
        "manage": "Confirmée",
        "mail on its way": "est en route vers a…@",
        "mail that has left": "est parti le",
        "mail sent again too often": "Le courriel a déjà été renvoyé plusieurs fois.",
        "mail that failed": "n’a pas pu être distribué",
        "cancelled": "Annulée",
    }.items():
        assert text in unescape(shown[name])


@pytest.mark.parametrize("language", ["fr"], indirect=True)
def test_an_agent_who_works_in_french_sees_no_english(language, clock, client):
    booking = make_booking(passports(), language=language)
    event = workshop()
    administrator = make_administrator()
    client.force_login(administrator)
    edit_url = AdminURLFinder(administrator).get_edit_url
    pages = [
        url_to("agenda"),
        url_to("week", booking.agenda.slug, booking.start.date()),
        url_to("day", booking.agenda.slug, booking.start.date()),
        url_to("week", event.agenda.slug, event.start.date()),
        url_to("month", booking.agenda.slug, booking.start.date()),
        url_to("list", booking.agenda.slug, booking.start.date()),
        url_to("day_sheet", booking.agenda.slug, booking.start.date()),
        url_to("check_in_day", booking.agenda.slug, booking.start.date()),
        url_to("check_in_event", event.pk),
        f"{url_to('search')}?q={booking.reference}",
        reverse("wagtail_agenda_guided:ready", args=[booking.agenda.pk]),
        url_to("booking_new", booking.agenda.slug),
        url_to("booking", booking.pk),
        url_to("booking_cancel", booking.pk),
        # Not the forms with choosers: Wagtail leaves those in the language the process began in.
        edit_url(booking.agenda.schedule),
        edit_url(booking.meeting_type),
        edit_url(booking.desk),
    ]
    responses = {page: client.get(page) for page in pages}
    assert {response.status_code for response in responses.values()} == {200}
    shown = {page: english_in(response.text, language) for page, response in responses.items()}
    assert {page: texts for page, texts in shown.items() if texts} == {}


@pytest.mark.parametrize(
    ("language", "heading"),
    [("en", "6 Jul"), ("fr", "6 juil."), ("de", "6. Juli"), ("ru", "6 июля")],
)
def test_the_head_of_a_week_writes_july_as_its_language_does(client, db, language, heading):
    agenda = passports()
    client.force_login(make_administrator())
    page = client.get(
        url_to("week", agenda.slug, date(2026, 7, 6)), headers={"accept-language": language}
    )
    assert f'datetime="2026-07-06">{heading}</time>' in page.text


def english_in_letter(letter, language):
    """What of a mail and its calendar entry has English texts of ours in it."""
    said = [letter.subject, *letter.text.splitlines(), letter.html]
    said += [line.partition(":")[2] for line in letter.calendar.decode().splitlines()]
    return [text for text in said if english_in(text, language)]


def test_the_built_in_mails_have_no_english_in_them(language, clock):
    booking = make_booking(passports(), language=language)
    bookings.cancel(booking, actor=Actor.AGENT, now=NOW, reason="Malade")
    letters = [letter_of(delivery, NOW) for delivery in Delivery.objects.all()]
    assert len(letters) == 4
    assert [text for letter in letters for text in english_in_letter(letter, language)] == []
    if language == "fr":
        assert letters[0].subject == (
            "Réservation confirmée\N{NO-BREAK SPACE}: "
            "Passeport – État civil, lundi 30 novembre 2026, 09:00"
        )
        assert "Motif\N{NO-BREAK SPACE}: Malade\n" in letters[2].text


def test_the_built_in_mails_about_meetings_have_no_english_in_them(language, clock):
    called, _client, _page = council()
    meeting = called.meeting
    meeting.start += timedelta(hours=1)
    publish(meeting)
    meeting.participants = meeting.participants.exclude(address="ada@fairbridge.example")
    publish(meeting)
    meetings.cancel(called, actor=Actor.AGENT, now=NOW, reason="Travaux")
    letters = [letter_of(delivery, NOW) for delivery in Delivery.objects.all()]
    assert len(letters) == 9
    assert [text for letter in letters for text in english_in_letter(letter, language)] == []
    if language == "fr":
        assert letters[0].subject == (
            "Invitation\N{NO-BREAK SPACE}: Conseil, mercredi 2 décembre 2026, 08:00"
        )


def test_what_is_handed_to_a_person_has_no_english_in_it(language, clock, client):
    called, visitor, page = council()
    visitor.post(page, {"answer": "accepted"})
    booking = make_booking(called.agenda, language=language)
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW, reason="Malade")
    client.force_login(make_administrator())
    asked = {"email": booking.user_email, "format": "html"}
    response = client.post(url_to("person_export"), asked, headers={"accept-language": language})
    assert booking.reference in response.text
    assert called.title in response.text
    assert english_in(response.text, language) == []


def test_what_looks_for_english_finds_it():
    assert english_in("<p>Il dit</p><button>Continue</button>", "fr") == ["Continue"]
    assert english_in('<a title="Add to my calendar">x</a>', "fr") == ["Add to my calendar"]
    assert english_in("<h1>Étape 1</h1><p>12 free times</p>", "fr") == ["12 free times"]
    assert english_in("<p>Held for you until <strong>07:10</strong></p>", "fr")
    assert english_in("<p>Un contact, une date</p><h2>Contact</h2>", "fr") == []
