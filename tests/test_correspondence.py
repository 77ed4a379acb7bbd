"""What people read about a booking: labels, and mails in their language."""

from datetime import datetime, time

import pytest
from django.utils import translation
from wagtail.models import Site

from tests.factories import (
    NOW,
    PARIS,
    make_appointments,
    make_booking,
    make_schedule,
    weekly,
)
from wagtail_agenda import booking as bookings
from wagtail_agenda import correspondence, tokens
from wagtail_agenda.choices import Actor, Audience
from wagtail_agenda.correspondence import answer_lines, placeholder_values
from wagtail_agenda.letters import letter_of
from wagtail_agenda.models import Delivery, FormVersion

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def full_agenda(**fields):
    return make_appointments(
        **{
            "label": "Passports",
            "staff_addresses": "counter@fairbridge.example",
            "comment": "Bring your old passport.",
            "contact": "Telephone 020 7946 0000",
            "url": "https://www.fairbridge.example/passports/",
            **fields,
        }
    )[0]


def letter(booking, audience=Audience.VISITOR, **changes):
    delivery = Delivery.objects.filter(booking=booking, audience=audience).last()
    for name, value in changes.items():
        setattr(delivery, name, value)
    return letter_of(delivery, NOW)


def written(**text):
    return {"texts": [text], "admission": "confirmed"}


# What a reader sees


def test_the_visitors_mail_reads_like_this():
    booking = make_booking(full_agenda())

    mail = letter(booking)

    assert mail.subject == "Confirmed: Passport – Passports, Monday 30 November 2026, 09:00"
    assert mail.text == (
        "Hello Ada Martin,\n"
        "\n"
        "Your booking is confirmed.\n"
        "\n"
        "Passport – Passports\n"
        "Monday 30 November 2026, 09:00 to 09:30 (Europe/Paris, UTC+01:00)\n"
        "Town hall, 1 Market Square, Fairbridge\n"
        f"Booking number: {booking.reference}\n"
        "\n"
        "Bring your old passport.\n"
        "\n"
        "See or cancel your booking:\n"
        f"{correspondence.manage_url(booking)}\n"
        "\n"
        "Please do not pass this link on: whoever has it can cancel your booking.\n"
        "\n"
        "Telephone 020 7946 0000\n"
    )
    assert mail.to.name == "Ada Martin"


def test_html_says_the_same_in_paragraphs_with_the_language_and_a_link():
    booking = make_booking(full_agenda())

    html = letter(booking).html

    link = correspondence.manage_url(booking)
    assert '<html lang="en" dir="ltr">' in html
    assert "<p>Your booking is confirmed.</p>" in html
    assert f'<a href="{link}">{link}</a>' in html
    assert "style" not in html


def test_staff_are_told_who_comes_without_the_visitors_link():
    booking = make_booking(full_agenda(), user_phone_number="020 1234", answers={"colour": "red"})

    mail = letter(booking, Audience.STAFF)

    assert mail.subject == "New booking: Passport – Ada Martin, Monday 30 November 2026, 09:00"
    assert f"{booking.desk.label}\n" in mail.text
    assert "E-mail: ada@fairbridge.example\nTelephone: 020 1234\n\ncolour: red\n" in mail.text
    assert tokens.manage_token(booking) not in mail.text + mail.html
    assert mail.to.name == ""


def test_what_nobody_typed_leaves_no_trace():
    agenda = full_agenda(comment="", contact="", location="")
    booking = make_booking(agenda, user_name="", user_phone_number="")

    visitor, staff = letter(booking), letter(booking, Audience.STAFF)

    assert visitor.text.startswith("Your booking is confirmed.\n")
    for text in (visitor.text, staff.text):
        assert "Hello" not in text
        assert "Telephone" not in text
        assert "\n\n\n" not in text
        assert not any(line != line.strip() for line in text.splitlines())
    assert staff.subject == "New booking: Passport, Monday 30 November 2026, 09:00"


def test_cancellation_gives_its_reason_and_no_link():
    booking = make_booking(full_agenda())
    bookings.cancel(booking, actor=Actor.AGENT, now=NOW, reason="The clerk is ill.")

    mail = letter(booking)

    assert mail.subject.startswith("Cancelled: Passport – Passports, Monday")
    assert "Your booking is cancelled.\n" in mail.text
    assert "Reason: The clerk is ill.\n" in mail.text
    assert "/manage/" not in mail.text
    assert mail.references == Delivery.objects.filter(audience="visitor").first().message_id


def test_cancellation_without_reason_has_no_word_of_it():
    booking = make_booking(full_agenda())
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW)

    assert "Reason" not in letter(booking).text


# Whose language, whose words


