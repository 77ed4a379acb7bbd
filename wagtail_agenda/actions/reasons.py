"""Why an action ends something, in the words of whoever set up the workflow."""

from typing import Any

from django.conf import settings
from django.utils import translation

from wagtail_agenda import placeholders
from wagtail_agenda.choices import Audience
from wagtail_agenda.meeting_words import facts_about, values_about
from wagtail_agenda.workflow import Occasion

LONGEST_REASON = 1000


def reason_of(occasion: Occasion, value: dict[str, Any]) -> str:
    """The reason that an action gives, with its placeholders filled in for those who read it."""
    template = value.get("reason")
    if not template or not isinstance(template, str):
        return ""
    with translation.override(settings.LANGUAGE_CODE):
        facts = facts_about(occasion.booking, occasion.entry)
        values = values_about(occasion.booking, [template], Audience.VISITOR, facts)
        return placeholders.render_line(template, values)[:LONGEST_REASON]
