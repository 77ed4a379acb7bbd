"""What leaves a site comes in elsewhere as it was, and a second time it changes nothing."""

import json

import pytest

from example_site.home import demo_content
from tests.agenda_json.common import (
    empty_the_site,
    everything_set_up,
    exported,
    make_everything,
    take_in,
)
from tests.factories import NOW
from wagtail_agenda.blocks.actions import ActionsBlock
from wagtail_agenda.blocks.closures import ClosuresBlock
from wagtail_agenda.blocks.conditions import ConditionsBlock
from wagtail_agenda.blocks.schedule import PeriodsBlock
from wagtail_agenda.blocks.transitions import TransitionsBlock
from wagtail_agenda.importers.agenda_json import MADE, UNCHANGED
from wagtail_agenda.importers.agenda_json.format import SORTS
from wagtail_agenda.models import Booking, Event

pytestmark = pytest.mark.django_db


def load_the_demo():
    demo_content.load_site()
    demo_content.load_town_hall(NOW)


@pytest.fixture(params=[make_everything, load_the_demo], ids=["everything", "demo"])
def site(request):
    request.param()
    assert not Booking.objects.exists()


def test_what_a_site_exports_is_no_news_to_it(site):
    data = exported()
    before = everything_set_up()
    outcomes = take_in(data)
    assert {one.verdict for one in outcomes} == {UNCHANGED}
    assert everything_set_up() == before


def test_an_empty_site_becomes_the_same(site):
    data = exported()
    empty_the_site()
    outcomes = take_in(data)
    assert {one.verdict for one in outcomes} == {MADE}
    assert exported() == data

    before = everything_set_up()
    assert {one.verdict for one in take_in(data)} == {UNCHANGED}
    assert everything_set_up() == before


def test_the_file_of_everything_has_every_key_and_every_block():
    """Or else the tests above would not notice one that does not come back."""
    make_everything()
    data = json.loads(exported())
    blocks, keys = set(), set()

    def walk(value):
        if isinstance(value, dict):
            keys.update(value)
            blocks.add(value.get("type") if {"type", "value"} == value.keys() else None)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(data)
    assert {key for sort in SORTS.values() for key in sort.keys} <= keys
    for stream in (ActionsBlock, ClosuresBlock, ConditionsBlock, PeriodsBlock, TransitionsBlock):
        own = {
            name
            for name, child in stream().child_blocks.items()
            if type(child).__module__.startswith("wagtail_agenda.")
        }
        assert own <= blocks


def test_the_events_of_a_series_are_made_again_and_what_differs_is_kept():
    make_everything()
    before = list(
        Event.objects.filter(series__isnull=False, start__gt=NOW)
        .order_by("start", "slug")
        .values("slug", "start", "end", "location", "bookable__places", "cancellation_reason")
    )
    data = exported()
    empty_the_site()
    take_in(data)
    after = Event.objects.filter(series__isnull=False).order_by("start", "slug")
    assert list(after.values(*before[0])) == before
    assert len(before) > 10
