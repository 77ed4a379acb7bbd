"""A question: the number of a travel document, whose last digit shows a slip."""

import re
from itertools import cycle

from django.core.exceptions import ValidationError

from wagtail_agenda import forms
from wagtail_agenda.blocks import FormFieldBlock

SHAPE = re.compile(r"[A-Z0-9]{9}[0-9]", re.ASCII)


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
        if number and not (SHAPE.fullmatch(number) and number[9] == check_digit(number[:9])):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return number


def check_digit(number):
    """By ICAO Doc 9303, part 3."""
    values = (int(sign, 36) for sign in number)
    weighted = (value * weight for value, weight in zip(values, cycle((7, 3, 1)), strict=False))
    return str(sum(weighted) % 10)


def spaced(number):
    return f"{number[:9]} {number[9:]}".strip()


@forms.register_field("document_number", block=DocumentNumberBlock(), in_words=spaced)
def document_number(item, **common):
    return DocumentNumberField(**common)
