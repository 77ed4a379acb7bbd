"""`manage.py agenda_cancel`: a booking cancelled from the back office."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from wagtail_agenda import booking
from wagtail_agenda.choices import Actor
from wagtail_agenda.cleaning import clean_text
from wagtail_agenda.errors import BookingError
from wagtail_agenda.models import Booking


class Command(BaseCommand):
    help = (
        "Cancels a booking as an agent would: whoever booked it is told as the booking workflow "
        "says, and so is the other system that it came from."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "id", help="Its number, such as K7QM-3FTD, or the id that other systems know."
        )
        parser.add_argument(
            "--reason", default="", help="Why; stands in the history and in the mails."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = _booking(options["id"])
        reason = clean_text(options["reason"]).strip()
        try:
            booking.cancel(found, actor=Actor.AGENT, now=timezone.now(), reason=reason)
        except BookingError as error:
            raise CommandError(f"Nothing was cancelled: {error}") from error
        self.stdout.write(f"{found.reference} is cancelled.")


def _booking(name: str) -> Booking:
    try:
        found = Booking.objects.filter(uuid=UUID(name))
    except ValueError:
        found = Booking.objects.filter(reference=name.strip().upper())
    present = found.select_related("agenda").first()
    if present is None:
        raise CommandError(f"There is no booking “{name}”. Nothing was cancelled.")
    return present
