"""What visitors wait for: a month of free times, and a booking from choice to confirmation.

A booking is six answers; the queries counted are those of the answer that takes most.
Four gunicorn workers serve the example site on PostgreSQL, with 0, 2,000 and 20,000 bookings in the
history of an agenda of 20 desks. The floor of the month with history is the month without; beside
both stands an empty page of the same site.
"""

import html
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urljoin

import requests
from django.contrib.staticfiles import finders
from django.utils import timezone
from wagtail.models import Page, Site

from benchmarks.harness import (
    Figure,
    Unavailable,
    at_most,
    compare,
    free_port,
    in_turns,
    main,
    timed,
)
from benchmarks.site import QUERIES
from example_site.home.models import HomePage
from wagtail_agenda import form_definition, seeding
from wagtail_agenda.form_definition import Definition
from wagtail_agenda.models import Agenda

HISTORIES = (0, 2_000, 20_000)
DESKS, DAYS = 20, 360
WORKERS = 4
REQUESTS_A_TURN = 12
BLOCK_FILES = ("wagtail_agenda/booking.css", "wagtail_agenda/booking.js")
"""What a page with the block loads of ours, besides its own HTML."""


@contextmanager
def web_server() -> Iterator[str]:
    """gunicorn with `WORKERS` workers on a free port; answers its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ["-m", "gunicorn", "--workers", str(WORKERS), "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        [sys.executable, *command, "--log-level", "warning", "benchmarks.site:application"]
    ) as server:
        try:
            _wait_for(address, server)
            yield address
        finally:
            server.terminate()


def _wait_for(address: str, server: subprocess.Popen) -> None:
    stop_at = time.monotonic() + 60
    while True:
        try:
            requests.get(address, timeout=30)
            return
        except requests.ConnectionError as error:
            if server.poll() is not None or time.monotonic() > stop_at:
                raise Unavailable(
                    f"The web server did not start ({error}). Is gunicorn installed? "
                    "`make bench` does it: pip install wagtail-agenda[bench]"
                ) from error
            time.sleep(0.1)


def make_site() -> dict[int, Agenda]:
    """An empty home page, and agendas by the number of bookings in their history."""
    home = Page.get_first_root_node().add_child(instance=HomePage(title="Empty", slug="empty"))
    Site.objects.update(root_page=home)
    now = timezone.now()
    first = (now - timedelta(days=DAYS + 1)).date()
    return {
        history: seeding.fill(
            seeding.Plan(f"history-{history}", first, DAYS, DESKS, bookings=history), now=now
        )
        for history in HISTORIES
    }


class Visitor:
    """Somebody with a browser. `queries` are those of every answer since the last choice."""

    def __init__(self, address: str, agenda: Agenda):
        self.address = address
        self.session = requests.Session()
        definition = Definition(agenda_id=agenda.pk, fields=(), language="en")
        self.definition = form_definition.sign(definition, timezone.now())
        self.queries: list[int] = []
        meeting_type = agenda.meeting_types.first()
        self.picker = f"{self.choose().url}?type={meeting_type.slug}"

    def choose(self, slot: str = "") -> requests.Response:
        """Press a time of the block, or « more times »."""
        self.queries = []
        posted = {"definition": self.definition, **({"slot": slot} if slot else {})}
        return self._post(f"{self.address}/agendas/book/", posted)

    def look_at_month(self) -> requests.Response:
        return self._done(self.session.get(self.picker, timeout=60))

    def book(self) -> requests.Response:
        """From the choice of the first free time to the page that confirms it."""
        found = re.search(r'name="slot"\s+value="([^"]+)"', self.look_at_month().text)
        page = self.choose(html.unescape(found[1]))
        page = self._send_form(page, user_name="Ada Martin", user_email="ada@fairbridge.example")
        page = self._send_form(page)
        if not page.url.rstrip("/").endswith("confirmed"):
            raise AssertionError(f"The booking ended on {page.url}:\n{page.text}")
        return page

    def _send_form(self, page: requests.Response, **typed: str) -> requests.Response:
        form = re.search(r'<form[^>]*method="post".*?</form>', page.text, re.DOTALL)[0]
        action = re.search(r'action="([^"]*)"', form)
        hidden = dict(re.findall(r'type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', form))
        url = urljoin(page.url, html.unescape(action[1]) if action else "")
        return self._post(url, {**hidden, **typed})

    def _post(self, url: str, data: dict[str, str]) -> requests.Response:
        return self._done(
            self.session.post(url, data, headers={"Referer": self.address}, timeout=60)
        )

    def _done(self, response: requests.Response) -> requests.Response:
        response.raise_for_status()
        self.queries += [int(one.headers[QUERIES]) for one in [*response.history, response]]
        return response


def median_of(work: Callable[[], object]) -> Callable[[], float]:
    """Work that answers with the median of several runs: workers are not warm alike."""
    return lambda: statistics.median(timed(work) for _number in range(REQUESTS_A_TURN))


def measure() -> Iterator[Figure]:
    agendas = make_site()
    with web_server() as address:
        visitors = {history: Visitor(address, agenda) for history, agenda in agendas.items()}
        for _number in range(5 * WORKERS):
            for visitor in visitors.values():
                visitor.look_at_month()
        yield from _months(visitors, address)
        yield from _bookings(visitors)
    yield _page_weight()


def _months(visitors: dict[int, Visitor], address: str) -> Iterator[Figure]:
    def empty_page() -> None:
        requests.get(address, timeout=60).raise_for_status()

    for history in HISTORIES[1:]:
        month = median_of(visitors[history].look_at_month)
        yield Figure.of_durations(
            f"http.month.{history}",
            in_turns(month, median_of(visitors[0].look_at_month)),
            at_most(1.3),
            queries=max(visitors[history].queries[-1:]),
            times_an_empty_page=round(in_turns(month, median_of(empty_page), rounds=3).ratio, 3),
        )
    most = max(visitor.queries[-1] for visitor in visitors.values())
    yield Figure("http.month.queries", most, "queries", at_most(10, of="value"))


def _bookings(visitors: dict[int, Visitor]) -> Iterator[Figure]:
    queries = {}
    for history in HISTORIES[1:]:
        turns = compare(visitors[history].book, visitors[0].book, rounds=9)
        queries[history] = visitors[history].queries
        yield Figure.of_durations(
            f"http.booking.{history}",
            turns,
            at_most(1.3),
        )
    answers = max(queries.values(), key=max)
    yield Figure(
        "http.booking.queries",
        max(answers),
        "queries",
        at_most(25, of="value"),
        extra={"by_answer": answers, "sum": sum(answers)},
    )


def _page_weight() -> Figure:
    """Bytes of our CSS and JavaScript that a page with the block loads, uncompressed."""
    weights = {}
    for name in BLOCK_FILES:
        with open(finders.find(name), "rb") as file:
            weights[name] = len(file.read())
    return Figure(
        "http.page_weight",
        sum(weights.values()),
        "bytes",
        at_most(15_000, of="value"),
        extra={"files": weights},
    )


if __name__ == "__main__":
    main(measure, databases=("postgresql",))
