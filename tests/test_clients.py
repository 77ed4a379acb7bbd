"""Other systems: how they are made, what is kept of their secrets, and who is taken for whom."""

import json
import logging
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection

from tests.factories import NOW, make_agenda
from wagtail_agenda import clients, signing
from wagtail_agenda.clients import NotKnown, Scope
from wagtail_agenda.models import Agenda, ApiClient, UsedNonce
from wagtail_agenda.signing import NotSigned, sign_query

pytestmark = pytest.mark.django_db

HOST = "forms.fairbridge.example"


def make_client(**given):
    return clients.add(**{"label": "Forms", "orig": HOST, "scopes": ["book"], "now": NOW, **given})


def signed(secret, *, orig=HOST, now=NOW, **more):
    return sign_query(f"orig={orig}", secret, now=now, **more)


def everything_dumped() -> str:
    """What somebody has who has come by a copy of the database."""
    out = StringIO()
    call_command("dumpdata", stdout=out)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM wagtail_agenda_apiclient")
        return out.getvalue() + repr(cursor.fetchall())


# What is told, and what is kept


def test_a_client_is_told_its_key_and_its_secrets_once():
    client, told = make_client()
    assert told.key.startswith("wagtail_agenda_key_")
    assert told.secret.startswith("wagtail_agenda_secret_")
    assert told.webhook_secret.startswith("whsec_")
    assert clients.by_key(told.key, now=NOW) == client
    assert clients.secret_of(client) == told.secret
    assert clients.webhook_secret_of(client) == told.webhook_secret


def test_a_copy_of_the_database_betrays_none_of_them():
    _client, told = make_client()
    dump = everything_dumped()
    assert HOST in dump
    for word in (told.key, told.secret, told.webhook_secret):
        assert word not in dump
        assert word.rpartition("_")[2] not in dump


def test_what_was_told_is_not_shown_where_errors_are():
    _client, told = make_client()
    assert told.key not in repr(told)
    assert told.secret not in repr(told)


def test_without_a_host_there_is_nothing_to_sign_with():
    client, told = make_client(orig="")
    assert (told.secret, told.webhook_secret) == ("", "")
    assert client.orig is None
    assert make_client(orig="")[0].orig is None


def test_every_key_and_every_secret_is_another():
    drawn = [told for _client, told in (make_client(orig=f"h{n}.example") for n in range(20))]
    assert len({told.key for told in drawn} | {told.secret for told in drawn}) == 40


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Forms.Example.ORG", "forms.example.org"),
        (" forms.example.org:8443 ", "forms.example.org:8443"),
        ("localhost:8000", "localhost:8000"),
    ],
)
def test_hosts_are_kept_as_they_sign(typed, kept):
    assert clients.clean_host(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["https://forms.example.org", "forms.example.org/", "a b", "", "x" * 300, "h:0", "h:70000"]
    + ["h:", "é.example", "a..b", "-a.example", "a\x00b", "h:٣", "user@host"],
)
def test_what_is_no_host_is_refused_in_words(typed):
    with pytest.raises(ValueError, match="is no host"):
        clients.clean_host(typed)


def test_two_clients_cannot_sign_as_the_same_host():
    make_client()
    with pytest.raises(ValueError, match="Another client signs as"):
        make_client(orig=HOST.upper())
    assert ApiClient.objects.count() == 1


def test_a_scope_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="no scope “fly”"):
        make_client(scopes=["book", "fly"])
    assert not ApiClient.objects.exists()


# By key


def test_a_new_key_takes_the_place_of_the_old_one():
    client, told = make_client()
    key = clients.new_key(client)
    assert clients.by_key(key, now=NOW) == client
    with pytest.raises(NotKnown, match="nobody’s") as refusal:
        clients.by_key(told.key, now=NOW)
    assert refusal.value.code == "invalid key"


@pytest.mark.parametrize("key", ["", "x", "wagtail_agenda_key_", "wagtail_agenda_key_" + "é" * 43])
def test_what_is_no_key_is_nobodys(key):
    make_client()
    with pytest.raises(NotKnown):
        clients.by_key(key, now=NOW)


def test_a_client_that_was_stopped_is_nobody():
    client, told = make_client()
    ApiClient.objects.filter(pk=client.pk).update(active=False)
    with pytest.raises(NotKnown):
        clients.by_key(told.key, now=NOW)
    with pytest.raises(NotSigned):
        clients.by_query(signed(told.secret), now=NOW)
    assert clients.at_host(HOST) is None


# By signature


def test_a_signed_query_names_its_client():
    client, told = make_client()
    assert clients.by_query(signed(told.secret), now=NOW) == client


def test_a_query_of_the_published_form_is_understood():
    """`wcs.example.org` with the secret `s3cr3t`: a signature that another programme has made."""
    from wagtail_agenda.encryption import encrypt

    client, _told = make_client(orig="wcs.example.org")
    client.secret = encrypt("s3cr3t")
    client.save()
    query = (
        "orig=wcs.example.org&algo=sha256&timestamp=2026-01-15T10%3A00%3A00Z"
        "&nonce=abcdef0123456789&signature=ElQAEWmpJQRK7TA1S3rFhkgbbvTMwMep8on6dbzTrTo%3D"
    )
    now = NOW.replace(year=2026, month=1, day=15, hour=11, minute=0)
    assert clients.by_query(query, now=now) == client
    with pytest.raises(NotSigned) as refusal:
        clients.by_query(query, now=now)
    assert refusal.value.code == "nonce used"


