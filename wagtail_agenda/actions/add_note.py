"""« Add a note »: a line for colleagues in the history of the booking or meeting."""

from typing import Any

from django.conf import settings
from django.utils import translation

from wagtail_agenda import placeholders, workflow
from wagtail_agenda.choices import Actor, Audience
from wagtail_agenda.cleaning import clean_text
from wagtail_agenda.meeting_words import facts_about, values_about
from wagtail_agenda.models import Entry
from wagtail_agenda.prepared import PreparedInsert
from wagtail_agenda.subjects import of
from wagtail_agenda.workflow import Occasion

LONGEST_NOTE = 5000


@workflow.register_action("add_note", may_fail=False, about=workflow.BOTH)
def add_note(occasion: Occasion, value: dict[str, Any]) -> None:
    """Write a line into the history; none if there would be nothing in it."""
    template = value.get("text") if isinstance(value.get("text"), str) else ""
    with translation.override(settings.LANGUAGE_CODE):
        facts = facts_about(occasion.booking, occasion.entry)
        values = values_about(occasion.booking, [template], Audience.STAFF, facts)
        lines = placeholders.without_empty_lines(template, values)
        text = clean_text(placeholders.render(lines, values)).strip()[:LONGEST_NOTE]
    if text:
        _write(
            Entry(
                **of(occasion.booking),
                what="note",
                actor=Actor.SYSTEM,
                at=occasion.now,
                data={"text": text},
            )
        )


_write = PreparedInsert(Entry)
