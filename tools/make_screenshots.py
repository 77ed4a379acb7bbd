"""Takes the pictures of docs/images: starts the demo in a throw-away folder and walks through it.

Everything goes the way of a visitor, an editor or an agent in a real Chromium. What the pictures
show depends on the day on which they are taken, and on nothing else but the demo.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
START_TIMEOUT = 300
STOP_TIMEOUT = 30
LARGEST = 250_000
"""Bytes. A page of the documentation shows several pictures."""


def main() -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo() as address, browser() as chromium:
        visitor_on_a_desktop(chromium, address)
        visitor_on_a_phone(chromium, address)
        staff(chromium, address)
    too_large = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > LARGEST]
    if too_large:
        print(f"Larger than {LARGEST} bytes: {', '.join(too_large)}", file=sys.stderr)
    return len(too_large)


# The walks


def visitor_on_a_desktop(chromium: Browser, address: str) -> None:
    page = window(chromium, address, DESKTOP)
    page.goto("/")
    shoot(page, "home")
    to_the_times(page)
    shoot(page, "picker", page.locator(".agenda-booking"))
    to_the_details(page)
    shoot(page, "details", page.locator(".agenda-booking"))
    fill_details(page)
    to_the_summary(page)
    shoot(page, "summary", page.locator(".agenda-booking"))
    confirm(page)
    shoot(page, "confirmed", page.locator(".agenda-booking"))
    page.goto("/workshops/")
    shoot(page, "workshops", page.locator(".agenda-booking"))
    mail = wait_for_mail(page, "Ada Martin")
    shoot(page, "mail", mail)
    page.context.close()


def visitor_on_a_phone(chromium: Browser, address: str) -> None:
    page = window(chromium, address, PHONE, has_touch=True, is_mobile=True)
    page.goto("/passport/")
    shoot(page, "block-phone", page.locator(".agenda-booking"))
    to_the_times(page)
    shoot(page, "picker-phone", page.locator(".agenda-booking"))
    to_the_details(page)
    fill_details(page)
    to_the_summary(page)
    confirm(page)
    shoot(page, "confirmed-phone", page.locator(".agenda-booking"))
    page.context.close()


def staff(chromium: Browser, address: str) -> None:
    page = window(chromium, address, DESKTOP)
    page.goto("/passport/")
    shoot(page, "block", page.locator(".agenda-booking"))
    page.goto("/admin/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "admin")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    shoot(page, "dashboard")

    monday = next_monday()
    page.goto(f"/admin/agendas/agenda/passports/week/{monday}/")
    collapse_menu(page)
    shoot(page, "week")
    page.goto(f"/admin/agendas/agenda/passports/day/{monday}/")
    shoot(page, "day")
    page.goto(f"/admin/agendas/agenda/passports/month/{monday}/")
    shoot(page, "month")
    page.goto(f"/admin/agendas/agenda/passports/list/{monday}/")
    shoot(page, "list")
    page.goto(f"/admin/agendas/agenda/passports/check-in/{last_working_day()}/")
    shoot(page, "check-in-desk")
    page.goto(f"/admin/agendas/agenda/passports/day/{last_working_day()}/")
    page.locator("main a", has_text="Details").first.click()
    page.wait_for_url("**/booking/**")
    check_in(page)
    shoot(page, "check-in")

    page.goto("/admin/agendas/guided/what/")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/when/*")
    shoot(page, "guided")

    page.goto("/admin/agendas/")
    edit(page, "agenda", "Passport counters")
    shoot(page, "agenda-edit")
    edit(page, "schedule", "Office hours")
    page.get_by_role("button", name="Toggle preview").click()
    preview = page.frame_locator("iframe").first
    preview.locator("body").wait_for()
    page.wait_for_timeout(2500)
    shoot(page, "schedule-edit")

    edit(page, "workflow", "Built-in booking workflow")
    shoot(page, "workflow-edit")
    edit(page, "meeting", "Roads committee")
    page.get_by_role("link", name="Who comes, and what was sent").click()
    page.get_by_role("heading", name="Who comes").wait_for()
    shoot(page, "meeting")

    page.goto("/admin/pages/")
    page.goto(editor_of(page, "Passport and identity card"))
    block = page.locator("[data-contentpath=body] [data-streamfield-child]", has_text="Booking")
    block.first.scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    shoot(page, "page-editor")
    page.context.close()


def check_in(page: Page) -> None:
    """Notes that the visitor of the booking on screen has come, whoever noted what before."""
    present = "button:has-text('Present')[aria-pressed={}]"
    if page.locator(present.format("true")).count():
        # Pressed once more, it takes back what was noted.
        page.locator(present.format("true")).first.click()
    page.locator(present.format("false")).first.click()
    page.locator(present.format("true")).first.wait_for()
    # Without the mark around what has just been changed.
    page.goto(page.url.partition("#")[0])


def to_the_times(page: Page) -> None:
    page.goto("/passport/")
    page.get_by_role("radio").first.check(force=True)
    page.get_by_role("button", name="See free times").click()
    page.get_by_role("heading", name="Choose a time").wait_for()


def to_the_details(page: Page) -> None:
    page.get_by_role("radio").nth(2).check(force=True)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Your details").wait_for()


def fill_details(page: Page) -> None:
    page.get_by_label(re.compile("^Name")).fill("Ada Martin")
    page.get_by_label("E-mail").fill("ada.martin@post.example")
    page.get_by_label("Document", exact=False).first.select_option("Passport")
    page.get_by_label("Telephone").fill("01632 960123")
    page.get_by_label("I agree").check()


def to_the_summary(page: Page) -> None:
    # Faster than anybody types is taken for a robot.
    page.wait_for_timeout(3200)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Check your booking").wait_for()


def confirm(page: Page) -> None:
    page.get_by_role("button", name="Confirm booking").click()
    page.get_by_role("heading", name="Your booking is confirmed").wait_for()


def wait_for_mail(page: Page, to: str):
    """Looks into the inbox until the worker has sent the mail to somebody."""
    deadline = time.monotonic() + 90
    while True:
        page.goto("/demo/inbox/")
        mail = page.locator(".mail").filter(has_text=f"To {to}")
        if mail.count():
            return mail.first
        if time.monotonic() > deadline:
            raise SystemExit(f"No mail to {to} arrived in the demo's inbox.")
        page.wait_for_timeout(1000)


def edit(page: Page, model: str, label: str) -> None:
    page.goto(f"/admin/snippets/wagtail_agenda/{model}/")
    page.get_by_role("link", name=label, exact=True).first.click()
    page.wait_for_url("**/edit/**")
    page.wait_for_timeout(500)


def editor_of(page: Page, title: str) -> str:
    page.goto(f"/admin/pages/search/?q={title.split()[0]}")
    return page.get_by_role("link", name=title, exact=True).first.get_attribute("href")


def collapse_menu(page: Page) -> None:
    """Makes room, as agents do on a small screen; Wagtail remembers it."""
    page.get_by_role("button", name="Toggle sidebar").click()
    page.wait_for_timeout(400)


def next_monday() -> date:
    today = date.today()
    return today + timedelta(days=(7 - today.weekday()) % 7 or 7)


def last_working_day() -> date:
    day = date.today() - timedelta(days=1)
    return day - timedelta(days=max(0, day.weekday() - 4))


def shoot(page: Page, name: str, at=None) -> None:
    """Takes what a window shows, from the top or from some part of the page on."""
    page.mouse.move(0, 0)
    if at is None:
        page.evaluate("if (!document.querySelector('[data-contentpath=body]')) scrollTo(0, 0)")
    else:
        at.evaluate("part => scrollTo(0, part.getBoundingClientRect().top + scrollY - 40)")
    page.wait_for_timeout(400)
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")
    print(f"docs/images/{name}.png")


# Browser and demo


def window(chromium: Browser, address: str, size: dict, **device) -> Page:
    context = chromium.new_context(
        base_url=address,
        viewport=size,
        locale="en-GB",
        timezone_id="Europe/Paris",
        color_scheme="light",
        reduced_motion="reduce",
        **device,
    )
    context.set_default_timeout(60_000)
    return context.new_page()


@contextmanager
def browser() -> Iterator[Browser]:
    programs = ("chromium", "chromium-browser", "chromium-headless-shell")
    executable = next(filter(None, map(shutil.which, programs)), None)
    # Chromium refuses its sandbox to root.
    arguments = ["--disable-gpu"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield chromium
        chromium.close()


@contextmanager
def demo() -> Iterator[str]:
    """Runs the demo in a folder and on a port of its own; answers with its address."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="wagtail-agenda-screenshots-") as folder:
        said = Path(folder) / "demo.log"
        with said.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "demo"],
                env={**os.environ, "DEMO_DATA": folder, "DEMO_PORT": str(port)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for_port(process, port, said)
            yield f"http://localhost:{port}"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                process.wait(STOP_TIMEOUT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(process: subprocess.Popen, port: int, said: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"The demo ended before it answered:\n{said.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.3)
    raise SystemExit(f"The demo did not answer within {START_TIMEOUT} seconds.")


if __name__ == "__main__":
    sys.exit(main())
