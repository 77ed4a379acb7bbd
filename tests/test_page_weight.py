"""What a booking form costs the page it stands on, in bytes before any compression."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from wagtail.models import Page

from example_site.home.models import HomePage
from tests.factories import make_appointments
from tests.test_views_visitor import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

HEAVIEST = 15_000


def ours(html):
    """The style sheets and scripts of the package that a page loads."""
    found = re.findall(
        r'<(?:link|script)\b[^>]*(?:href|src)="/static/(wagtail_agenda/[^"]+)"', html
    )
    return {name: Path(finders.find(name)).stat().st_size for name in set(found)}


def test_the_block_brings_less_than_15_kilobytes(client):
    agenda = make_appointments()[0]
    page = HomePage(title="Passports", slug="passports")
    page.body = [("booking_form", {"agenda": agenda, "heading": "Book", "fields": []})]
    Page.objects.filter(depth=2).first().add_child(instance=page)

    weights = ours(client.get(page.url).text)

    assert set(weights) == {"wagtail_agenda/booking.css", "wagtail_agenda/booking.js"}
    assert sum(weights.values()) <= HEAVIEST, weights


def test_the_steps_add_one_style_sheet(client):
    visitor = Visitor(client, make_appointments()[0])
    steps = ours(visitor.choose(more="1").text)
    assert set(steps) - {"wagtail_agenda/booking.css", "wagtail_agenda/booking.js"} <= {
        "wagtail_agenda/standalone.css",
        "wagtail_agenda/steps.css",
    }
    assert "wagtail_agenda/steps.css" in steps
