"""Several calls at once, so that a slow host keeps nobody waiting but itself.

Each host has a lane with a few calls at a time. Only the calls themselves run in threads; whatever
touches the database stays in the thread of the worker, before and after them.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from wagtail_agenda import conf, webhooks
from wagtail_agenda.models import Delivery
from wagtail_agenda.outbox import calls

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 8
"""How many calls one worker makes at the same time, to whichever hosts."""

LONGEST_WAIT = webhooks.SECONDS_IN_ALL + 3
"""Seconds after which nobody waits for a call any more: finding a host has no deadline."""

SLOW_SECONDS = 3
"""How long a call takes that makes its host a slow one."""

SLOW_FOR = 300
"""How many seconds a host is taken for slow after such a call."""

SECONDS_FOR_THE_SLOW = 15
"""After how long a sweep begins no further call to a slow host: the worker has others to serve."""

_slow_until: dict[str, float] = {}


def is_slow(host: str) -> bool:
    """Whether this process has lately waited long for a host, in vain or not."""
    return _slow_until.get(host, float("-inf")) > time.monotonic()


class Lanes:
    """The calls of one sweep. Begins no call after `stop_at`, a moment of the monotonic clock.

    `now` is the moment to take for all of them, by default that of each attempt. `attempted` counts
    the attempts, of calls that failed before they were made too.
    """

    def __init__(self, deliveries: Iterable[Delivery], *, now: datetime | None, stop_at: float):
        self._lanes: dict[str, deque[Delivery]] = {}
        for delivery in deliveries:
            self._lanes.setdefault(delivery.host, deque()).append(delivery)
        self._now, self._stop_at = now, stop_at
        self._stop_slow_at = time.monotonic() + SECONDS_FOR_THE_SLOW if self._lanes else stop_at
        self._results: queue.SimpleQueue = queue.SimpleQueue()
        self._under_way: dict[int, tuple[calls.Claimed, float]] = {}
        self.attempted = 0

    def go_on(self) -> None:
        """Note what has come back and make further calls; waits for nothing."""
        while self._note_next(timeout=0):
            pass
        self._start()

    def finish(self) -> None:
        """Make all calls, as far as there is time, and wait for their answers."""
        self._start()
        while self._under_way:
            if not self._note_next(timeout=1):
                self._leave_behind()
            self._start()

    def _start(self) -> None:
        """Fill the free lanes, one call of each host in turn."""
        limit = max(1, conf.get("CALLS_PER_HOST"))
        progress = True
        while progress and self._lanes:
            progress = False
            for host in list(self._lanes):
                if len(self._under_way) >= CALLS_AT_ONCE or time.monotonic() > self._stop_at:
                    return
                if is_slow(host) and time.monotonic() > self._stop_slow_at:
                    del self._lanes[host]
                    continue
                if self._count_of(host) < limit:
                    self._take(host)
                    progress = True

    def _count_of(self, host: str) -> int:
        return sum(claimed.delivery.host == host for claimed, _since in self._under_way.values())

    def _take(self, host: str) -> None:
        lane = self._lanes[host]
        delivery = lane.popleft()
        if not lane:
            del self._lanes[host]
        try:
            claimed = calls.claim(delivery, self._moment())
        except calls.HostIsBusy:
            # Other workers are calling there: the next sweep goes on with it.
            self._lanes.pop(host, None)
            return
        except Exception:
            logger.exception("Delivery %s could not be attempted", delivery.pk)
            return
        self.attempted += claimed is not None
        if isinstance(claimed, calls.Claimed):
            self._under_way[delivery.pk] = (claimed, time.monotonic())
            threading.Thread(target=self._make, args=[claimed], daemon=True).start()

    def _make(self, claimed: calls.Claimed) -> None:
        try:
            result = calls.result_of(claimed)
        except BaseException as error:  # noqa: BLE001 - the worker's own thread judges it
            result = error
        self._results.put((claimed.delivery, result))

    def _note_next(self, timeout: float) -> bool:
        """Write down the next result; False if none has come."""
        try:
            delivery, result = self._results.get(timeout=timeout) if timeout else self._at_once()
        except queue.Empty:
            return False
        claimed, since = self._under_way.pop(delivery.pk, (None, 0))
        if claimed is None:
            return True
        if time.monotonic() - since > SLOW_SECONDS:
            _slow_until[delivery.host] = time.monotonic() + SLOW_FOR
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        try:
            if isinstance(result, Exception) and not isinstance(result, webhooks.CallFailure):
                raise result
            calls.conclude(delivery, result, self._moment())
            if calls.is_silent(result):
                self._lanes.pop(delivery.host, None)
                calls.hold(delivery.host, self._moment())
        except Exception:
            # Whatever it is, its lease runs out and it is tried again; the rest must not wait.
            logger.exception("Delivery %s could not be attempted", delivery.pk)
        return True

    def _at_once(self):
        return self._results.get_nowait()

    def _leave_behind(self) -> None:
        """Give up waiting for calls that nothing can end; their leases run out."""
        before = time.monotonic() - LONGEST_WAIT
        for pk in [pk for pk, (_call, since) in self._under_way.items() if since < before]:
            delivery = self._under_way.pop(pk)[0].delivery
            _slow_until[delivery.host] = time.monotonic() + SLOW_FOR
            logger.error("The call %s to “%s” does not come back.", pk, delivery.host)
            self._lanes.pop(delivery.host, None)

    def _moment(self) -> datetime:
        return self._now or timezone.now()
