"""What the town hall adds to wagtail-agenda: a question, a spam check, two placeholders.

`HomeConfig.ready()` imports this module; the spam check stands in the settings.
"""

import re
from itertools import cycle

from django.core.exceptions import ValidationError

from wagtail_agenda import correspondence, forms
from wagtail_agenda.blocks import FormFieldBlock
from wagtail_agenda.choices import Audience

# A question: the number of a passport or identity card, with the digit that shows a slip.

DOCUMENT_NUMBER = re.compile(r"[A-Z0-9]{9}[0-9]", re.ASCII)


def check_digit(number: str) -> str:
    """The check digit of a travel document's number, by ICAO Doc 9303, part 3."""
    values = (int(sign, 36) for sign in number)
    weighted = (value * weight for value, weight in zip(values, cycle((7, 3, 1)), strict=False))
    return str(sum(weighted) % 10)


class DocumentNumberBlock(FormFieldBlock):
    class Meta:
        icon = "tag"
        label = "Number of a travel document"


class DocumentNumberField(forms.LineField):
    default_error_messages = {
        "invalid": "Copy the nine letters and digits and the one digit behind them: L898902C36.",
    }

    def clean(self, value):
        number = super().clean(value).upper().replace(" ", "")
        if not number:
            return ""
        if not DOCUMENT_NUMBER.fullmatch(number) or check_digit(number[:9]) != number[9]:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return number


def spaced(number: str) -> str:
    return f"{number[:9]} {number[9:]}".strip()


@forms.register_field("document_number", block=DocumentNumberBlock(), in_words=spaced)
def document_number(item, **common):
    return DocumentNumberField(**common)


# Placeholders: one that everybody may read, one for the people at the counters alone.


@correspondence.register_placeholder(
    "old_document", "end of the old document's number", audiences=Audience
)
def old_document(booking):
    number = booking.answers.get("old_number") or ""
    return f"…{number[-4:]}" if number else ""


@correspondence.register_placeholder(
    "archive_shelf", "where the old file lies", audiences=[Audience.STAFF]
)
def archive_shelf(booking):
    number = booking.answers.get("old_number") or ""
    return f"shelf {number[:2]}" if number else ""


# A spam check.


def no_advertising(request, form):
    """Nobody who needs a passport writes web addresses into the form."""
    said = " ".join(str(answer) for answer in form.cleaned_data.values())
    if said.count("://") > 1:
        return "Please take the web addresses out of your answers, then confirm again."
    return None
