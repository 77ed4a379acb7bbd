"""Two placeholders: one that everybody may read, one for the people at the counters alone."""

from wagtail_agenda.choices import Audience
from wagtail_agenda.correspondence import register_placeholder


@register_placeholder("old_document", "end of the old document's number", audiences=Audience)
def old_document(booking):
    number = booking.answers.get("old_number") or ""
    return f"…{number[-4:]}" if number else ""


@register_placeholder("archive_shelf", "where the old file lies", audiences=[Audience.STAFF])
def archive_shelf(booking):
    number = booking.answers.get("old_number") or ""
    return f"shelf {number[:2]}" if number else ""
