"""What a project adds of its own, proven by what the example town hall adds."""

import html
import re
from pathlib import Path

import pytest
from django import forms as django_forms
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.http import QueryDict
from django.utils.translation import gettext_lazy
from freezegun import freeze_time
from wagtail.blocks import CharBlock
from wagtail.models import Page

from example_site.home.document_number import DocumentNumberBlock, check_digit
from example_site.home.models import HomePage
from tests.agents import make_administrator, url
from tests.factories import NOW, make_appointments, make_booking
from tests.test_workflow import make_workflow
from wagtail_agenda import booking as bookings
from wagtail_agenda import checks, conf, correspondence, form_definition, forms, spam, throttle
from wagtail_agenda.blocks import FormFieldsBlock
from wagtail_agenda.blocks.actions import SendEmailBlock
from wagtail_agenda.choices import Actor, Audience
from wagtail_agenda.correspondence import register_placeholder
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Booking, Delivery, FormVersion, Hold

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

ROOT = Path(__file__).resolve().parent.parent
NUMBER = "L898902C36"
TYPED = {"user_name": "Ada Martin", "user_email": "ada@fairbridge.example", "old_number": NUMBER}
QUESTION = {
    "type": "document_number",
    "value": {"label": "Old document", "clean_name": "old_number", "required": True},
}
REMARKS = {"type": "multi_line", "value": {"label": "Remarks", "clean_name": "remarks"}}


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def agenda():
    return make_appointments(
        label_template="{appointment_type} {old_document}",
        user_display_label_template="Passport {old_document}",
        staff_addresses="counter@fairbridge.example",
        contact="Ask for Ms Weir",
    )[0]


def text_of(response):
    return " ".join(re.sub("<[^>]+>", " ", html.unescape(response.content.decode())).split())


class Visitor:
    """Somebody who has chosen the first time of a page's booking form."""

    def __init__(self, client, agenda, clock):
        self.client, self.clock = client, clock
        form = {"agenda": agenda.pk, "fields": [QUESTION, REMARKS]}
        page = HomePage(
            title="Passports", slug="passports", body=[{"type": "booking_form", "value": form}]
        )
        Page.objects.filter(depth=2).first().add_child(instance=page)
        shown = client.get(page.url).content.decode()
        choice = {
            "definition": html.unescape(re.search('name="definition" value="([^"]+)', shown)[1]),
            "slot": re.search('name="slot" value="([^"]+)', shown)[1],
        }
        response = client.post("/agendas/book/", choice, follow=True)
        self.details_url = response.request["PATH_INFO"]

    def fill_in(self, **answers):
        return self.client.post(self.details_url, {**TYPED, **answers}, follow=True)

    def confirm(self):
        summary = self.details_url.replace("details", "summary")
        seen = re.search(r'name="seen" value="(\w+)"', self.client.get(summary).text)[1]
        self.clock.tick(10)
        return self.client.post(summary, {"seen": seen}, follow=True)


@pytest.fixture
def visitor(client, agenda, clock):
    return Visitor(client, agenda, clock)


def letter(booking, audience, **text):
    delivery = Delivery.objects.filter(booking=booking, audience=audience).last()
    if text:
        delivery.action = {"texts": [text], "admission": "confirmed"}
    return letter_of(delivery, NOW)


# A question of a project's own


def test_a_question_of_the_towns_own_is_asked_judged_booked_and_told(visitor, client):
    assert 'name="old_number"' in client.get(visitor.details_url).text
    refused = visitor.fill_in(old_number="L898902C37")
    assert "Old document: Copy the nine letters and digits" in text_of(refused)
    assert 'value="L898902C37"' in refused.text

    summary = visitor.fill_in(old_number=" l898902c36")
    assert "Old document L898902C3 6" in text_of(summary)
    confirmed = visitor.confirm()

    assert "Your booking is confirmed" in confirmed.text
    booking = Booking.objects.get()
    assert booking.answers["old_number"] == NUMBER
    assert booking.label == "Passport …2C36"
    assert booking.user_display_label == "Passport …2C36"
    assert "Old document: L898902C3 6" in letter(booking, Audience.STAFF).text
    assert letter(booking, Audience.VISITOR).subject.startswith("Confirmed: Passport …2C36")
    client.force_login(make_administrator())
    seen_by_staff = text_of(client.get(url("booking", booking.pk)))
    assert "Old document L898902C3 6" in seen_by_staff
    assert "Passport …2C36" in seen_by_staff


def test_the_editor_finds_the_question_in_the_page_editor(client, agenda):
    client.force_login(make_administrator())
    page = HomePage(title="New", slug="new")
    Page.objects.filter(depth=2).first().add_child(instance=page)

    response = client.get(f"/admin/pages/{page.pk}/edit/")

    assert "Number of a travel document" in response.text


