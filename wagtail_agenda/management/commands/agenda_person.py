"""`manage.py agenda_person`: what is held about somebody, told or erased."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from wagtail_agenda import privacy
from wagtail_agenda.errors import Overloaded


class Command(BaseCommand):
    help = (
        "Tells everything that is held about an e-mail address, as JSON, or erases it. Bookings "
        "stay without saying whose they were. Both are noted in the log of the agendas concerned, "
        "without saying whom they were about."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["export", "erase"], help="What to do.")
        parser.add_argument("email", help="The address, as it was typed in the booking.")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip()
        if not email or "@" not in email:
            raise CommandError(f"“{email}” is no e-mail address.")
        held = privacy.held(email)
        if options["act"] == "export":
            privacy.note(privacy.EXPORTED, held)
            found = privacy.as_data(held)
        else:
            try:
                found = privacy.erase(email, now=timezone.now())
            except privacy.StillToCome as error:
                raise CommandError(
                    f"Nothing was erased: bookings are still to come. Cancel these first: {error}"
                ) from error
            except Overloaded as error:
                raise CommandError(f"Nothing was erased: {error}") from error
            privacy.note(privacy.ERASED, held)
        self.stdout.write(json.dumps(found, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder))
