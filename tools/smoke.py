"""Runs inside the plain site of `check_wheel.py`: is the add-on there, and does it answer?"""

import os
import sys
from importlib.metadata import version

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "townhall.settings.dev"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

import wagtail_agenda  # noqa: E402
from wagtail_agenda.blocks import BookingFormBlock  # noqa: E402
from wagtail_agenda.models import Agenda  # noqa: E402

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

if problems:
    sys.exit("\n".join(problems))
names = ("wagtail-agenda", "wagtail", "django")
print("works with " + ", ".join(f"{name} {version(name)}" for name in names))
