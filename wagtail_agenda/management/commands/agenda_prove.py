"""`manage.py agenda_prove`: the race for the last place, on the database of this site."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_agenda import proving


def _from(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"“{text}” is no whole number from {least} to {most}.")
        return int(text)

    return read


class Command(BaseCommand):
    help = (
        "Lets many visitors race for the same appointment and the same places on this site's own "
        "database, in an agenda that nobody sees and that is removed again, and says whether "
        "anything was oversold. Sends no mail. Ends with status 0 only if nothing was oversold."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--visitors",
            type=_from(2, 1_000),
            default=50,
            help="How many come at once, each with a connection of their own (50).",
        )
        parser.add_argument(
            "--rounds", type=_from(1, 1_000), default=5, help="How often each race is run (5)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        visitors, rounds = options["visitors"], options["rounds"]
        oversold, strange = [], []
        try:
            for result in proving.races(visitors, rounds):
                self.stdout.write(str(result))
                if result.oversold:
                    oversold.append(result)
                elif not result.as_expected:
                    strange.append(result)
            self._tell_of_control(proving.control(visitors))
        except proving.CannotProve as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was made has been removed.") from None
        if strange:
            self.stdout.write(
                f"In {len(strange)} races somebody met with an error or a place stayed free: see "
                "above. That is no overbooking, but it should not be."
            )
        if oversold:
            names = ", ".join(sorted({result.name for result in oversold}))
            self.stdout.write(f"OVERSOLD: {names}")
            raise SystemExit(1)
        self.stdout.write("Nothing was oversold.")

    def _tell_of_control(self, result: proving.Result | None) -> None:
        if result is None:
            self.stdout.write(
                "The control, without the lock, is not run: SQLite lets in one writer at a time, "
                "so it could not oversell there either."
            )
            return
        self.stdout.write(str(result))
        self.stdout.write(
            "It oversold, as it must: the races above were real ones."
            if result.oversold
            else "It did not oversell, so these races prove little. Ask for more visitors."
        )
