import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.http import HttpResponse
from wagtail.models import Page, Site

from example_site.loopback import LoopbackOnly

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.django_db
def test_loading_the_demo_twice_changes_nothing(settings, django_assert_num_queries):
    settings.DEBUG = True
    call_command("load_demo", verbosity=0)
    pages = list(Page.objects.values_list("pk", "latest_revision_created_at"))
    call_command("load_demo", verbosity=0)
    assert list(Page.objects.values_list("pk", "latest_revision_created_at")) == pages
    assert get_user_model().objects.get(username="admin").check_password("admin")


@pytest.mark.django_db
def test_easy_password_exists_only_where_the_site_is_tried_out(settings):
    settings.DEBUG = False
    call_command("load_demo", verbosity=0)
    assert not get_user_model().objects.filter(username="admin").exists()


@pytest.mark.django_db
def test_site_answers_on_the_port_of_the_demo(settings, client):
    settings.DEMO_PORT = 8123
    call_command("load_demo", verbosity=0)
    site = Site.objects.get(is_default_site=True)
    assert (site.hostname, site.port) == ("localhost", 8123)
    page = client.get("/", headers={"host": "localhost:8123"})
    assert "Welcome to the town hall" in page.content.decode()


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("192.0.2.4", 403), ("", 403)],
)
def test_demo_answers_only_to_its_own_machine(rf, address, status):
    answer = LoopbackOnly(lambda request: HttpResponse("hello"))
    assert answer(rf.get("/", REMOTE_ADDR=address)).status_code == status


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_demo(data: Path, port: int) -> subprocess.Popen:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, str(ROOT / "manage.py"), "demo"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "example_site.settings.demo",
            "DEMO_DATA": str(data),
            "DEMO_PORT": str(port),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def status(address: str) -> int | None:
    try:
        with urlopen(address, timeout=5) as response:  # noqa: S310 - an address of the test
            return response.status
    except (URLError, ConnectionError):
        return None


def group_is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_demo_runs_once_and_ends_with_everything_it_started(tmp_path):
    port = free_port()
    demo = start_demo(tmp_path, port)
    try:
        inbox = f"http://127.0.0.1:{port}/demo/inbox/"
        assert wait_until(lambda: status(inbox) == 200 or demo.poll() is not None, 90)
        assert demo.poll() is None, demo.stdout.read()

        again = start_demo(tmp_path, free_port())
        said, _ = again.communicate(timeout=60)
        assert again.returncode != 0
        assert f"already running at http://localhost:{port}/" in said

        elsewhere = start_demo(tmp_path / "other", port)
        said, _ = elsewhere.communicate(timeout=60)
        assert elsewhere.returncode != 0
        assert f"Port {port} of this machine is taken" in said
        assert status(inbox) == 200

        # What a terminal does on Ctrl-C.
        os.killpg(demo.pid, signal.SIGINT)
        said, _ = demo.communicate(timeout=60)
        assert demo.returncode == 0, said
        assert f"http://localhost:{port}/admin/" in said
        assert wait_until(lambda: group_is_empty(demo.pid), 10)
    finally:
        if not group_is_empty(demo.pid):
            os.killpg(demo.pid, signal.SIGKILL)
