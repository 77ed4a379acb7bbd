"""Other systems in the admin's settings: made, told once, replaced, deactivated, all logged."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse
from freezegun import freeze_time
from wagtail.models import ModelLogEntry

from tests.agents import make_administrator, make_staff
from tests.factories import NOW, make_agenda
from wagtail_agenda import clients
from wagtail_agenda.choices import Role
from wagtail_agenda.models import ApiClient

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture(autouse=True)
def monday_morning():
    with freeze_time(NOW):
        yield


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


@pytest.fixture
def forms():
    return clients.add("Forms", orig="forms.example", scopes=["book"], now=NOW)[0]


def url(view, *args) -> str:
    return reverse(f"wagtail_agenda_apiclient:{view}", args=args)


def data(**fields) -> dict:
    return {"label": "Forms", "orig": "forms.example", "scopes": ["read", "book"], **fields}


def told_in(response) -> str:
    (value,) = re.findall(r"<code>([^<]+)</code>", response.content.decode())
    return value


def logged(row) -> list[str]:
    return [entry.action for entry in ModelLogEntry.objects.for_instance(row).order_by("pk")]


def test_a_client_is_added_and_then_given_a_key(administrator):
    agenda = make_agenda()
    response = administrator.post(
        url("add"), data(orig="Forms.Example", agendas=[agenda.pk]), follow=True
    )
    row = ApiClient.objects.get()
    assert (row.orig, row.scopes, list(row.agendas.all())) == (
        "forms.example",
        ["read", "book"],
        [agenda],
    )
    assert "Now make its key or its secret" in response.content.decode()
    assert url("new_key", row.pk) in response.content.decode()

    key = told_in(administrator.post(url("new_key", row.pk)))

    assert clients.by_key(key, now=NOW) == row


def test_two_clients_without_a_host_are_no_contradiction(administrator):
    administrator.post(url("add"), data(orig="", label="One"))
    administrator.post(url("add"), data(orig="", label="Two"))
    assert list(ApiClient.objects.values_list("label", "orig")) == [("One", None), ("Two", None)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"orig": "https://forms.example/"}, "is no host"),
        ({"orig": "FORMS.example"}, "already exists"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["fly"]}, "Select a valid choice"),
        ({"agendas": ["nonsense"]}, "is not a valid value"),
        ({"label": ""}, "This field is required"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(administrator, forms, fields, said):
    response = administrator.post(url("add"), data(orig="other.example") | fields)
    assert response.status_code == 200
    assert said in response.content.decode()
    assert ApiClient.objects.count() == 1


@pytest.mark.parametrize(
    ("act", "read"),
    [
        ("new_secret", clients.secret_of),
        ("new_webhook_secret", clients.webhook_secret_of),
    ],
)
def test_a_secret_is_shown_by_the_post_and_never_again(administrator, forms, act, read):
    asked = administrator.get(url(act, forms.pk))
    assert asked.status_code == 200
    before = read(forms)

    response = administrator.post(url(act, forms.pk))

    told = told_in(response)
    forms.refresh_from_db()
    assert read(forms) == told != before
    assert "no-store" in response.headers["Cache-Control"]
    pages = [url("edit", forms.pk), url(act, forms.pk), url("history", forms.pk), url("index")]
    for page in pages:
        assert told not in administrator.get(page).content.decode()
    dump = StringIO()
    call_command("dumpdata", stdout=dump)
    assert told not in dump.getvalue()


def test_what_is_told_is_not_in_the_log_of_the_server(administrator, forms, caplog):
    caplog.set_level("DEBUG")
    for act in ("new_key", "new_secret", "new_webhook_secret"):
        assert told_in(administrator.post(url(act, forms.pk))) not in caplog.text


def test_a_page_that_is_only_looked_at_changes_nothing(administrator, forms):
    before = ApiClient.objects.values().get()
    for act in ("new_key", "new_secret", "new_webhook_secret", "deactivate"):
        assert administrator.get(url(act, forms.pk)).status_code == 200
    assert ApiClient.objects.values().get() == before


def test_the_previous_secret_is_dropped_once_the_other_side_knows_the_new_one(administrator, forms):
    old = clients.secret_of(forms)
    new = told_in(administrator.post(url("new_secret", forms.pk)))
    forms.refresh_from_db()
    assert clients.secrets_of(forms) == [new, old]

    administrator.post(url("drop_secret", forms.pk))

    forms.refresh_from_db()
    assert clients.secrets_of(forms) == [new]


def test_a_client_is_deactivated_and_activated(administrator, forms):
    key = clients.new_key(forms)
    administrator.post(url("deactivate", forms.pk))
    with pytest.raises(clients.NotKnown):
        clients.by_key(key, now=NOW)
    administrator.post(url("activate", forms.pk))
    assert clients.by_key(key, now=NOW) == forms


def test_what_there_is_nothing_to_do_for_is_not_done_and_not_logged(administrator, forms):
    nameless, _told = clients.add("Nameless", now=NOW)
    for act, row in [
        ("drop_secret", forms),
        ("activate", forms),
        ("new_secret", nameless),
        ("new_webhook_secret", nameless),
    ]:
        response = administrator.post(url(act, row.pk), follow=True)
        assert "There is nothing to do here" in response.content.decode()
        assert logged(row) == []


def test_every_act_is_in_the_history_of_the_site(administrator, forms):
    acts = ["new_key", "new_secret", "drop_secret", "new_webhook_secret", "deactivate", "activate"]
    for act in acts:
        administrator.post(url(act, forms.pk))
    administrator.post(url("edit", forms.pk), data(label="Forms of the town"))
    assert logged(forms) == [
        "wagtail_agenda.new_client_key",
        "wagtail_agenda.new_client_secret",
        "wagtail_agenda.drop_client_secret",
        "wagtail_agenda.new_client_webhook_secret",
        "wagtail_agenda.deactivate_client",
        "wagtail_agenda.activate_client",
        "wagtail.edit",
    ]
    page = administrator.get(url("history", forms.pk)).content.decode()
    assert "New secret made" in page


def test_editing_a_client_leaves_its_key_and_secrets_alone(administrator, forms):
    key, secret = clients.new_key(forms), clients.secret_of(forms)
    administrator.post(url("edit", forms.pk), data(label="Other", scopes=["read"]))
    forms.refresh_from_db()
    assert (forms.label, forms.scopes) == ("Other", ["read"])
    assert clients.secret_of(forms) == secret
    assert clients.by_key(key, now=NOW) == forms


def test_the_list_says_what_each_may_and_when_it_was_seen(administrator, forms):
    clients.by_key(clients.new_key(forms), now=NOW)
    forms.agendas.add(make_agenda(label="Passports"))
    page = administrator.get(url("index")).content.decode()
    for text in ("forms.example", "book", "Passports"):
        assert text in page


def test_a_client_is_deleted(administrator, forms):
    administrator.post(url("delete", forms.pk))
    assert not ApiClient.objects.exists()
    assert ModelLogEntry.objects.filter(action="wagtail.delete").exists()


def test_only_administrators_find_it_in_the_menu(client, forms):
    client.force_login(make_staff(make_agenda(), role=Role.EDITOR))
    home = reverse("wagtailadmin_home")
    assert url("index") not in client.get(home).content.decode()
    client.force_login(make_administrator())
    assert url("index") in client.get(home).content.decode()
