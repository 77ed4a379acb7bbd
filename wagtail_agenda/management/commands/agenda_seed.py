"""`manage.py agenda_seed`: an agenda of any size, to measure and to try things out."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from wagtail_agenda import seeding


def _whole(least: int, most: int) -> Callable[[str], int]:
    """What argparse asks for a whole number between these."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ArgumentTypeError(f"“{text}” is no whole number from {least} to {most}.")
        return number

    return read


def _slug(text: str) -> str:
    if not re.fullmatch(r"[-a-zA-Z0-9_]{1,100}", text):
        raise ArgumentTypeError(
            f"“{text}” is no slug: at most a hundred letters, digits, hyphens and underscores."
        )
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"“{text}” is no date; write 2026-01-15.") from error


class Command(BaseCommand):
    help = (
        "Fills an agenda of its own with invented bookings, in bulk: for measuring, trying out and "
        "training. The same options give the same bookings. Nobody in it has an address, so "
        "nothing is ever sent. An agenda that was not made by this command is never touched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "agenda", type=_slug, help="Slug of the agenda to make, for instance seeded-town."
        )
        parser.add_argument(
            "--desks",
            type=_whole(1, 10_000),
            default=3,
            help="Desks, open Monday to Saturday, 8:00 to 20:00 (3).",
        )
        parser.add_argument(
            "--events",
            type=_whole(0, 100_000),
            default=0,
            help="Events, four a day: the agenda then takes events and has no desks (0).",
        )
        parser.add_argument(
            "--places", type=_whole(1, 100_000), default=20, help="Places of every event (20)."
        )
        parser.add_argument(
            "--bookings",
            type=_whole(0, 10_000_000),
            default=200,
            help="Bookings, spread evenly over desks and days, or over the events (200).",
        )
        parser.add_argument(
            "--first", type=_day, help="First day, as 2026-01-15; may be in the past (tomorrow)."
        )
        parser.add_argument(
            "--days", type=_whole(1, 3_650), default=60, help="Days from the first one on (60)."
        )
        parser.add_argument(
            "--seed", type=int, default=1, help="Another number gives other bookings (1)."
        )
        parser.add_argument(
            "--remove", action="store_true", help="Take the agenda and all it has away again."
        )
        parser.add_argument(
            "--with-real-bookings",
            action="store_true",
            help="With --remove: also if somebody has booked there since.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        slug = options["agenda"]
        try:
            if options["remove"]:
                removed = seeding.remove(slug, with_real_bookings=options["with_real_bookings"])
                self.stdout.write(f"The agenda “{slug}” and its {removed} bookings are gone.")
                return
            plan = seeding.Plan(
                slug=slug,
                first=options["first"] or timezone.localdate(now) + timedelta(days=1),
                **{
                    name: options[name]
                    for name in ("days", "desks", "events", "places", "bookings", "seed")
                },
            )
            seeding.fill(plan, now=now)
        except seeding.CannotSeed as error:
            raise CommandError(str(error)) from error
        what = f"{plan.events} events" if plan.events else f"{plan.desks} desks"
        self.stdout.write(f"The agenda “{slug}” has {what} and {plan.bookings} bookings.")
