"""An action: a slip for the archive, which a mail to the counters attaches."""

from wagtail import blocks

from wagtail_agenda import workflow
from wagtail_agenda.models import KeptFile


class ArchiveSlipBlock(blocks.StructBlock):
    identifier = blocks.RegexBlock(
        r"^[a-z][a-z0-9_-]*$", default="slip", help_text="Mails attach the slip by this name."
    )

    class Meta:
        icon = "doc-full"
        label = "Write a slip for the archive"


@workflow.register_action("archive_slip", block=ArchiveSlipBlock())
def archive_slip(occasion, value):
    booking = occasion.booking
    number = booking.answers.get("old_number") or ""
    if not number:
        raise workflow.ActionFailed("no old document", "The visitor has no old document.")
    KeptFile.objects.update_or_create(
        booking=booking,
        identifier=value.get("identifier") or "slip",
        defaults={
            "name": f"slip-{booking.reference}.txt",
            "content_type": "text/plain",
            "content": f"{number}\nneeded for {booking.reference}\n".encode(),
        },
    )
