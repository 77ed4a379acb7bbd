"""Runs inside a plain site of `check_wheel.py`: is the add-on there, and does it answer?

With `--book` the site's page shows its body: somebody books on it, and is sent the invitation.
"""

import os
import re
import sys
from html import unescape
from importlib.metadata import version

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "townhall.settings.dev"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core import mail  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import override_settings  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402
from home.models import HomePage  # noqa: E402

import wagtail_agenda  # noqa: E402
from wagtail_agenda import outbox  # noqa: E402
from wagtail_agenda.blocks import BookingFormBlock  # noqa: E402
from wagtail_agenda.models import Agenda, Booking, Desk, MeetingType, Schedule  # noqa: E402

problems = []


def expect(client: Client, address: str, status: int) -> None:
    found = client.get(address, headers={"host": "localhost"}).status_code
    if found != status:
        problems.append(f"GET {address} answers {found}, not {status}")


if "site-packages" not in wagtail_agenda.__file__:
    problems.append(f"wagtail_agenda comes from {wagtail_agenda.__file__}, not from the wheel")

visitor = Client()
expect(visitor, "/", 200)
expect(visitor, "/admin/login/", 200)

user = get_user_model().objects.create_superuser("admin", "admin@example.com", "admin")
administrator = Client()
administrator.force_login(user)
expect(administrator, "/admin/", 200)
expect(administrator, reverse(Agenda.snippet_viewset.get_url_name("list")), 200)
expect(administrator, reverse(Agenda.snippet_viewset.get_url_name("add")), 200)
expect(administrator, "/admin/pages/3/edit/", 200)

block = BookingFormBlock()
if not isinstance(block.render(block.to_python({})), str):
    problems.append("A booking form without an agenda does not render")


def book() -> None:
    """Sets up an agenda and takes a booking on the home page, as editor and visitor would."""
    every_day = {
        "weekdays": [str(number) for number in range(7)],
        "opens": "08:00",
        "closes": "18:00",
        "breaks": [],
    }
    schedule = Schedule.objects.create(
        label="Every day", periods=[{"type": "weekly", "value": every_day}]
    )
    agenda = Agenda.objects.create(
        kind="meetings", label="Passports", slug="passports", timezone="UTC", schedule=schedule
    )
    Desk.objects.create(agenda=agenda, label="Counter 1")
    MeetingType.objects.create(agenda=agenda, label="Passport", duration=30)
    page = HomePage.objects.get()
    page.body = [{"type": "booking_form", "value": {"agenda": agenda.pk}}]
    page.save_revision().publish()

    here = {"headers": {"host": "localhost"}, "follow": True}
    shown = visitor.get("/", **here).text
    form = {
        name: unescape(re.search(f'name="{name}" value="([^"]+)"', shown)[1])
        for name in ("definition", "slot")
    }
    details = visitor.post(reverse("wagtail_agenda:choose"), form, **here)
    address = details.request["PATH_INFO"]
    typed = {"user_name": "Ada Martin", "user_email": "ada@example.org"}
    summary = visitor.post(address, typed, **here)
    seen = re.search(r'name="seen" value="(\w+)"', summary.text)[1]
    with override_settings(WAGTAIL_AGENDA={"FORM_MINIMUM_SECONDS": 0}):
        done = visitor.post(summary.request["PATH_INFO"], {"seen": seen}, **here)
    booking = Booking.objects.get()
    if booking.reference not in done.text:
        problems.append("The confirmation does not tell the booking's number")
    outbox.sweep(now=timezone.now())
    if [message.to for message in mail.outbox] != [["Ada Martin <ada@example.org>"]]:
        problems.append(f"These mails were sent: {[message.to for message in mail.outbox]}")
    elif not any(
        b"BEGIN:VCALENDAR" in (part.get_payload(decode=True) or b"")
        for part in mail.outbox[0].message().walk()
    ):
        problems.append("The confirmation brings no invitation")


asked_to_book = "--book" in sys.argv
if asked_to_book:
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []
        book()

if problems:
    sys.exit("\n".join(problems))
names = ("wagtail-agenda", "wagtail", "django")
tried = "takes a booking" if asked_to_book else "works"
print(f"{tried} with " + ", ".join(f"{name} {version(name)}" for name in names))
