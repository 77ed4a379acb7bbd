"""Blocks that a site puts into its StreamFields: `BookingFormBlock`, and the fields it may ask.

Nothing in here imports models: sites use these blocks in their own models, which are loaded before
the app registry is ready.
"""

from wagtail_agenda.blocks.booking_form import BookingFormBlock
from wagtail_agenda.blocks.fields import (
    CheckboxesBlock,
    ChoiceBlock,
    ConsentBlock,
    DateBlock,
    EmailBlock,
    FormFieldBlock,
    FormFieldsBlock,
    MultiLineBlock,
    NumberBlock,
    PhoneBlock,
    RadioBlock,
    SingleLineBlock,
)

__all__ = [
    "BookingFormBlock",
    "CheckboxesBlock",
    "ChoiceBlock",
    "ConsentBlock",
    "DateBlock",
    "EmailBlock",
    "FormFieldBlock",
    "FormFieldsBlock",
    "MultiLineBlock",
    "NumberBlock",
    "PhoneBlock",
    "RadioBlock",
    "SingleLineBlock",
]
