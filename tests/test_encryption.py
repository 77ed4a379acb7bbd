"""Secrets at rest: read again by whoever has the key, and by nobody else."""

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from wagtail_agenda import encryption
from wagtail_agenda.encryption import Unreadable, decrypt, encrypt


def keys(settings, *given):
    settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "ENCRYPTION_KEYS": list(given)}


def test_what_is_stored_is_not_the_secret():
    stored = encrypt("s3cr3t – é")
    assert "s3cr3t" not in stored
    assert decrypt(stored) == "s3cr3t – é"
    assert encrypt("s3cr3t – é") != stored


def test_nothing_stays_nothing():
    assert encrypt("") == ""
    assert decrypt("") == ""


def test_the_key_comes_from_the_secret_key_unless_there_are_others(settings):
    stored = encrypt("word")
    settings.SECRET_KEY = "another"
    with pytest.raises(Unreadable):
        decrypt(stored)


def test_a_secret_key_that_was_replaced_is_still_read(settings):
    stored = encrypt("word")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert decrypt(stored) == "word"


def test_keys_are_replaced_one_after_the_other(settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    keys(settings, old)
    stored = encrypt("word")
    keys(settings, new, old)
    assert decrypt(stored) == "word"
    stored = encryption.renewed(stored)
    keys(settings, new)
    assert decrypt(stored) == "word"
    keys(settings, old)
    with pytest.raises(Unreadable):
        decrypt(stored)


@pytest.mark.parametrize("stored", ["word", "gAAAAA", "é", "x" * 1000])
def test_what_nobody_encrypted_is_unreadable(stored):
    with pytest.raises(Unreadable):
        decrypt(stored)


@pytest.mark.parametrize("key", ["short", 7, "é" * 44])
def test_a_key_that_is_none_is_said_so(settings, key):
    keys(settings, key)
    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        encrypt("word")
