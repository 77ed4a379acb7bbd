import functools
import re

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend

from example_site.demo_inbox import mail
from tests.smtp_server import smtp_server  # noqa: F401

CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def folder(settings, tmp_path):
    settings.DEMO_MAIL_FOLDER = tmp_path / "mail"
    return settings.DEMO_MAIL_FOLDER


def send(*messages):
    connection = get_connection("example_site.demo_inbox.mail.FolderBackend")
    return connection.send_messages(messages)


def invitation(subject="Your appointment", html="<p>See you soon</p>"):
    message = EmailMultiAlternatives(
        subject, "Manage it: http://localhost/agendas/manage/x/", to=["ada@example.org"]
    )
    message.attach_alternative(html, "text/html")
    message.attach_alternative(CALENDAR, "text/calendar; method=REQUEST; charset=utf-8")
    message.attach("invite.ics", CALENDAR.encode(), "application/ics")
    return message


def test_mail_is_kept_as_smtp_would_carry_it(folder, smtp_server):  # noqa: F811
    message = invitation()
    message.extra_headers = {"Message-ID": "<1@example.org>", "Date": "Thu, 1 Jan 2026 09:00 +0000"}
    # The borders between its parts are drawn by lot, each time anew.
    message.message = functools.cache(message.message)
    assert EmailBackend().send_messages([message]) == 1
    assert send(message) == 1
    (kept,) = folder.glob("*.eml")
    assert [kept.read_bytes()] == smtp_server.messages


def test_message_to_nobody_is_not_sent(folder):
    assert send(EmailMessage("Nobody", "…")) == 0
    assert mail.newest_first() == []


@pytest.mark.django_db
def test_inbox_without_mail_says_so(client, folder):
    assert "Nothing yet" in client.get("/demo/inbox/").content.decode()


@pytest.mark.django_db
def test_inbox_shows_every_part_newest_first(client, folder):
    send(EmailMessage("Older", "…", to=["grace@example.org"]), invitation("Newer"))
    page = client.get("/demo/inbox/").content.decode()
    assert page.index("Newer") < page.index("Older")
    assert "ada@example.org" in page
    assert '<a href="http://localhost/agendas/manage/x/"' in page
    assert "text/calendar, method REQUEST" in page
    assert "METHOD:REQUEST" in page
    assert "invite.ics" in page


@pytest.mark.django_db
def test_parts_and_source_are_downloaded_unchanged(client, folder):
    send(invitation())
    page = client.get("/demo/inbox/").content.decode()
    (source,) = re.findall(r'href="(/demo/inbox/[^"]*/source/)"', page)
    assert client.get(source).content == next(folder.glob("*.eml")).read_bytes()
    attachment = re.findall(r'href="(/demo/inbox/[^"]*/parts/\d+/)"', page)[-1]
    response = client.get(attachment)
    assert response.content == CALENDAR.encode()
    assert response["Content-Disposition"] == 'attachment; filename="invite.ics"'


@pytest.mark.django_db
def test_html_of_a_mail_cannot_run_or_load_anything(client, folder):
    send(invitation(subject="<script>1</script>", html="<html><head></head><script>2</script>"))
    page = client.get("/demo/inbox/").content.decode()
    assert "<script>" not in page
    (address,) = re.findall(r'src="(/demo/inbox/[^"]*/html/\d+/)"', page)
    response = client.get(address)
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-top-navigation-by-user-activation;")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert '<head><base target="_top">' in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/demo/inbox/nothing/source/",
        "/demo/inbox/..%2Fsecret-key/source/",
        "/demo/inbox/00000000000000000001-00000000/parts/0/",
        "/demo/inbox/00000000000000000001-00000000/html/0/",
    ],
)
def test_only_mails_of_the_folder_can_be_asked_for(client, folder, address):
    assert client.get(address).status_code == 404


@pytest.mark.django_db
def test_number_of_a_part_that_the_mail_lacks_is_not_found(client, folder):
    send(invitation())
    (name,) = mail.newest_first()
    assert client.get(f"/demo/inbox/{name}/parts/99/").status_code == 404
    assert client.get(f"/demo/inbox/{name}/html/0/").status_code == 404


@pytest.mark.django_db
def test_inbox_is_hidden_from_other_machines(client, folder):
    assert client.get("/demo/inbox/", REMOTE_ADDR="203.0.113.7").status_code == 404
    assert client.get("/demo/inbox/", REMOTE_ADDR="::1").status_code == 200
