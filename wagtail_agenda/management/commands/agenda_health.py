"""`manage.py agenda_health`: whether bookings are looked after, for monitoring."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.translation import ngettext

from wagtail_agenda import health


class Command(BaseCommand):
    help = (
        "Says whether the worker runs, mails leave and scheduled publishing works. "
        "Ends with status 1 if something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="Writes one JSON object instead of text."
        )
        parser.add_argument(
            "--tolerate-failed-mails",
            type=int,
            default=0,
            metavar="N",
            help=(
                "So many failed mails are nothing wrong; by default none. Visitors mistype their "
                "addresses."
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        problems = health.problems(now)
        failed = health.failed_deliveries(now).count()
        healthy = not problems and failed <= options["tolerate_failed_mails"]
        if options["json"]:
            facts = {
                "healthy": healthy,
                "checked_at": now.isoformat(),
                "failed_mails": failed,
                "problems": [problem.as_json() for problem in problems],
            }
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        else:
            for line in in_words(problems, failed):
                self.stdout.write(line)
        if not healthy:
            raise SystemExit(1)


def in_words(problems: list[health.Problem], failed: int) -> list[str]:
    lines = [f"{problem.code}: {problem.message}\n    {problem.remedy}" for problem in problems]
    if failed:
        text = ngettext("%(count)d mail has failed.", "%(count)d mails have failed.", failed)
        lines.append(f"mails_failed: {text % {'count': failed}}")
    return lines or ["ok"]
