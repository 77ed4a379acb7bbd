"""Mails that a worker takes together: read at once, sent one by one, noted together.

Before a mail leaves its attempt is counted, and the one before it is marked as having left, in one
statement. So whenever the worker is killed, one mail at the most may have left without anybody
knowing, and only that one is sent a second time. What is marked gets its line in the history with
all others of its batch; of a worker that was killed before that, whoever takes it over writes the
line and sends nothing.
"""

import time
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from wagtail_agenda import letters, mail, mail_settings
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.models import Delivery
from wagtail_agenda.outbox import claiming, mails

_A_MINUTE = timedelta(minutes=1)

BATCH = 50
"""How many mails are taken at once."""

FRESH_SECONDS = 1
"""After how long what was read of a booking is read again before anything is written about it."""


class Batch:
    """Those of some mails that are to be had, for as long as the ``with`` lasts.

    What was not attempted by its end is given back, so that another worker, or the next batch of
    this one, has it.
    """

    def __init__(self, pks: Collection[int], now: datetime) -> None:
        claimed, self._is_suspect = claiming.claim_together(pks, now) if pks else ([], False)
        self._read_at = time.monotonic()
        self._waiting = {delivery.pk: delivery for delivery in _read(claimed)}
        self._left: list[Delivery] = []
        self._unmarked: Delivery | None = None
        self.attempted: set[int] = set()

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._mark()
            claiming.note_left(self._left)
        finally:
            claiming.give_back(self._waiting.values())

    @property
    def was_too_large(self) -> bool:
        """Whether some of it had to be left, because what was read of it no longer held."""
        return bool(self._waiting)

    def __iter__(self) -> Iterator[Delivery]:
        """The mails in the order in which they are to leave, while what was read of them holds."""
        for number, delivery in enumerate(list(self._waiting.values())):
            if number and time.monotonic() - self._read_at > FRESH_SECONDS:
                return
            yield delivery

    def attempt(
        self, delivery: Delivery, now: datetime, connection: mail.KeptConnection | None
    ) -> str | None:
        """Write and send one of these mails; answers with its state, None if it is not its turn."""
        del self._waiting[delivery.pk]
        self.attempted.add(delivery.pk)
        if delivery.done_at is not None:
            self._left.append(delivery)
            return DeliveryState.DONE
        if delivery.is_behind and self._waits_for_another(delivery, now):
            return None
        if mails.is_superseded(delivery):
            claiming.end(delivery, DeliveryState.SUPERSEDED, now)
            return DeliveryState.SUPERSEDED
        # Of a suspect it may be the writing that kills the worker, so it is counted before that.
        begun = self._is_suspect
        if begun and not self._begin(delivery, now):
            return None
        if begun and delivery.attempts > 1 and now >= delivery.give_up_at:
            return mails.fail(delivery, claiming.never_came_back(), now)
        try:
            server = mail_settings.server_of(delivery.subject.site)
            letter = mails.letter_of(delivery, now)
            if begun:
                claiming.keep_letter(delivery)
            elif not self._begin(delivery, now):
                return None
            begun = True
            mail.send(letter, connection, server=server)
        except mail.DeliveryFailure as failure:
            if not begun and not self._begin(delivery, now):
                return None
            return mails.refused(delivery, failure, now)
        delivery.done_at = now
        self._unmarked = delivery
        self._left.append(delivery)
        return DeliveryState.DONE

    def _begin(self, delivery: Delivery, now: datetime) -> bool:
        """Count the attempt, and mark the mail that has left before."""
        begun = claiming.begin(delivery, now, self._unmarked)
        self._unmarked = None
        return begun

    def _mark(self) -> None:
        """Mark the mail that has left last, whatever becomes of the others."""
        if self._unmarked is not None:
            claiming.mark_left(self._unmarked)
            self._unmarked = None

    def _waits_for_another(self, delivery: Delivery, now: datetime) -> bool:
        self._mark()
        ahead = mails.ahead_of(delivery)
        if ahead is None:
            return False
        claiming.give_back([delivery], due_at=max(ahead.due_at, now + _A_MINUTE))
        return True


def _read(pks: Collection[int]) -> list[Delivery]:
    """These mails with all that their letters tell of, in the order in which they are to leave."""
    if not pks:
        return []
    earlier = Delivery.objects.filter(
        recipient=OuterRef("recipient"),
        kind=DeliveryKind.MAIL,
        state__in=[DeliveryState.DUE, DeliveryState.SENDING],
        done_at__isnull=True,
        pk__lt=OuterRef("pk"),
    )
    found = list(
        Delivery.objects.filter(pk__in=pks)
        .annotate(
            # One of the two is about nothing, and costs nothing.
            is_behind=Exists(earlier.filter(booking=OuterRef("booking")))
            | Exists(earlier.filter(called_meeting=OuterRef("called_meeting")))
        )
        .select_related("invitation", "booking", "called_meeting")
        # Most mails of a batch share these, so each of them is read and made once.
        .prefetch_related(
            "booking__agenda",
            "booking__meeting_type",
            "booking__desk",
            "booking__event",
            "booking__status",
            "booking__site__agenda_mail_settings",
            "booking__form_version",
            "booking__resources",
            "called_meeting__agenda",
            "called_meeting__desk",
            "called_meeting__resource",
            "called_meeting__status",
            "called_meeting__site__agenda_mail_settings",
        )
        .order_by("due_at", "pk")
    )
    # An earlier one that is still under way may come to nothing: its letter waits for what it does.
    letters.know_earlier_messages([delivery for delivery in found if not delivery.is_behind])
    return found
