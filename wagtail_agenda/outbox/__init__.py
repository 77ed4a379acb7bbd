"""What must leave: mails and calls, queued with their reason, claimed and delivered by the worker.

A delivery is at least once and harmless when twice. Of a mail, key, Message-ID and calendar
SEQUENCE are fixed when it is queued, and its bytes at the first attempt; of a call, its
``webhook-id`` and body. The attempt is counted before anything leaves, so that what kills the
worker is not tried for ever.

- `queueing`: rows that are written with their reason
- `claiming`: whose turn it is, and what becomes of it
- `mails`, `calls`: what is to be known of either, and of an attempt
- `batches`: mails that a worker takes together
- `lanes`: several calls at once, a few to each host
- `sweeping`: what the worker runs
- `by_hand`: what people do with a delivery
"""

from wagtail_agenda.outbox.by_hand import cancel, closed_among, reopen, retry, retry_all
from wagtail_agenda.outbox.calls import own_webhook_secret, try_once
from wagtail_agenda.outbox.claiming import BACKOFF, LEASE
from wagtail_agenda.outbox.mails import is_superseded, lock_mails, overtake
from wagtail_agenda.outbox.queueing import (
    Mail,
    WebCall,
    enqueue_calls,
    enqueue_mails,
    host_of,
    unsaved_call,
)
from wagtail_agenda.outbox.sweeping import SWEEP_LIMIT, deliver, deliver_all, sweep

__all__ = [
    "BACKOFF",
    "LEASE",
    "SWEEP_LIMIT",
    "Mail",
    "WebCall",
    "cancel",
    "closed_among",
    "deliver",
    "deliver_all",
    "enqueue_calls",
    "enqueue_mails",
    "host_of",
    "is_superseded",
    "lock_mails",
    "overtake",
    "own_webhook_secret",
    "reopen",
    "retry",
    "retry_all",
    "sweep",
    "try_once",
    "unsaved_call",
]
