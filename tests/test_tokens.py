"""The secret link of a booking: made from the secret key, never kept, of no use to anybody else."""

import hashlib

import pytest

from tests.factories import make_booking
from wagtail_agenda import tokens
from wagtail_agenda.models import Booking

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def test_leads_to_its_booking_and_no_other():
    made, other = make_booking(), make_booking()
    token = tokens.manage_token(made)
    assert tokens.booking_of_token(token) == made
    assert tokens.booking_of_token(tokens.manage_token(other)) == other


def test_is_256_bits_that_the_database_does_not_hold():
    made = Booking.objects.get(pk=make_booking().pk)
    token = tokens.manage_token(made)
    assert tokens.TOKEN_SHAPE.fullmatch(token)
    assert made.token_digest == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(Booking.objects.values().get())


def test_is_the_same_whoever_asks_for_it():
    made = make_booking()
    assert tokens.manage_token(made) == tokens.manage_token(Booking.objects.get(pk=made.pk))


@pytest.mark.parametrize(
    "forge",
    [
        lambda token, made: "",
        lambda token, made: token[:-1],
        lambda token, made: token + "A",
        lambda token, made: token + "\n",
        lambda token, made: token + "=",
        lambda token, made: " " + token,
        lambda token, made: token.swapcase(),
        lambda token, made: token[1:] + token[:1],
        lambda token, made: made.token_digest,
        lambda token, made: str(made.pk),
        lambda token, made: str(made.uuid),
        lambda token, made: made.reference,
        lambda token, made: "\0" * 43,
        lambda token, made: "🙂" * 43,
        lambda token, made: "\ud800" * 43,
        lambda token, made: "a" * 10_000,
        lambda token, made: "' OR 1=1 --",
    ],
)
def test_anything_else_leads_nowhere(forge):
    made = make_booking()
    assert tokens.booking_of_token(forge(tokens.manage_token(made), made)) is None


def test_survives_a_change_of_the_secret_key_as_long_as_the_old_one_is_listed(settings):
    made = make_booking()
    token = tokens.manage_token(made)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert tokens.manage_token(made) == token
    assert tokens.booking_of_token(token) == made


def test_is_renewed_once_the_old_key_is_forgotten(settings):
    made = make_booking()
    old = tokens.manage_token(made)
    settings.SECRET_KEY = "another"
    new = tokens.manage_token(made)
    assert new != old
    assert tokens.booking_of_token(new) == made
    assert tokens.booking_of_token(old) is None
    assert tokens.manage_token(Booking.objects.get(pk=made.pk)) == new


def test_a_calendar_has_an_address_of_its_own_that_manages_nothing():
    made, other = make_booking(), make_booking()
    address = tokens.feed_token(made)
    assert tokens.FEED_TOKEN_SHAPE.fullmatch(address)
    assert tokens.booking_of_feed_token(address) == made
    assert tokens.booking_of_feed_token(tokens.feed_token(other)) == other
    assert tokens.manage_token(made) not in address
    assert tokens.booking_of_token(address) is None
    assert tokens.booking_of_feed_token(tokens.manage_token(made)) is None


@pytest.mark.parametrize(
    "forge",
    [
        lambda address, other: "",
        lambda address, other: address[:-1],
        lambda address, other: address + "A",
        lambda address, other: address.swapcase(),
        lambda address, other: address[:22] + other[22:],
        lambda address, other: other[:22] + address[22:],
        lambda address, other: "A" * 64,
        lambda address, other: "\0" * 64,
        lambda address, other: "\ud800" * 64,
    ],
)
def test_any_other_calendar_address_leads_nowhere(forge):
    made, other = make_booking(), make_booking()
    forged = forge(tokens.feed_token(made), tokens.feed_token(other))
    assert tokens.booking_of_feed_token(forged) is None


def test_the_calendar_address_lives_as_long_as_the_manage_link(settings):
    made = make_booking()
    address = tokens.feed_token(made)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert tokens.feed_token(made) == address
    assert tokens.booking_of_feed_token(address) == made
    settings.SECRET_KEY_FALLBACKS = []
    assert tokens.booking_of_feed_token(address) is None
    assert Booking.objects.get(pk=made.pk).token_digest == made.token_digest
    renewed = tokens.feed_token(made)
    assert renewed != address
    assert tokens.booking_of_feed_token(renewed) == made