def test_the_question_asks_for_no_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    ("number", "digit"), [("L898902C3", "6"), ("D23145890", "7"), ("AB2134", "5")]
)
def test_the_check_digit_is_the_one_of_icao_9303(number, digit):
    assert check_digit(number) == digit


def test_a_question_whose_code_is_gone_is_asked_as_a_line_and_told_as_kept(monkeypatch):
    item = {"type": "gone", "clean_name": "old_number", "label": "Old document"}
    assert isinstance(forms.field_of(item), forms.LineField)
    pairs = form_definition.answers_in_words({"fields": [item]}, {"old_number": NUMBER})
    assert pairs == [("Old document", NUMBER)]


def test_an_answer_that_cannot_be_said_is_told_as_kept(monkeypatch, caplog):
    def fail(answer):
        raise KeyError(answer)

    monkeypatch.setitem(form_definition._said_by, "document_number", fail)
    assert form_definition.in_words(NUMBER, "document_number") == NUMBER
    assert "cannot be said" in caplog.text


def test_several_answers_of_one_question_are_all_kept(monkeypatch):
    monkeypatch.setattr(forms, "_builders", dict(forms._builders))
    monkeypatch.setattr(forms, "_field_blocks", dict(forms._field_blocks))

    @forms.register_field("floors", block=DocumentNumberBlock())
    def floors(item, **common):
        choices = [("1", "First"), ("2", "Second")]
        return django_forms.MultipleChoiceField(**common, choices=choices)

    asked = {"fields": [{"type": "floors", "clean_name": "floors", "label": "Floors"}]}
    post = QueryDict("user_name=Ada&user_email=ada@fairbridge.example&floors=1&floors=2")
    form = forms.form_of(asked, forms.typed(asked, post), judged=True)

    assert form.is_valid()
    assert forms.details_of(asked, form.cleaned_data).answers == {"floors": ["1", "2"]}
    assert "floors" in FormFieldsBlock().child_blocks


@pytest.mark.parametrize("kind", ["phone", "document_number"])
def test_no_question_takes_the_place_of_another(kind):
    with pytest.raises(ValueError, match="already"):
        forms.register_field(kind, block=CharBlock())


# Spam checks


def test_the_towns_spam_check_refuses_in_words_and_nothing_typed_is_lost(visitor, client):
    advertising = "https://cheap.example https://cheaper.example"
    visitor.fill_in(remarks=advertising)

    refused = visitor.confirm()

    assert refused.status_code == 422
    assert "Please take the web addresses out of your answers" in refused.text
    assert not Booking.objects.exists()
    assert advertising in text_of(refused)
    assert Hold.objects.get().answers["remarks"] == advertising
    assert advertising in client.get(visitor.details_url).text
    visitor.fill_in(remarks="See you soon")
    assert "Your booking is confirmed" in visitor.confirm().text


def test_a_refusal_counts_for_where_it_came_from_but_locks_no_address_out(
    visitor, client, settings
):
    settings.WAGTAIL_AGENDA = {
        **settings.WAGTAIL_AGENDA,
        "BOOKINGS_PER_EMAIL_PER_DAY": 1,
        "BOOKINGS_PER_ADDRESS_PER_HOUR": 2,
    }
    visitor.fill_in(remarks="https://cheap.example https://cheaper.example")
    assert [visitor.confirm().status_code for _attempt in range(3)] == [422, 422, 429]
    settings.WAGTAIL_AGENDA = {
        **settings.WAGTAIL_AGENDA,
        "BOOKINGS_PER_ADDRESS_PER_HOUR": 0,
    }
    visitor.fill_in(remarks="")
    assert "Your booking is confirmed" in visitor.confirm().text


def fails(request, form):
    raise ConnectionError("the service does not answer")


def says_yes(request, form):
    return True


def says_nothing(request, form):
    return " "


def speaks_later(request, form):
    return gettext_lazy("This is not possible.")


def lets_pass(request, form):
    assert form.cleaned_data["user_name"] == "Ada Martin"
    assert request.method == "POST"


HERE = "tests.test_extension_points."


@pytest.mark.parametrize("check", ["fails", "says_yes", "says_nothing", "is_not_there"])
def test_what_cannot_be_checked_is_refused_and_can_be_sent_again(visitor, settings, caplog, check):
    settings.WAGTAIL_AGENDA = {"SPAM_CHECKS": [HERE + check], "BOOKINGS_PER_ADDRESS_PER_HOUR": 1}
    visitor.fill_in()

    response = visitor.confirm()

    assert response.status_code == 503
    assert "Nothing you typed is lost" in response.text
    assert int(response["Retry-After"]) > 0
    assert HERE + check in caplog.text
    assert not Booking.objects.exists()
    settings.WAGTAIL_AGENDA = {"BOOKINGS_PER_ADDRESS_PER_HOUR": 1}
    assert "Your booking is confirmed" in visitor.confirm().text


