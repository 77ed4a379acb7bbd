"""Signals of this add-on. A project may connect its own receivers."""

from django.dispatch import Signal

deliveries_due = Signal()
"""Sent once a transaction that left deliveries in the outbox is committed.

Arguments: ``pks``, the primary keys of the deliveries. `tasks` answers by waking the queue. A
receiver that raises is logged and disturbs nobody: the outbox is swept every minute anyway.
"""

entries_due = Signal()
"""Sent once a transaction that left entries which have still to advance a workflow is committed.

`tasks` answers by waking the queue. The entries are looked for every minute anyway.
"""

time_rules_changed = Signal()
"""Sent once a booking workflow with rules of time, or one of its statuses, is committed.

Arguments: ``workflow_id``. `tasks` answers by planning the reminders of its bookings anew, which
happens every day anyway.
"""

attendance_checked = Signal()
"""Sent once the attendance of an event or of an agenda's day is marked as checked, or unmarked.

Arguments: ``sheet``, the `AttendanceSheet`, whose ``checked_at`` is None once unmarked; ``now``;
``user``. Sent after the commit, with what was marked at the same time.
"""

booking_advanced = Signal()
"""Sent once a transaction that moved a booking on is committed.

Arguments: ``booking`` and ``entry``, the line of its history that says what happened.
"""

meeting_advanced = Signal()
"""Sent once a transaction that moved a called meeting on is committed.

Arguments: ``meeting``, the `CalledMeeting`, and ``entry``, the line of its history.
"""
