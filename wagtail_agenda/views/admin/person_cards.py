"""What is held about a person, as a page or a printed sheet shows it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wagtail_agenda import privacy
from wagtail_agenda.form_definition import answers_in_words, in_words
from wagtail_agenda.meeting_words import answer_text
from wagtail_agenda.meetings import forgetting
from wagtail_agenda.meetings.forgetting import Part
from wagtail_agenda.models import Booking, Delivery, Hold
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.delivery_lines import whom
from wagtail_agenda.views.admin.timeline import timeline
from wagtail_agenda.wording import short_moment_text, span_text


@dataclass(frozen=True)
class Card:
    """One row that is about the person, in words. `url` leads to its page, if it has one."""

    title: str
    note: str
    facts: list[tuple[str, str]]
    url: str = ""
    lists: list[tuple[str, list[str]]] = field(default_factory=list)


def cards_of(held: privacy.Held) -> list[tuple[str, list[Card]]]:
    """The kinds of which something is held: heading, and one card for each row."""
    return [
        (str(heading), [card(row) for row in held.subjects[name]])
        for name, (heading, card) in CARDS.items()
        if held.subjects[name]
    ]


def booking_card(booking: Booking) -> Card:
    """A booking with everything that is kept with it."""
    zone = booking.agenda.zone
    columns = ("user_name", "user_email", "user_phone_number", "user_external_id")
    columns += ("label", "user_display_label", "description", "attendance_note")
    columns += ("cancellation_reason", "backoffice_url", "form_url")
    asked = booking.form_version.definition if booking.form_version else {}
    facts = [(_column(booking, name), str(getattr(booking, name) or "")) for name in columns]
    facts.append((_column(booking, "attendance"), booking.get_attendance_display()))
    facts += answers_in_words(asked, booking.answers or {})
    facts += [(name, in_words(value)) for name, value in (booking.extra_data or {}).items()]
    facts.append((_("Made"), short_moment_text(booking.created_at.astimezone(zone))))
    history = [
        ", ".join([str(moment.what), moment.who, short_moment_text(moment.at.astimezone(zone))])
        + "".join(f" – {name}: {text}" for name, text in moment.details)
        for moment in timeline(booking)
    ]
    return Card(
        title=span_text(booking.local_start, booking.local_end),
        note=f"{booking.agenda}, {booking.reference}, {booking.get_admission_display()}",
        facts=[(label, text) for label, text in facts if text],
        url=url_to("booking", booking.pk),
        lists=[
            (heading, lines)
            for heading, lines in (
                (_("What happened"), history),
                (_("Mails and calls"), [_delivery(one) for one in booking.deliveries.all()]),
                (_("Calendar copies"), [one.address for one in booking.invitations.all()]),
                (_("Files"), [kept.name for kept in booking.kept_files.all()]),
            )
            if lines
        ],
    )


def _delivery(delivery: Delivery) -> str:
    kind, state = delivery.get_kind_display(), delivery.get_state_display()
    return f"{kind}: {whom(delivery)} – {state}"


def draft_card(hold: Hold) -> Card:
    """What was typed of a form that was not sent."""
    asked = hold.form_version.definition if hold.form_version else {}
    typed = answers_in_words(asked, hold.answers or {})
    return Card(
        title=short_moment_text(hold.created_at.astimezone(hold.agenda.zone)),
        note=str(hold.agenda),
        facts=[(label, text) for label, text in typed if text],
    )


def meeting_card(part: Part) -> Card:
    """What somebody has to do with a meeting."""
    called = part.called
    if called is None:
        return Card(title=str(part), note=f"{part.meeting.agenda}, {_('Draft')}", facts=[])
    told = forgetting.told(part)
    facts = [(_("Organiser"), called.organiser_name)] if told["is_organiser"] else []
    facts += [(_("Participant"), one["name"] or one["address"]) for one in told["invited_as"]]
    copies = [one["address"] for one in told["calendar_copies"]]
    answers = [
        (_("Answer"), answer_text(one["answer"]))
        for one in told["calendar_copies"]
        if one["answer"]
    ]
    return Card(
        title=f"{called.title}, {span_text(called.local_start, called.local_end)}",
        note=str(called.agenda),
        facts=facts + answers,
        url=url_to("meeting", called.pk),
        lists=[(_("Calendar copies"), copies)] if copies else [],
    )


CARDS: dict[str, tuple[Any, Callable[[Any], Card]]] = {
    "bookings": (gettext_lazy("Bookings"), booking_card),
    "drafts": (gettext_lazy("Typed into a form, and not sent"), draft_card),
    "meetings": (gettext_lazy("Meetings"), meeting_card),
}
"""Heading and card for each kind that `privacy` knows."""


def _column(booking: Booking, name: str) -> str:
    label = str(booking._meta.get_field(name).verbose_name)
    return label[:1].upper() + label[1:]


WHERE = {
    "booking": gettext_lazy("Somebody else’s booking"),
    "entry": gettext_lazy("The history of a booking"),
    "delivery": gettext_lazy("A mail or call about a booking"),
    "invitation": gettext_lazy("A calendar copy of a booking"),
    "hold": gettext_lazy("A form that somebody else has begun"),
    "keptfile": gettext_lazy("A file kept with a booking"),
    "closedaddress": gettext_lazy("An address that is not called any more"),
    "modellogentry": gettext_lazy("The site’s log"),
    "revision": gettext_lazy("An older version of what an editor has written"),
    "failure": gettext_lazy("A task of the queue that failed"),
}
"""Where an address stands besides, by the name of the table."""


def mention_lines(held: privacy.Held) -> list[tuple[str, str]]:
    """``(address, words)``: the place in words, and the page of the booking it belongs to."""
    return [
        (
            url_to("booking", mention.booking_id) if mention.booking_id else "",
            str(WHERE.get(mention.row._meta.model_name, mention.row._meta.verbose_name)),
        )
        for mention in held.mentions
    ]
