"""What an editor may ask visitors besides their name and e-mail address."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.coreutils import string_to_ascii

from wagtail_agenda.cleaning import one_line

CLEAN_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
LONGEST_CLEAN_NAME = 50
LONGEST_LABEL = 255
RESERVED_NAMES = frozenset(
    {
        "answers",
        "csrfmiddlewaretoken",
        "definition",
        "homepage",
        "more",
        "slot",
        "type",
        "user_email",
        "user_name",
        "user_phone_number",
    }
)
"""Names that the booking pages use themselves."""


class StableDeconstruction:
    """Keeps a block's inside out of the migrations of the sites that use it.

    Wagtail writes every child block of a StructBlock or StreamBlock, help texts included, into the
    migration of the model that has it. A site would have to make a migration whenever a sentence
    of this package is reworded; so a migration names the class alone.
    """

    def deconstruct(self):
        return blocks.Block.deconstruct(self)

    def deconstruct_with_lookup(self, lookup):
        return self.deconstruct()

    @classmethod
    def construct_from_lookup(cls, lookup, *args, **kwargs):
        return cls(*args, **kwargs)


class FormFieldBlock(blocks.StructBlock):
    """One question. Subclasses say how it is answered; a project's own go to `register_field`."""

    label = blocks.CharBlock(label=_("Label"), max_length=LONGEST_LABEL)
    help_text = blocks.CharBlock(
        label=_("Help text"),
        required=False,
        max_length=500,
        help_text=_("Shown under the label."),
    )
    required = blocks.BooleanBlock(label=_("Must be answered"), required=False)
    clean_name = blocks.CharBlock(
        label=_("Name for other systems"),
        required=False,
        max_length=LONGEST_CLEAN_NAME,
        help_text=_(
            "Under this name the answer is stored and exported: lower-case letters, digits and "
            "underscores. Made from the label when left empty."
        ),
    )

    def clean(self, value):
        cleaned = super().clean(value)
        name = cleaned.get("clean_name")
        if name:
            problem = problem_with_name(name)
            if problem:
                raise StructBlockValidationError({"clean_name": problem})
        return cleaned

    def asked(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """What the form definition says of this question, beyond what all questions have."""
        return {}


def problem_with_name(name: str) -> ValidationError | None:
    """Why an editor's clean name cannot be used, or None if it can."""
    if not CLEAN_NAME.fullmatch(name):
        return ValidationError(
            _(
                "“%(name)s” cannot be a name: write lower-case letters, digits and underscores, "
                "beginning with a letter."
            ),
            code="invalid_name",
            params={"name": name},
        )
    if name in RESERVED_NAMES:
        return ValidationError(
            _("“%(name)s” is used by the booking form itself. Choose another name."),
            code="reserved_name",
            params={"name": name},
        )
    return None


class SingleLineBlock(FormFieldBlock):
    class Meta:
        icon = "minus"
        label = _("Single line")


class MultiLineBlock(FormFieldBlock):
    class Meta:
        icon = "bars"
        label = _("Several lines")


class EmailBlock(FormFieldBlock):
    class Meta:
        icon = "mail"
        label = _("E-mail address")


class PhoneBlock(FormFieldBlock):
    class Meta:
        icon = "mobile-alt"
        label = _("Telephone number")


class NumberBlock(FormFieldBlock):
    minimum = blocks.DecimalBlock(label=_("Smallest number"), required=False)
    maximum = blocks.DecimalBlock(label=_("Largest number"), required=False)

    class Meta:
        icon = "order"
        label = _("Number")

    def clean(self, value):
        cleaned = super().clean(value)
        minimum, maximum = cleaned.get("minimum"), cleaned.get("maximum")
        if minimum is not None and maximum is not None and minimum > maximum:
            raise StructBlockValidationError(
                {"maximum": ValidationError(_("This is smaller than the smallest number."))}
            )
        return cleaned

    def asked(self, value):
        bounds = {key: value.get(key) for key in ("minimum", "maximum")}
        return {key: str(bound) for key, bound in bounds.items() if bound is not None}


class DateBlock(FormFieldBlock):
    class Meta:
        icon = "date"
        label = _("Date")


class ChoicesBlock(FormFieldBlock):
    """A question whose answers the editor writes down."""

    choices = blocks.ListBlock(
        blocks.CharBlock(label=_("Choice"), max_length=LONGEST_LABEL),
        label=_("Choices"),
        min_num=1,
        max_num=200,
    )

    def clean(self, value):
        cleaned = super().clean(value)
        choices = [choice.strip() for choice in cleaned.get("choices") or () if choice]
        if len(choices) != len(set(choices)):
            raise StructBlockValidationError(
                {"choices": ValidationError(_("Two choices are the same. Make them differ."))}
            )
        return cleaned

    def asked(self, value):
        choices = [one_line(choice) for choice in value.get("choices") or () if choice]
        return {"choices": [choice for choice in dict.fromkeys(choices) if choice]}


class ChoiceBlock(ChoicesBlock):
    class Meta:
        icon = "arrow-down"
        label = _("One choice from a drop-down list")


class RadioBlock(ChoicesBlock):
    class Meta:
        icon = "radio-full"
        label = _("One choice from a visible list")


class CheckboxesBlock(ChoicesBlock):
    class Meta:
        icon = "list-ul"
        label = _("Several choices")


class ConsentBlock(FormFieldBlock):
    """A box that must be ticked. The text is kept with every booking that agrees to it."""

    text = blocks.RichTextBlock(
        label=_("Text agreed to"), features=["bold", "italic", "link"], max_length=2000
    )

    required = blocks.BooleanBlock(label=_("Must be agreed to"), required=False, default=True)

    class Meta:
        icon = "check"
        label = _("Consent")

    def asked(self, value):
        text = value.get("text")
        return {"text": text.source if text else ""}


class FormFieldsBlock(StableDeconstruction, blocks.StreamBlock):
    """The questions of a form, in their order.

    Beside what is here, the types that a project has registered (`forms.register_field`).
    """

    single_line = SingleLineBlock()
    multi_line = MultiLineBlock()
    email = EmailBlock()
    phone = PhoneBlock()
    number = NumberBlock()
    date = DateBlock()
    choice = ChoiceBlock()
    radio = RadioBlock()
    checkboxes = CheckboxesBlock()
    consent = ConsentBlock()

    class Meta:
        required = False
        max_num = 60

    @property
    def child_blocks(self) -> dict[str, blocks.Block]:
        # Read at each use: a page model has this block long before the apps are ready, which is
        # when a project registers its own. Imported late: it reaches the models.
        from wagtail_agenda.forms import field_blocks

        return {**self._built_in, **field_blocks()}

    @child_blocks.setter
    def child_blocks(self, built_in: dict[str, blocks.Block]) -> None:
        self._built_in = built_in

    def clean(self, value):
        cleaned = super().clean(value)
        errors = {}
        seen = set()
        for index, child in enumerate(cleaned):
            name = child.value.get("clean_name")
            if name and name in seen:
                errors[index] = StructBlockValidationError(
                    {
                        "clean_name": ValidationError(
                            _("Another field has the name “%(name)s” already."),
                            code="name_twice",
                            params={"name": name},
                        )
                    }
                )
            seen.add(name)
        if errors:
            raise StreamBlockValidationError(block_errors=errors)
        return cleaned


def fields_asked(stream: Iterable) -> tuple[dict[str, Any], ...]:
    """The questions of a `FormFieldsBlock` value, as a form definition holds them.

    Questions that a draft leaves without a label, or without anything to choose from, are left
    out. Every question gets a name of its own, whatever the editor typed.
    """
    children = [child for child in stream or () if child.value.get("label")]
    taken = set(RESERVED_NAMES)
    taken |= {child.value["clean_name"] for child in children if child.value.get("clean_name")}
    names_given = set()
    asked = []
    for child in children:
        value = child.value
        extra = child.block.asked(value)
        if extra.get("choices") == []:
            continue
        name = value.get("clean_name") or ""
        if not CLEAN_NAME.fullmatch(name) or name in RESERVED_NAMES or name in names_given:
            name = free_name(value["label"], taken)
        taken.add(name)
        names_given.add(name)
        asked.append(
            {
                "type": child.block_type,
                "clean_name": name,
                "label": one_line(value["label"]),
                "help_text": value.get("help_text") or "",
                "required": bool(value.get("required")),
                **extra,
            }
        )
    return tuple(asked)


def free_name(label: str, taken: set[str]) -> str:
    """A clean name from a label in any script: “Prénom d’un enfant” → ``prenom_d_un_enfant``."""
    stem = re.sub("[^a-z0-9]+", "_", string_to_ascii(label).lower()).strip("_")
    stem = stem[: LONGEST_CLEAN_NAME - 4].rstrip("_")
    if not stem or not stem[0].isalpha():
        stem = f"field_{stem}".rstrip("_")
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name
