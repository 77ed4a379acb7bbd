"""What was done with what is held about a person stands in the site's log, and never about whom."""

from collections import Counter
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser
from wagtail.log_actions import log

from wagtail_agenda.models import Agenda, Booking
from wagtail_agenda.privacy.persons import Held

EXPORTED = "wagtail_agenda.export_person"
ERASED = "wagtail_agenda.erase_person"


def note(action: str, found: Held, user: AbstractBaseUser | None = None) -> None:
    """Note in the log, with each agenda concerned, what was done; without `user` by the system.

    `found` is what was held before it was done.
    """
    counts: Counter[int] = Counter()
    for rows in found.subjects.values():
        counts.update(row.agenda_id for row in rows)
    named = {mention.booking_id for mention in found.mentions} - {None}
    agendas = Booking.objects.filter(pk__in=named).order_by().values_list("agenda_id", flat=True)
    for agenda in Agenda.objects.filter(pk__in={*counts, *agendas}):
        log(
            instance=agenda,
            action=action,
            user=user,
            data={"count": counts[agenda.pk]},
            # As for exports of bookings: each agenda's history shows its own.
            uuid=uuid4(),
        )
