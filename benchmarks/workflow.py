"""Booking with a workflow of five actions, beside the same booking with one that does nothing.

The statuses of the floor are the same without their actions, so what is measured is what the
actions add to the transaction that the visitor waits for. Whatever they leave to the worker is not
in it, on either side: nothing leaves meanwhile.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.booking import DETAILS, FIRST, NOW, next_start, slot_at
from benchmarks.harness import Figure, at_most, compare, main
from wagtail_agenda import availability, booking, seeding
from wagtail_agenda.choices import Actor, Trigger
from wagtail_agenda.models import Agenda, Desk, MeetingType, Workflow, WorkflowStatus

ROUNDS = 9

ACTIONS = [
    {"type": "send_email", "value": {"to": "visitor", "with_invitation": True}},
    {"type": "send_email", "value": {"to": "staff"}},
    {"type": "generate_ics", "value": {"identifier": "appointment"}},
    {
        "type": "call",
        "value": {
            "url": "https://records.fairbridge.example/bookings",
            "fields": [{"name": "who", "value": "{user_name}"}],
        },
    },
    {"type": "add_note", "value": {"text": "Booked by {user_name} for {when}."}},
]


def measure() -> Iterator[Figure]:
    book = {len(actions): booker(actions) for actions in (ACTIONS, [])}
    with_actions, bare = book[len(ACTIONS)], book[0]
    statements = {number: statements_of(act) for number, act in book.items()}
    turns = compare(with_actions, bare, rounds=ROUNDS)
    yield Figure.of_durations(
        "workflow",
        turns,
        at_most(1.3),
        actions=len(ACTIONS),
        statements=statements[len(ACTIONS)],
        bare_statements=statements[0],
    )


def booker(actions: list[dict[str, Any]]) -> Callable[[], None]:
    """What books one time after the other, in an agenda whose workflow has these actions."""
    number = len(actions)
    agenda = seeding.fill(
        seeding.Plan(slug=f"town-{number}", first=FIRST, desks=1, bookings=500), now=NOW
    )
    workflow = Workflow.objects.create(label=f"{number} actions", slug=f"actions-{number}")
    requested, confirmed = (
        WorkflowStatus.objects.create(
            workflow=workflow, label=slug.title(), slug=slug, sort_order=order, actions=done
        )
        for order, (slug, done) in enumerate({"requested": [], "confirmed": actions}.items())
    )
    rule = {"trigger": Trigger.BOOKED.value, "status": confirmed.pk}
    workflow.transitions = [{"type": "transition", "value": rule}]
    workflow.save()
    Agenda.objects.filter(pk=agenda.pk).update(
        workflow=workflow, staff_addresses="counter@fairbridge.example"
    )
    agenda = Agenda.objects.get(pk=agenda.pk)
    kind = MeetingType.objects.get(agenda=agenda, slug="passport")
    desk = Desk.objects.get(agenda=agenda)

    def book() -> None:
        slot: availability.Slot = slot_at(agenda, kind, desk, next_start())
        booking.book(slot, DETAILS, now=NOW, actor=Actor.VISITOR)

    return book


def statements_of(act: Callable[[], None]) -> int:
    act()
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


if __name__ == "__main__":
    main(measure, databases=("postgresql", "sqlite"))
