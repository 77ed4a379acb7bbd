"""The whole road in a real browser: page → time → details → confirmation → mail → cancellation.

Once with JavaScript, where the steps take the place of the block, and once without. The mails come
from a real SMTP server, and the invitation is read by a parser that is not the one that wrote it.
"""

import email
import email.policy
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from wagtail.models import Page, Site

from example_site.home.models import HomePage
from tests.browser.picking import pick
from tests.factories import make_agenda, make_desk, make_event, make_meeting_type
from tests.second_parser import read_calendar
from wagtail_agenda import outbox
from wagtail_agenda.choices import Admission, AgendaKind
from wagtail_agenda.models import Booking

FIELDS = [
    {"type": "phone", "value": {"label": "Telephone", "required": False}},
    {
        "type": "choice",
        "value": {"label": "Document", "required": True, "choices": ["Passport", "Identity card"]},
    },
    {
        "type": "consent",
        "value": {"label": "I agree", "required": True, "text": "We keep this for a year."},
    },
]


@pytest.fixture
def passport_page(live_server):
    """A published page whose block takes appointments at two desks; its path."""
    agenda = make_agenda(
        label="Town hall",
        slug="town-hall",
        comment="Bring your old passport.",
        description="Applying for a passport",
        url="https://fairbridge.example/passport/",
        staff_addresses="desk@fairbridge.example",
    )
    for label in ("Counter 1", "Counter 2"):
        make_desk(agenda, label=label)
    make_meeting_type(agenda, label="Passport application")
    return publish(live_server, agenda, "passport")


@pytest.fixture
def workshop_page(live_server):
    """A published page whose block takes places of a workshop with two places; its path."""
    agenda = make_agenda(kind=AgendaKind.EVENTS, label="Workshops", slug="workshops")
    start = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    make_event(agenda, label="Repair café", places=2, start=start)
    return publish(live_server, agenda, "workshops")


def publish(live_server, agenda, slug):
    address = urlsplit(live_server.url)
    home = Page.objects.filter(depth=2).first()
    Site.objects.update(hostname=address.hostname, port=address.port)
    page = HomePage(
        title=agenda.label,
        slug=slug,
        body=[
            {
                "type": "booking_form",
                "value": {
                    "agenda": agenda.pk,
                    "heading": "Book here",
                    "fields": FIELDS,
                    "confirmation_text": "<p>See you soon.</p>",
                },
            }
        ],
    )
    home.add_child(instance=page)
    return page.url


def fill_details(page):
    page.get_by_label("Name").fill("Ada Martin")
    page.get_by_label("E-mail").fill("ada@fairbridge.example")
    page.get_by_label("Telephone").fill("01 23 45 67 89")
    page.get_by_label("Document").select_option("Passport")
    page.get_by_label("I agree").check()


def heading(page, text):
    page.get_by_role("heading", name=text).wait_for()


def as_messages(server):
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in server.messages]


def calendar_in(message):
    parts = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    return read_calendar(parts[0].get_payload(decode=True))