def test_the_first_check_that_refuses_has_the_word(rf, settings):
    settings.WAGTAIL_AGENDA = {
        "SPAM_CHECKS": [HERE + "lets_pass", HERE + "speaks_later", HERE + "fails"]
    }
    form = forms.form_of({"fields": []}, TYPED, judged=True)
    assert form.is_valid()
    assert spam.refusal(rf.post("/"), form) == "This is not possible."


def test_every_check_must_let_pass(visitor, settings):
    settings.WAGTAIL_AGENDA = {"SPAM_CHECKS": [HERE + "lets_pass", HERE + "lets_pass"]}
    visitor.fill_in()
    assert "Your booking is confirmed" in visitor.confirm().text


def test_no_check_is_asked_once_the_limit_is_reached(visitor, settings, monkeypatch):
    def too_many(limits, now):
        raise throttle.TooMany(60)

    settings.WAGTAIL_AGENDA = {"SPAM_CHECKS": [HERE + "fails"]}
    visitor.fill_in()
    monkeypatch.setattr(throttle, "count", too_many)
    assert visitor.confirm().status_code == 429


@pytest.mark.parametrize("path", [HERE + "is_not_there", "nothing", HERE + "HERE", None])
def test_a_check_that_is_not_there_is_reported_at_start(settings, path):
    settings.WAGTAIL_AGENDA = {"SPAM_CHECKS": [path]}
    (error,) = checks.check_spam_checks(None)
    assert error.id == "wagtail_agenda.E007"


def test_the_towns_own_check_is_found():
    assert conf.get("SPAM_CHECKS")
    assert checks.check_spam_checks(None) == []


# Placeholders


def booked(agenda, **fields):
    version = FormVersion.objects.create(
        agenda=agenda,
        digest="0" * 64,
        definition={"fields": [{**QUESTION["value"], "type": "document_number"}], "language": "en"},
    )
    return make_booking(agenda, form_version=version, answers={"old_number": NUMBER}, **fields)


def test_a_mail_to_the_visitor_never_gets_what_is_for_the_staff(agenda):
    booking = booked(agenda)
    text = {
        "subject": "File: {archive_shelf}.",
        "text": "Fetch {archive_shelf}\nAbout {old_document}",
        "html": '<p>Fetch {archive_shelf}</p><p><a href="https://x.example/{archive_shelf}">a</a>'
        "</p><p>About {old_document}</p>",
    }

    to_staff = letter(booking, Audience.STAFF, **text)
    to_visitor = letter(booking, Audience.VISITOR, **text)

    assert to_staff.subject == "File: shelf L8."
    assert "Fetch shelf L8" in to_staff.text
    assert "Fetch shelf L8" in to_staff.html
    assert to_visitor.subject == "File: ."
    assert to_visitor.text == "About …2C36\n"
    for part in (to_visitor.subject, to_visitor.text, to_visitor.html):
        assert "shelf" not in part.replace("https://x.example", "")


@pytest.mark.parametrize(
    "template", ["label", "user_display_label", "description", "backoffice_url", "form_url"]
)
def test_a_label_never_gets_what_one_of_its_readers_must_not_know(agenda, template):
    address = "https://x.example/" if template.endswith("_url") else ""
    setattr(agenda, f"{template}_template", f"{address}About {{archive_shelf}}".replace(" ", "-"))
    agenda.save()

    booking = booked(agenda)

    assert "shelf" not in getattr(booking, template)
    assert getattr(booking, template).endswith("About-")


def test_an_editor_is_told_which_names_a_text_may_use(agenda):
    block = SendEmailBlock()

    def problems(to, text):
        value = {"to": to, "texts": [{"subject": "", "text": text, "html": "", "language": ""}]}
        try:
            block.clean(block.to_python(value))
        except ValidationError as error:
            (wrong,) = error.block_errors["texts"].block_errors.values()
            return wrong.block_errors["text"].messages[0]
        return ""

    assert problems(Audience.STAFF, "{archive_shelf} {old_document}") == ""
    assert problems(Audience.VISITOR, "{old_document}") == ""
    assert "in the place of {archive_shelf}" in problems(Audience.VISITOR, "{archive_shelf}")
    assert "{old_document}" in problems(Audience.VISITOR, "{archive_shelf}")
    for_labels = correspondence.names_for(*Audience)
    assert "old_document" in for_labels
    assert not {"archive_shelf", "manage_url"} & set(for_labels)


@pytest.fixture
def own_placeholders(monkeypatch):
    monkeypatch.setattr(correspondence, "_own_placeholders", dict(correspondence._own_placeholders))