def test_the_visitor_reads_their_own_language_and_staff_the_sites():
    booking = make_booking(full_agenda(), language="fr")

    visitor, staff = letter(booking), letter(booking, Audience.STAFF)

    assert "lundi 30 novembre 2026" in visitor.text
    assert visitor.language == "fr"
    assert '<html lang="fr"' in visitor.html
    assert "Monday 30 November 2026" in staff.text


@pytest.mark.parametrize("language", ["", "xx", "fr\x00", "../../etc", "zz-ZZ-zz"])
def test_a_language_the_site_does_not_have_is_answered_in_the_sites(language):
    booking = make_booking(full_agenda(), language="en")
    booking.language = language

    assert correspondence.language_for(booking, Audience.VISITOR) == "en"


def test_a_regional_language_is_answered_in_the_one_the_site_has():
    booking = make_booking(full_agenda(), language="fr-ca")

    assert letter(booking).language == "fr"


def test_an_editors_text_is_taken_in_the_visitors_language():
    booking = make_booking(full_agenda(), language="fr")
    texts = [
        {"language": "en", "subject": "English", "text": "Dear {user_name}", "html": ""},
        {"language": "fr", "subject": "Français", "text": "Bonjour {user_name}", "html": ""},
        {"language": "", "subject": "Any", "text": "Any", "html": ""},
    ]

    french = letter(booking, action={"texts": texts})
    booking.language = "de"
    booking.save()
    german = letter(booking, action={"texts": texts})

    assert (french.subject, french.text) == ("Français", "Bonjour Ada Martin\n")
    assert (german.subject, german.text) == ("Any", "Any\n")


def test_a_text_in_another_language_only_is_not_sent_to_those_who_do_not_read_it():
    booking = make_booking(full_agenda(), language="en")

    mail = letter(booking, action=written(language="fr", subject="Sujet", text="Texte", html=""))

    assert mail.subject.startswith("Confirmed:")
    assert mail.text.startswith("Hello Ada Martin,")


def test_empty_parts_keep_the_built_in_wording():
    booking = make_booking(full_agenda())

    subject = letter(booking, action=written(language="en", subject="See you {time}", text=None))
    text = letter(booking, action=written(language=None, subject="", text="Only {place}{time}"))
    html = letter(booking, action=written(language="", html="<p>Come at {time}, {user_name}</p>"))

    assert subject.subject == "See you 09:00"
    assert subject.text.startswith("Hello Ada Martin,")
    assert text.subject.startswith("Confirmed:")
    assert text.text == "Only {place}09:00\n"
    assert "<p>Only {place}09:00</p>" in text.html
    assert "<p>Come at 09:00, Ada Martin</p>" in html.html
    assert html.text.startswith("Hello Ada Martin,")


def test_what_a_visitor_types_is_text_in_every_part():
    name = '<img src=x onerror="alert(1)"> {manage_url} & co'
    booking = make_booking(full_agenda(), user_name=name)

    mail = letter(booking, action=written(subject="{user_name}", html="<p>{user_name}</p>"))

    assert mail.subject == name
    assert f"Hello {name}," in mail.text
    assert (
        "<p>&lt;img src=x onerror=&quot;alert(1)&quot;&gt; {manage_url} &amp; co</p>" in mail.html
    )
    assert "<img" not in mail.html


def test_an_address_that_a_visitor_types_is_not_made_a_link():
    booking = make_booking(
        full_agenda(contact="https://town.example/contact"),
        user_name="Win at http://evil.example/a",
        answers={"colour": "http://evil.example/b"},
    )

    visitor, staff = letter(booking), letter(booking, Audience.STAFF)

    assert "Hello Win at http://evil.example/a," in visitor.html
    assert '<a href="https://town.example/contact">' in visitor.html
    assert "http://evil.example/b" in staff.html
    assert 'href="http://evil' not in visitor.html + staff.html


def test_the_visitors_own_reason_is_told_to_staff_alone():
    booking = make_booking(full_agenda())
    bookings.cancel(booking, actor=Actor.VISITOR, now=NOW, reason="Buy at http://evil.example/")

    visitor, staff = letter(booking), letter(booking, Audience.STAFF)

    assert "evil" not in visitor.text + visitor.html + visitor.subject
    assert "Reason" not in visitor.text
    assert "Reason: Buy at http://evil.example/\n" in staff.text
    assert "href" not in staff.html


