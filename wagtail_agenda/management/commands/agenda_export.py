"""`manage.py agenda_export`: agendas with all they need, as one JSON file."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_agenda.importers import agenda_json
from wagtail_agenda.models import Agenda


class Command(BaseCommand):
    help = (
        "Writes agendas as JSON, with their desks, appointment types, hours, closures, events, "
        "series, resources, reasons and workflows. No bookings and nobody who has booked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slugs", nargs="*", metavar="SLUG", help="Slugs of the agendas; without any, all."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slugs = options["slugs"]
        agendas = Agenda.objects.filter(slug__in=slugs) if slugs else Agenda.objects.all()
        missing = sorted(set(slugs) - {agenda.slug for agenda in agendas})
        if missing:
            raise CommandError(f"There is no agenda “{missing[0]}”.")
        try:
            data = agenda_json.file_of(agendas)
        except agenda_json.CannotBeNamed as error:
            raise CommandError(
                f"A workflow has chosen what no file can name: {error}. Take it out there first."
            ) from error
        self.stdout.write(data.decode(), ending="")