def test_a_value_is_never_read_as_a_template_or_as_html(own_placeholders, agenda):
    @register_placeholder("shouted", "what somebody shouts", audiences=Audience)
    def shouted(booking):
        return "{user_email} <b>&"

    booking = booked(agenda)
    sent = letter(booking, Audience.VISITOR, text="{shouted}", html="<p>{shouted}</p>")

    assert sent.text == "{user_email} <b>&\n"
    assert "<p>{user_email} &lt;b&gt;&amp;</p>" in sent.html


def test_a_placeholder_is_asked_only_where_it_is_used(own_placeholders, agenda):
    asked = []

    @register_placeholder("costly", "what takes long to find", audiences=Audience)
    def costly(booking):
        asked.append(booking)

    booking = booked(agenda)
    letter(booking, Audience.VISITOR)
    assert asked == []
    assert letter(booking, Audience.VISITOR, text="{user_name}{costly}").text == "Ada Martin\n"
    assert asked == [booking]


def test_a_placeholder_that_fails_costs_neither_booking_nor_mail(own_placeholders, agenda, caplog):
    @register_placeholder("broken", "what cannot be found", audiences=Audience)
    def broken(booking):
        raise ZeroDivisionError

    agenda.label_template = "Passport {broken}"
    agenda.save()
    booking = booked(agenda)

    assert booking.label == "Passport"
    assert letter(booking, Audience.VISITOR, text="{user_name}{broken}").text == "Ada Martin\n"
    assert "'broken'" in caplog.text
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)


@pytest.mark.parametrize(
    "name", ["user_name", "answer_x", "Shelf", "a-b", "", "old_document", "a.b", "{a}"]
)
def test_no_placeholder_takes_the_place_of_another(name):
    with pytest.raises(ValueError, match="already"):
        register_placeholder(name, "", audiences=Audience)


@pytest.mark.parametrize("audiences", [[], ["everybody"]])
def test_a_placeholder_is_for_somebody(audiences):
    with pytest.raises(ValueError, match="for|everybody"):
        register_placeholder("somebody", "", audiences=audiences)


# Actions


def archived(**answers):
    to_staff = {"to": "staff", "files": ["slip"], "texts": [], "with_invitation": False}
    actions = [
        {"type": "archive_slip", "value": {"identifier": "slip"}},
        {"type": "send_email", "value": to_staff},
    ]
    made = make_workflow({"booked": "confirmed"}, confirmed=actions)
    agenda = make_appointments(workflow=made, staff_addresses="counter@fairbridge.example")[0]
    return make_booking(agenda, answers=answers)


def test_the_towns_own_action_keeps_a_file_that_a_mail_attaches():
    booking = archived(old_number=NUMBER)
    attached = letter(booking, Audience.STAFF).attachments
    assert [(one.name, one.content.decode()) for one in attached] == [
        (f"slip-{booking.reference}.txt", f"{NUMBER}\nneeded for {booking.reference}\n")
    ]


def test_where_the_towns_action_fails_the_booking_stands_and_the_mail_leaves():
    booking = archived()
    assert booking.entries.get(what="action_failed").data["code"] == "no old document"
    assert letter(booking, Audience.STAFF).attachments == ()


def test_editors_find_the_towns_action_among_the_others(client):
    client.force_login(make_administrator())
    assert (
        "Write a slip for the archive"
        in client.get("/admin/snippets/wagtail_agenda/workflowstatus/add/").text
    )


# Templates


def test_the_town_adds_to_a_page_of_the_package_by_a_template_of_the_same_name(visitor):
    visitor.fill_in()
    confirmed = text_of(visitor.confirm())
    assert "Your booking is confirmed" in confirmed
    assert confirmed.index("Booking number") < confirmed.index("Ask for Ms Weir")


def test_the_towns_own_frame_is_around_the_visitors_pages(visitor, client, settings):
    assert "site-header" not in client.get(visitor.details_url).text
    settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "BASE_TEMPLATE": "base.html"}
    framed = client.get(visitor.details_url).text
    assert "<title>Your details – Fairbridge Town Hall</title>" in framed
    assert "site-header" in framed
    assert 'name="old_number"' in framed


# The documentation


def test_the_documented_code_is_the_towns_code():
    page = (ROOT / "docs" / "how-to" / "extend-it.md").read_text()
    shown = dict(re.findall(r"```python\n# home/(\w+)\.py\n(.*?)```", page, flags=re.S))
    home = ROOT / "example_site" / "home"
    assert set(shown) == {"actions", "apps", "document_number", "placeholders", "spam"}
    for name in shown.keys() - {"apps"}:
        assert shown[name] == (home / f"{name}.py").read_text(), name
    assert (
        '"example_site.home.spam.no_advertising"'
        in (ROOT / "example_site" / "settings" / "base.py").read_text()
    )
