"""The mail settings of a site in the admin: the form, its password, and the test message."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse
from freezegun import freeze_time
from wagtail.models import ModelLogEntry, Site

from tests.agents import make_administrator, make_staff
from tests.factories import NOW, make_agenda
from tests.smtp_server import SmtpServer
from wagtail_agenda import mail_settings
from wagtail_agenda.choices import Role
from wagtail_agenda.encryption import decrypt, encrypt
from wagtail_agenda.models import MailSettings

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]


@pytest.fixture(autouse=True)
def monday_morning():
    with freeze_time(NOW):
        yield


@pytest.fixture
def administrator(client):
    client.force_login(make_administrator())
    return client


@pytest.fixture
def site():
    return Site.objects.get(is_default_site=True)


@pytest.fixture
def kept(site):
    return MailSettings.objects.create(
        site=site,
        host="smtp.example",
        port=587,
        user="agenda",
        password=encrypt("kept-password"),
    )


@pytest.fixture
def server(smtp_server):
    other = SmtpServer(credentials=("agenda", "right-password"))
    other.start()
    yield other
    other.stop()


def url(view, *args) -> str:
    return reverse(f"wagtail_agenda_mailsettings:{view}", args=args)


def data(site, **fields) -> dict:
    return {
        "site": site.pk,
        "sender_name": "Office",
        "sender_address": "office@fairbridge.example",
        "reply_to": "",
        "signature": "",
        "host": "smtp.example",
        "port": "587",
        "security": "starttls",
        "user": "agenda",
        "new_password": "",
        "password_variable": "",
        **fields,
    }


def errors(response) -> str:
    return str(response.context["form"].errors)


def test_a_site_is_given_settings_whose_password_nobody_reads_again(administrator, site, caplog):
    caplog.set_level("DEBUG")
    response = administrator.post(
        url("add"), data(site, new_password=" typed-passw0rd "), follow=True
    )
    row = MailSettings.objects.get()
    assert decrypt(row.password) == " typed-passw0rd "
    assert mail_settings.server_of(site).password == " typed-passw0rd "
    dump = StringIO()
    call_command("dumpdata", stdout=dump)
    seen = [response.content.decode(), dump.getvalue(), caplog.text, row.password]
    for view in ("edit", "history", "test"):
        seen.append(administrator.get(url(view, row.pk)).content.decode())
    seen.append(administrator.get(url("index")).content.decode())
    assert not any("typed-passw0rd" in text for text in seen)
    # What was saved is best tried at once.
    assert response.redirect_chain[-1][0] == url("test", row.pk)


def test_a_password_that_is_left_empty_stays(administrator, site, kept):
    administrator.post(url("edit", kept.pk), data(site, sender_name="Other"))
    kept.refresh_from_db()
    assert kept.sender_name == "Other"
    assert decrypt(kept.password) == "kept-password"


def test_a_password_is_replaced_and_removed(administrator, site, kept):
    administrator.post(url("edit", kept.pk), data(site, new_password="other"))
    kept.refresh_from_db()
    assert decrypt(kept.password) == "other"
    administrator.post(url("edit", kept.pk), data(site, user="", remove_password="on"))
    kept.refresh_from_db()
    assert kept.password == ""


@pytest.mark.parametrize(
    "change", [{"host": "smtp.attacker.example"}, {"port": "25"}, {"security": "none"}]
)
def test_a_password_that_is_kept_goes_to_no_other_server(administrator, site, kept, change):
    response = administrator.post(url("edit", kept.pk), data(site, **change))
    assert "type the password again" in errors(response)
    kept.refresh_from_db()
    assert (kept.host, kept.port, kept.security) == ("smtp.example", 587, "starttls")
    administrator.post(url("edit", kept.pk), data(site, new_password="other", **change))
    kept.refresh_from_db()
    assert decrypt(kept.password) == "other"


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"host": "https://smtp.example"}, "host", "no mail server"),
        ({"host": "a b"}, "host", "no mail server"),
        ({"host": "smtp.example\r\nX: y"}, "host", "no mail server"),
        ({"port": "0"}, "port", "greater than or equal to 1"),
        ({"port": "70000"}, "port", "less than or equal to 65535"),
        ({"security": "rot13"}, "security", "valid choice"),
        ({"new_password": ""}, "new_password", "Type the password"),
        ({"new_password": "é"}, "user", "without accents"),
        ({"new_password": "a", "password_variable": "MAIL_B"}, "new_password", "Either type"),
        ({"password_variable": "SECRET_KEY"}, "password_variable", "MAIL or SMTP"),
        ({"password_variable": "mail password"}, "password_variable", "MAIL or SMTP"),
        ({"sender_address": "nobody"}, "sender_address", "valid email"),
        ({"sender_address": "é@fairbridge.example"}, "sender_address", "valid email"),
        ({"signature": "x" * 2001}, "signature", "at most 2000"),
        ({"site": "nonsense"}, "site", "valid choice"),
        ({"user": "\x00"}, "user", "Null characters"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(administrator, site, fields, field, said):
    wanted = {"new_password": "typed-passw0rd", **fields}
    if "password_variable" in fields:
        wanted["new_password"] = fields.get("new_password", "")
    response = administrator.post(url("add"), data(site) | wanted)
    assert response.status_code == 200
    assert said in str(response.context["form"].errors[field])
    assert "typed-passw0rd" not in response.content.decode()
    assert not MailSettings.objects.exists()


def test_a_site_has_its_settings_once(administrator, site, kept):
    response = administrator.post(url("add"), data(site, new_password="x"))
    assert "already exists" in errors(response)


def test_the_list_says_by_which_server_each_site_sends(administrator, site, kept):
    other = Site.objects.create(hostname="other.example", root_page=site.root_page)
    MailSettings.objects.create(site=other, sender_address="two@fairbridge.example")
    page = administrator.get(url("index")).content.decode()
    for text in ("smtp.example:587", "two@fairbridge.example", "The project’s own"):
        assert text in page
    assert administrator.get(url("index") + "?q=other").status_code == 200


# The test message


def settings_for(site, server, password="right-password"):  # noqa: S107
    return MailSettings.objects.create(
        site=site,
        sender_address="office@fairbridge.example",
        host=server.host,
        port=server.port,
        security="none",
        user="agenda",
        password=encrypt(password),
    )


def said_on(response) -> str:
    (text,) = re.findall(r'<p[^>]*role="(?:alert|status)">(.*?)</p>', response.content.decode())
    return text


def test_a_test_message_is_sent_and_logged(administrator, site, server):
    row = settings_for(site, server)
    assert administrator.get(url("test", row.pk)).status_code == 200
    assert server.received == []
    response = administrator.post(url("test", row.pk), {"recipient": "ada@post.example"})
    assert "took the message to ada@post.example" in said_on(response)
    (received,) = server.received
    assert received.sender == "office@fairbridge.example"
    (entry,) = ModelLogEntry.objects.for_instance(row)
    assert entry.action == "wagtail_agenda.test_mail_settings"
    assert entry.data == {"taken": True}


def test_what_the_server_answers_is_shown_and_the_password_is_not(administrator, site, server):
    row = settings_for(site, server, "wr0ng-passw0rd")
    response = administrator.post(url("test", row.pk), {"recipient": "ada@post.example"})
    said = said_on(response)
    assert "The message did not leave." in said
    assert "does not accept the user “agenda”" in said
    assert "535" in said
    assert "wr0ng-passw0rd" not in response.content.decode()
    assert ModelLogEntry.objects.for_instance(row).get().data == {"taken": False}


@pytest.mark.parametrize("recipient", ["", "nobody", "é@post.example", "a@b.example\r\nBcc: c@d"])
def test_a_test_message_to_nobody_is_not_sent(administrator, site, server, recipient):
    row = settings_for(site, server)
    response = administrator.post(url("test", row.pk), {"recipient": recipient})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert server.received == []


def test_only_administrators_find_it_in_the_menu(client):
    client.force_login(make_staff(make_agenda(), role=Role.EDITOR))
    home = reverse("wagtailadmin_home")
    assert url("index") not in client.get(home).content.decode()
    client.force_login(make_administrator())
    assert url("index") in client.get(home).content.decode()
