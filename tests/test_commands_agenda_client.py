"""`manage.py agenda_client`: another system is let in from the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from wagtail.models import ModelLogEntry

from tests.factories import NOW, make_agenda
from wagtail_agenda import clients
from wagtail_agenda.models import ApiClient

pytestmark = pytest.mark.django_db


def run(*words, **options) -> str:
    out = StringIO()
    call_command("agenda_client", *words, stdout=out, **options)
    return out.getvalue()


def added(*words, name="Forms") -> dict:
    return json.loads(run("add", name, *words))


def test_a_client_is_added_and_told_once_as_json():
    agenda = make_agenda(slug="passports")
    told = added("--orig", "Forms.example", "--scope", "read,book", "--agenda", "passports")
    client = ApiClient.objects.get()
    assert set(told) == {"name", "orig", "token", "secret", "webhook_secret"}
    assert (told["name"], told["orig"]) == ("Forms", "forms.example")
    assert (client.scopes, list(client.agendas.all())) == (["read", "book"], [agenda])
    assert clients.by_key(told["token"], now=NOW) == client
    assert clients.secret_of(client) == told["secret"]
    assert clients.webhook_secret_of(client) == told["webhook_secret"]


def test_adding_is_what_it_does_with_a_name_alone():
    told = json.loads(run("Forms", "--scope", "book"))
    assert (told["name"], told["orig"], told["secret"]) == ("Forms", None, None)
    assert ApiClient.objects.get().scopes == ["book"]


def test_keys_and_secrets_are_replaced():
    first = added("--orig", "forms.example", "--scope", "book")
    key = json.loads(run("new-key", "Forms"))["token"]
    secret = json.loads(run("new-secret", "forms.example"))["secret"]
    webhook_secret = json.loads(run("new-webhook-secret", "Forms"))["webhook_secret"]
    client = ApiClient.objects.get()
    assert clients.by_key(key, now=NOW) == client
    assert clients.secrets_of(client) == [secret, first["secret"]]
    assert clients.webhook_secret_of(client) == webhook_secret
    assert run("drop-secret", "Forms") == ""
    client.refresh_from_db()
    assert clients.secrets_of(client) == [secret]


def test_a_client_is_deactivated_activated_and_deleted():
    added("--scope", "book")
    run("deactivate", "Forms")
    assert not ApiClient.objects.get().active
    run("activate", "Forms")
    assert ApiClient.objects.get().active
    run("delete", "Forms")
    assert not ApiClient.objects.exists()


def test_the_list_has_everything_but_what_was_told():
    told = added("--orig", "forms.example", "--scope", "read,book")
    listed = run("list")
    assert listed == "Forms\tforms.example\tread,book\tall agendas\tactive\tnever seen\n"
    assert told["token"] not in listed


def test_every_act_is_in_the_history_of_the_site():
    added("--orig", "forms.example", "--scope", "book")
    for act in ("new-key", "new-secret", "drop-secret", "new-webhook-secret", "deactivate"):
        run(act, "Forms")
    run("delete", "Forms")
    actions = [entry.action for entry in ModelLogEntry.objects.order_by("pk")]
    assert actions == [
        "wagtail.create",
        "wagtail_agenda.new_client_key",
        "wagtail_agenda.new_client_secret",
        "wagtail_agenda.drop_client_secret",
        "wagtail_agenda.new_client_webhook_secret",
        "wagtail_agenda.deactivate_client",
        "wagtail.delete",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "Forms"], "Say what it may do"),
        (["add", "Forms", "--scope", "fly"], "no scope “fly”"),
        (["add", "Forms", "--scope", "book", "--agenda", "none"], "no agenda “none”"),
        (["add", "Forms", "--scope", "book", "--orig", "https://x"], "is no host"),
        (["add"], "Name the client"),
        (["new-key", "Nobody"], "There is no client “Nobody”"),
        (["fly", "Forms"], "There is no act “fly”"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(words, said):
    with pytest.raises(CommandError, match=said):
        run(*words)
    assert not ApiClient.objects.exists()


def test_a_name_that_several_have_is_not_guessed():
    for host in ("one.example", "two.example"):
        added("--orig", host, "--scope", "book")
    with pytest.raises(CommandError, match="Several clients"):
        run("new-key", "Forms")


def test_without_a_host_there_is_no_secret():
    added("--scope", "book")
    with pytest.raises(CommandError, match="has no host to sign as"):
        run("new-secret", "Forms")