def be_patient(settings):
    # Nobody waits three seconds in a test.
    settings.WAGTAIL_AGENDA = {"FORM_MINIMUM_SECONDS": 0}


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_visitor_books_an_appointment_and_cancels_it_by_the_mail(
    script,
    open_page,
    passport_page,
    smtp_server,
    settings,
    watch,
    axe,
):
    be_patient(settings)
    page = open_page(java_script_enabled=script)
    watched = watch(page) if script else None
    look = axe if script else lambda _page: None

    page.goto(passport_page)
    look(page)
    times = page.get_by_role("radio")
    name = times.first.evaluate("radio => radio.parentElement.innerText") if script else None
    if name:
        # The accessible name carries the full date, time and zone.
        assert re.search(r"\w+day \d+ \w+ \d{4}, \d\d:\d\d to \d\d:\d\d \(Europe/Paris", name)
    pick(times.first)
    page.get_by_role("button", name="Continue").click()

    heading(page, "Your details")
    look(page)
    assert "Held for you until" in page.inner_text("body")
    page.get_by_role("button", name="Continue").click()
    heading(page, "Please correct")
    look(page)
    fill_details(page)
    page.get_by_role("button", name="Continue").click()

    heading(page, "Check your booking")
    look(page)
    assert "Ada Martin" in page.inner_text("body")
    page.get_by_role("button", name="Confirm booking").click()

    heading(page, "Your booking is confirmed")
    look(page)
    assert "See you soon." in page.inner_text("body")
    if script:
        assert urlsplit(page.url).path.startswith(passport_page) or "/book/" in page.url

    booking = Booking.objects.get()
    assert booking.admission == Admission.CONFIRMED
    assert booking.user_phone_number == "01 23 45 67 89"
    assert outbox.sweep() == 2
    to_visitor, to_staff = as_messages(smtp_server)
    assert to_visitor["To"].addresses[0].addr_spec == "ada@fairbridge.example"
    assert to_staff["To"].addresses[0].addr_spec == "desk@fairbridge.example"
    invited = calendar_in(to_visitor)
    assert invited.method == "REQUEST"
    assert invited.event.start == booking.start
    assert invited.event.location == booking.agenda.location
    assert invited.event.comment == "Bring your old passport."
    assert invited.event.url == "https://fairbridge.example/passport/"
    assert "Applying for a passport" in invited.event.description

    text = to_visitor.get_body(("plain",)).get_content()
    link = re.search(r"http://\S+/manage/\S+", text).group()
    page.goto(link)
    look(page)
    page.get_by_role("link", name="Cancel the booking").click()
    heading(page, "Do you want to cancel this booking?")
    look(page)
    assert Booking.objects.get().admission == Admission.CONFIRMED
    page.get_by_label("Reason").fill("I am ill")
    page.get_by_role("button", name="Cancel the booking").click()
    page.get_by_text("This booking is cancelled").wait_for()
    look(page)

    assert Booking.objects.get().admission == Admission.CANCELLED
    assert outbox.sweep() == 2
    cancellation = calendar_in(as_messages(smtp_server)[2])
    assert cancellation.method == "CANCEL"
    assert cancellation.event.uid == invited.event.uid
    assert cancellation.event.sequence == invited.event.sequence + 1
    if watched:
        watched.assert_clean()


def test_phone_leads_through_the_month_to_another_day(phone, passport_page, settings, watch, axe):
    be_patient(settings)
    watched = watch(phone)
    phone.goto(passport_page)
    axe(phone)
    phone.get_by_role("button", name="More times").click()
    heading(phone, "Choose a time")
    axe(phone)
    with phone.expect_response(lambda response: "day=" in response.url):
        phone.get_by_role("table").get_by_role("link").last.click()
    phone.locator("[data-agenda-block][aria-busy]").wait_for(state="detached")
    pick(phone.get_by_role("radio").last)
    phone.get_by_role("button", name="Continue").click()
    heading(phone, "Your details")
    axe(phone)
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= phone.viewport_size["width"]
    watched.assert_clean()


def test_visitor_who_loses_the_time_keeps_what_they_typed(page, passport_page, settings):
    be_patient(settings)
    page.goto(passport_page)
    pick(page.get_by_role("radio").first)
    page.get_by_role("button", name="Continue").click()
    heading(page, "Your details")
    fill_details(page)
    lose_every_place_at_that_time()
    page.get_by_role("button", name="Continue").click()
    heading(page, "Choose another time")
    pick(page.get_by_role("radio").first)
    page.get_by_role("button", name="Take this one").click()
    heading(page, "Check your booking")
    assert "Ada Martin" in page.inner_text("body")
    assert "Passport" in page.inner_text("body")


def lose_every_place_at_that_time():
    """The hold lapses, and others book the time at every desk."""
    from tests.factories import make_details
    from wagtail_agenda import availability, booking
    from wagtail_agenda.models import Hold, Occupation

    hold = Hold.objects.get()
    past = timezone.now() - timedelta(seconds=1)
    Hold.objects.update(lapses_at=past)
    Occupation.objects.update(lapses_at=past)
    slot = booking.slot_of(hold)
    for _desk in range(2):
        found = availability.find(hold.agenda, slot.key, now=timezone.now())
        booking.book(found, make_details(), now=timezone.now())


def test_visitor_books_a_place_at_a_workshop(page, open_page, workshop_page, settings, axe):
    be_patient(settings)
    page.goto(workshop_page)
    axe(page)
    assert "2 places left" in page.inner_text("body")
    pick(page.get_by_role("radio", name="Repair café"))
    page.get_by_role("button", name="Continue").click()
    heading(page, "Your details")
    fill_details(page)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Confirm booking").click()
    heading(page, "Your booking is confirmed")
    another = open_page()
    another.goto(workshop_page)
    assert "1 place left" in another.inner_text("body")
