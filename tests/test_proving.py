"""`agenda_prove` tells the truth, and leaves nothing behind."""

import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.booking.books import Books
from wagtail_agenda import booking, proving, signals
from wagtail_agenda.booking import admission
from wagtail_agenda.models import Agenda, Bookable, Delivery, Desk, Entry, Hold, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def left():
    models = (Agenda, Bookable, Desk, Entry, Hold, Delivery, Workflow)
    return Books.read(), {model: model.objects.count() for model in models}


def prove(*options):
    out, code = StringIO(), 0
    try:
        call_command("agenda_prove", "--visitors", "8", "--rounds", "1", *options, stdout=out)
    except SystemExit as end:
        code = end.code
    return out.getvalue().strip().splitlines(), code


def test_nothing_is_oversold_and_nothing_left():
    before, heard = left(), []
    signals.booking_advanced.connect(lambda **about: heard.append(about), weak=False)
    receivers = signals.booking_advanced.receivers[:]
    try:
        said, code = prove()
        assert signals.booking_advanced.receivers == receivers
    finally:
        signals.booking_advanced.receivers.pop()
        signals.booking_advanced.sender_receivers_cache.clear()
    assert (said[-1], code) == ("Nothing was oversold.", 0)
    assert said[0].startswith("One appointment: 8 visitors, 1 of 1 got a place; refused: 7 ×")
    assert said[2].startswith("A course with a waiting list: 8 visitors, 1 of 1 got a place and 1")
    if connection.vendor == "sqlite":
        assert "SQLite lets in one writer at a time" in said[3]
    else:
        assert said[3].startswith("The control, without the lock: 8 visitors, 8 of 1")
        assert said[4].startswith("It oversold, as it must")
    assert heard == []
    assert left() == before


def test_says_so_if_something_is_oversold(monkeypatch):
    """Whoever takes the lock away and finds no place taken, oversells."""
    before = left()
    monkeypatch.setattr(admission, "require_free", lambda *_args, **_options: None)
    monkeypatch.setattr(booking.making, "require_free", lambda *_args, **_options: None)
    monkeypatch.setattr(booking.holds, "require_free", lambda *_args, **_options: None)
    said, code = prove()
    assert (said[-1], code) == ("OVERSOLD: One appointment", 1)
    assert left() == before


@pytest.mark.parametrize("how", [KeyboardInterrupt, LookupError])
def test_removes_what_it_made_when_it_is_stopped(monkeypatch, how):
    before = left()

    def stop(*_arguments):
        assert Agenda.objects.filter(slug__startswith=proving.MARK).exists()
        raise how

    monkeypatch.setattr(proving, "_at_once", stop)
    with pytest.raises(CommandError if how is KeyboardInterrupt else how):
        prove()
    assert left() == before


def test_removes_what_a_race_left_that_was_killed(monkeypatch):
    before = left()
    killed = proving._town()
    killed.__enter__()
    proving.remove_leftovers()
    # It may be in a race that somebody else runs just now.
    assert left() != before
    monkeypatch.setattr(proving, "LEFT_AFTER", -1)
    list(proving.races(2, 1))
    assert left() == before


def test_says_so_if_not_everybody_could_come(monkeypatch):
    def refuse(number):
        raise threading.BrokenBarrierError

    before = left()
    monkeypatch.setattr(proving, "_patiently", lambda _come: refuse)
    with pytest.raises(CommandError, match="Ask for fewer visitors"):
        prove()
    assert left() == before


def test_visitors_see_nothing_of_it(client):
    with proving._town() as town:
        assert not booking.holds.availability.is_open(town.agenda, proving.CLOSES)
        assert client.get(f"/{town.agenda.slug}/").status_code == 404


def test_needs_a_database_that_others_see(monkeypatch):
    if connection.vendor != "sqlite":
        pytest.skip("Only SQLite has a database in memory.")
    monkeypatch.setattr(connection, "is_in_memory_db", lambda: True)
    with pytest.raises(CommandError, match="in memory"):
        prove()


@pytest.mark.parametrize("option", ["--visitors=1", "--visitors=x", "--rounds=0"])
def test_refuses_numbers_that_make_no_race(option):
    with pytest.raises(CommandError, match="no whole number"):
        prove(option)