def test_links_to_pages_of_the_site_get_its_address():
    site = Site.objects.get(is_default_site=True)
    booking = make_booking(full_agenda(), site=site)
    html = (
        '<p><a href="/about/">a</a> <a href="//cdn.example/">b</a> <a linktype="page" id="2">c</a>'
    )

    sent = letter(booking, action=written(html=html + "</p>")).html

    assert f'<a href="{site.root_url}/about/">a</a>' in sent
    assert '<a href="//cdn.example/">b</a>' in sent
    assert f'<a href="{site.root_url}/">c</a>' in sent


def test_an_empty_answer_takes_its_paragraph_with_it():
    booking = make_booking(full_agenda(), user_phone_number="")
    html = "<p>Hello</p><p>Telephone: <b>{user_phone_number}</b></p><ul><li>{contact}</li></ul>"

    sent = letter(booking, action=written(html=html)).html

    assert "Telephone:" not in sent
    assert "<p>Hello</p><ul><li>Telephone 020 7946 0000</li></ul>" in sent


def test_the_manage_link_uses_the_address_the_site_was_booked_on(settings):
    site = Site.objects.get(is_default_site=True)
    site.hostname, site.port = "www.fairbridge.example", 443
    site.save()
    booking = make_booking(full_agenda(), site=site)

    assert correspondence.manage_url(booking).startswith("https://www.fairbridge.example/agendas/")
    settings.WAGTAIL_AGENDA = {"BASE_URL": "https://other.example/"}
    assert correspondence.manage_url(booking).startswith("https://other.example/agendas/manage/")


# Labels and placeholders


def test_label_templates_are_filled_in():
    agenda = full_agenda(
        label_template="{appointment_type} / {user_name}",
        user_display_label_template="{agenda} on {date}",
        description_template="{answers}\n{answer_colour}{unknown}",
        backoffice_url_template="https://office.example/{number}",
        form_url_template="javascript:{number}",
    )
    booking = make_booking(agenda, answers={"colour": "red"}, language="fr")

    assert booking.label == "Passport / Ada Martin"
    assert booking.user_display_label == "Passports on lundi 30 novembre 2026"
    assert booking.description == "colour: red\nred{unknown}"
    assert booking.backoffice_url == f"https://office.example/{booking.reference}"
    assert booking.form_url == ""


def test_labels_fit_their_columns_whatever_is_typed():
    agenda = full_agenda(
        label_template="{answer_a}",
        user_display_label_template="{answer_a}",
        backoffice_url_template="https://office.example/{answer_a}",
        form_url_template="https://office.example/{answer_a}",
    )
    booking = make_booking(agenda, answers={"a": "x" * 5000})
    booking.refresh_from_db()

    assert booking.label == "x" * 255
    assert booking.backoffice_url == booking.form_url == ""


def test_answers_are_told_by_their_labels_in_their_order():
    agenda = full_agenda()
    version = FormVersion.objects.create(
        digest="d",
        agenda=agenda,
        definition={
            "fields": [
                {"type": "consent", "clean_name": "consent", "label": "I agree"},
                {"type": "checkboxes", "clean_name": "days", "label": "Days"},
                {"type": "single_line", "clean_name": "empty", "label": "Empty"},
                {"type": "date", "clean_name": "born", "label": "Born"},
            ]
        },
    )
    answers = {
        "later": 3,
        "days": ["Mon", "Tue"],
        "consent": True,
        "empty": "",
        "born": "1990-12-03",
    }
    booking = make_booking(agenda, form_version=version, answers=answers)

    assert answer_lines(booking) == [
        ("I agree", "Yes"),
        ("Days", "Mon, Tue"),
        ("Born", "Dec. 3, 1990"),
        ("later", "3"),
    ]
    assert placeholder_values(booking)["answer_born"] == "Dec. 3, 1990"


def test_every_placeholder_on_offer_can_be_filled():
    booking = make_booking(full_agenda())

    assert set(correspondence.PLACEHOLDERS) == set(placeholder_values(booking))
    assert set(correspondence.LABEL_PLACEHOLDERS) < set(correspondence.PLACEHOLDERS)


def test_times_are_told_in_the_agendas_zone():
    schedule = make_schedule(weekly(opens=time(9), closes=time(17)))
    agenda = full_agenda(timezone="America/New_York", schedule=schedule)
    booking = make_booking(agenda, now=datetime(2026, 7, 6, 7, 0, tzinfo=PARIS))

    values = placeholder_values(booking)

    assert values["when"] == "Monday 6 July 2026, 09:00 to 09:30"
    assert values["time_zone"] == "America/New_York, UTC-04:00"


def test_staff_and_visitor_content_does_not_depend_on_the_language_active_around_it():
    booking = make_booking(full_agenda(), language="fr", answers={"consent": True})

    with translation.override("ru"):
        first = letter(booking)
    with translation.override("en"):
        second = letter(booking)

    assert first == second