def test_two_secrets_are_accepted_until_the_previous_one_is_dropped():
    client, told = make_client()
    new = clients.new_secret(client)
    client.refresh_from_db()
    assert clients.secret_of(client) == new
    for secret in (told.secret, new):
        assert clients.by_query(signed(secret), now=NOW) == client

    clients.drop_previous_secret(client)

    assert clients.by_query(signed(new), now=NOW) == client
    with pytest.raises(NotSigned):
        clients.by_query(signed(told.secret), now=NOW)


def test_the_secret_before_the_previous_one_is_accepted_no_more():
    client, told = make_client()
    clients.new_secret(client)
    clients.new_secret(client)
    with pytest.raises(NotSigned):
        clients.by_query(signed(told.secret), now=NOW)


@pytest.mark.parametrize("orig", ["nobody.example", "", "%00", "%ED%A0%80", "x" * 300])
def test_nobody_signs_as_somebody_else(orig):
    _client, told = make_client()
    with pytest.raises(NotSigned):
        clients.by_query(signed(told.secret, orig=orig), now=NOW)


def test_a_secret_that_no_key_reads_is_none_and_says_so(settings, caplog):
    client, told = make_client()
    key = Fernet.generate_key().decode()
    settings.WAGTAIL_AGENDA = {**settings.WAGTAIL_AGENDA, "ENCRYPTION_KEYS": [key]}
    with pytest.raises(NotSigned):
        clients.by_query(signed(told.secret), now=NOW)
    assert f"A secret of API client {client.pk} cannot be read" in caplog.text
    assert clients.secret_of(client) == ""


@pytest.mark.parametrize("nonce", ["%00", "abc", "é", "%ED%A0%80", "n" * 128])
def test_a_nonce_is_used_once_by_a_client(nonce):
    client, told = make_client()
    query = signed(told.secret, nonce=nonce)
    assert clients.by_query(query, now=NOW) == client
    with pytest.raises(NotSigned) as refusal:
        clients.by_query(query, now=NOW)
    assert refusal.value.code == "nonce used"


def test_nonces_that_differ_in_a_capital_are_two():
    _client, told = make_client()
    for nonce in ("abc", "ABC", "abc "):
        clients.by_query(signed(told.secret, nonce=nonce), now=NOW)
    assert UsedNonce.objects.count() == 3


def test_a_wrong_signature_uses_up_nobodys_nonce():
    make_client()
    with pytest.raises(NotSigned):
        clients.by_query(signed("guess", nonce="abc"), now=NOW)
    assert not UsedNonce.objects.exists()


def test_nonces_are_forgotten_once_their_signature_is_too_old():
    _client, told = make_client()
    clients.by_query(signed(told.secret), now=NOW)
    assert clients.purge_nonces(NOW + 2 * signing.MAXIMUM_AGE) == 0
    assert clients.purge_nonces(NOW + timedelta(minutes=6)) == 1


# What it has done and may do


def test_when_it_was_seen_is_kept_to_the_minute(django_assert_num_queries):
    client, told = make_client()
    clients.by_key(told.key, now=NOW)
    client.refresh_from_db()
    assert client.last_used_at == NOW
    with django_assert_num_queries(1):
        clients.by_key(told.key, now=NOW + timedelta(seconds=59))
    clients.by_key(told.key, now=NOW + timedelta(seconds=61))
    client.refresh_from_db()
    assert client.last_used_at == NOW + timedelta(seconds=61)


def test_no_scope_includes_another():
    client, _told = make_client(scopes=[Scope.MANAGE])
    assert [scope for scope in Scope.values if clients.has_scope(client, scope)] == ["manage"]


@pytest.mark.parametrize("scopes", [None, {}, "book", 3])
def test_scopes_that_are_none_allow_nothing(scopes):
    assert not clients.has_scope(ApiClient(scopes=scopes), Scope.BOOK)


def test_a_client_without_agendas_knows_all_of_them_and_one_with_some_these_only():
    here, elsewhere = make_agenda(), make_agenda()
    everywhere, _told = make_client()
    only_here, _told = make_client(orig="", agendas=[here])
    assert clients.may_touch(everywhere, here)
    assert clients.may_touch(everywhere, elsewhere)
    assert clients.may_touch(only_here, here)
    assert not clients.may_touch(only_here, elsewhere)


def test_a_client_whose_only_agendas_are_deleted_is_stopped_and_not_let_into_all_others(caplog):
    first, second, other = make_agenda(), make_agenda(), make_agenda()
    client, _told = make_client(agendas=[first, second])
    everywhere, _told = make_client(orig="")
    caplog.set_level(logging.WARNING)

    Agenda.objects.filter(pk__in=[first.pk, second.pk]).delete()

    client.refresh_from_db()
    everywhere.refresh_from_db()
    assert not client.active
    assert everywhere.active
    assert "its only agenda was deleted" in caplog.text
    assert other.clients.count() == 0


def test_who_is_called_is_found_by_host_and_port_and_else_by_host():
    plain, _told = make_client()
    at_port, _told = make_client(orig=f"{HOST}:8443")
    assert clients.at_host(HOST, 8443) == at_port
    assert clients.at_host(HOST, 443) == plain
    assert clients.at_host(HOST.upper() + ".") == plain
    assert clients.at_host("elsewhere.example") is None


def test_what_is_told_can_be_written_as_json():
    _client, told = make_client()
    assert json.loads(json.dumps(vars(told))) == vars(told)
