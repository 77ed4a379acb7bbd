"""`manage.py agenda_import`: agendas from a JSON file, made or changed."""

import sys
from pathlib import Path
from textwrap import indent
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from wagtail_agenda.errors import Overloaded
from wagtail_agenda.importers import agenda_json

STANDARD_INPUT = "-"


class Command(BaseCommand):
    help = (
        "Makes the agendas of a file that agenda_export has written, or changes those that there "
        "are. What the file leaves out stays; nothing that is booked goes. All of it or nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The file; - for standard input.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only says what would be made and changed."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcomes = agenda_json.read_file(
                _bytes_of(options["file"]),
                now=timezone.now(),
                command="agenda_import",
                trying=options["dry_run"],
            )
        except agenda_json.Refused as error:
            raise CommandError(f"Nothing was changed.\n{indent(str(error), '  ')}") from error
        except Overloaded as error:
            raise CommandError(
                "Nothing was changed: others are changing the same just now. Try again."
            ) from error
        for one in outcomes:
            within = f" of “{one.within}”" if one.within else ""
            sort = one.sort.replace("_", " ")
            self.stdout.write(f"{one.verdict:<10}{sort} “{one.label}”{within}")
        if options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")


def _bytes_of(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"“{name}” cannot be read: {error.strerror}.") from error
