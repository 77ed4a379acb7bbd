"""A real Chromium without a window: Debian's when it is there, Playwright's otherwise."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect

from tests.browser.accessibility import assert_accessible, assert_accessible_in_both_themes

# Playwright's synchronous interface keeps an event loop in the test's thread, which makes Django
# believe that it is called from asynchronous code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# A machine that does ten other things as well needs longer than Playwright's five seconds at times.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

HERE = Path(__file__).parent
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# The first draws the same pages in two thirds of the time, without the frame of a whole browser.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict, browser_type: BrowserType) -> dict:
    executable = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not executable and not Path(browser_type.executable_path).exists():
        pytest.exit(
            "The browser tests find no Chromium. Run `make chromium`, or leave them out with "
            '`pytest -m "not browser and not redis"`.',
            returncode=pytest.ExitCode.USAGE_ERROR,
        )
    # Chromium refuses its sandbox to root.
    arguments = QUIET + (["--no-sandbox"] if os.geteuid() == 0 else [])
    launch = {**browser_type_launch_args, "args": arguments}
    return {**launch, "executable_path": executable} if executable else launch


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    return {
        **browser_context_args,
        "viewport": DESKTOP,
        "locale": "en-GB",
        "timezone_id": "Europe/Paris",
    }


@pytest.fixture(autouse=True)
def _nothing_saves_itself(settings) -> None:
    """Leaves it to the buttons to save.

    Wagtail does not wait for a draft that is on its way: whoever publishes a new row in that moment
    has two of them. What it stores of a half-typed form is told by test_drafts.py.
    """
    settings.WAGTAIL_AUTOSAVE_INTERVAL = 0


@pytest.fixture
def open_page(
    browser: Browser, browser_context_args: dict, live_server
) -> Iterator[Callable[..., Page]]:
    """Opens a fresh browser window on the live server: `open_page(java_script_enabled=False)`.

    Takes what Playwright's `Browser.new_context` takes; every window is a visitor of its own.
    """
    contexts: list[BrowserContext] = []

    def new_page(**arguments) -> Page:
        context = browser.new_context(
            **{**browser_context_args, "base_url": live_server.url, **arguments}
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context.new_page()

    yield new_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A desktop window with JavaScript, on the live server."""
    return open_page()


@pytest.fixture
def phone(open_page: Callable[..., Page]) -> Page:
    """A window of a phone's width, with touch and JavaScript."""
    return open_page(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)


@pytest.fixture
def page_without_script(open_page: Callable[..., Page]) -> Page:
    """A desktop window in which no script runs."""
    return open_page(java_script_enabled=False)


@dataclass
class Watch:
    """What went wrong in a window, in words: script errors and violations of the policy."""

    problems: list[str] = field(default_factory=list)

    def assert_clean(self) -> None:
        assert not self.problems, "\n".join(["The window reported:", *self.problems])


@pytest.fixture
def watch() -> Callable[[Page], Watch]:
    """Watches a window from before its first page on.

    `watched = watch(page)`, then the visit, then `watched.assert_clean()`.
    """

    def start(page: Page) -> Watch:
        watched = Watch()
        page.on("pageerror", lambda error: watched.problems.append(f"script error: {error}"))
        page.expose_binding(
            "reportPolicyViolation",
            lambda source, text: watched.problems.append(f"content policy: {text}"),
        )
        page.add_init_script(
            """document.addEventListener('securitypolicyviolation', (event) => {
                 window.reportPolicyViolation(
                   `${event.effectiveDirective} stopped ${event.blockedURI} on ${document.URL}` +
                   ` (${event.sourceFile}:${event.lineNumber})`);
               });"""
        )
        return watched

    return start


@pytest.fixture
def axe() -> Callable[..., None]:
    """Asserts that axe finds no accessibility violation on the page as it is on screen.

    `axe(page, ".wagtail-agenda")` looks at a part only, `both_themes=True` at its dark colours
    too. Where a click leads to another page, wait for something that only that page has first.
    """

    def check(page: Page, context: str | None = None, both_themes: bool = False) -> None:
        page.locator(context or "body").first.wait_for()
        page.wait_for_load_state("load")
        look = assert_accessible_in_both_themes if both_themes else assert_accessible
        look(page, context)

    return check


@pytest.fixture
def log_in(live_server) -> Callable[[Page, str], None]:
    """Gives a window the session of somebody: `log_in(page, "clerk")`.

    The form takes longer than most tests: test_dashboard_and_log.py fills it in for all of them.
    """

    def enter(page: Page, username: str) -> None:
        client = Client()
        client.force_login(get_user_model().objects.get_by_natural_key(username))
        name = settings.SESSION_COOKIE_NAME
        cookie = {"name": name, "value": client.cookies[name].value, "url": live_server.url}
        page.context.add_cookies([cookie])

    return enter
