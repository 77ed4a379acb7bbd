"""`manage.py agenda_check`: whether the books balance, and putting right what does not."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from wagtail_agenda import consistency
from wagtail_agenda.errors import Overloaded

NAMED_AT_MOST = 20
"""How many keys of one finding the text names; JSON has them all."""


class Command(BaseCommand):
    help = (
        "Says whether bookings, meetings, counters, holds and mails agree. With --repair, "
        "puts right what can be. Ends with status 1 if something is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="Puts right what can be, each row under the lock that bookings take as well.",
        )
        parser.add_argument(
            "--json", action="store_true", help="Writes one JSON object instead of text."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        mended = 0
        if options["repair"]:
            try:
                mended = consistency.mend(now)
            except Overloaded as error:
                raise CommandError(f"{error} What was mended until then stays so.") from error
        left = consistency.findings(now)
        if options["json"]:
            facts = {
                "clean": not left,
                "checked_at": now.isoformat(),
                "mended": mended,
                "findings": [finding.as_json() for finding in left],
            }
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        else:
            for line in in_words(left, mended, repairing=options["repair"]):
                self.stdout.write(line)
        if left:
            raise SystemExit(1)


def in_words(left: list[consistency.Finding], mended: int, *, repairing: bool) -> list[str]:
    lines = [f"Mended: {mended}"] if repairing else []
    for finding in left:
        named = ", ".join(str(key) for key in finding.keys[:NAMED_AT_MOST])
        more = ", …" if len(finding.keys) > NAMED_AT_MOST else ""
        lines.append(f"{finding.code}: {finding.message}\n    {finding.of}: {named}{more}")
    if not repairing and any(finding.mend for finding in left):
        lines.append("agenda_check --repair puts right what can be.")
    return lines if left else [*lines, "ok"]
