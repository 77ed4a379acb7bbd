"""The form that a visitor fills in, built from a form definition.

What was typed is kept as typed (`typed`), valid or not, and judged whenever it is needed
(`filled_in`). So a visitor who loses their time, or comes back to a detail, finds everything again.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.formats import get_format
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from wagtail.blocks import Block

from wagtail_agenda import form_definition
from wagtail_agenda.booking import Details
from wagtail_agenda.cleaning import clean_text, email_address, one_line

LONGEST_LINE = 255
LONGEST_TEXT = 5_000
LONGEST_PHONE = 50
LONGEST_EMAIL = 254
LONGEST_KEPT = 20_000
"""Characters of one answer that are kept for correction. Longer ones are not typed by hand."""

# They turn the reading direction round and never give it back: a name could rewrite the line that
# an agent reads. Joiners stay, Persian and family emoji are written with them.
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_WEB_ADDRESS = re.compile(r"://|\bwww\.", re.IGNORECASE)
_PHONE = re.compile(r"\+?[0-9 ()./-]+", re.ASCII)
_BUILT_IN_FIELDS = ("user_name", "user_email")

FieldBuilder = Callable[..., forms.Field]
"""Makes the form field of a question: ``builder(item, label=…, help_text=…, required=…)``."""


def without_invisible(value: str) -> str:
    """`value` without format characters (Unicode category Cf), which only copying brings along."""
    return "".join(letter for letter in value if unicodedata.category(letter) != "Cf")


def is_blank(value: str) -> bool:
    """Whether nothing of `value` can be seen: blanks, zero-width characters, or nothing at all."""
    return not without_invisible(value).strip()


class LineField(forms.CharField):
    """A text on one line."""

    def __init__(self, **kwargs):
        super().__init__(**{"max_length": LONGEST_LINE, **kwargs})

    def to_python(self, value):
        line = _DIRECTION_CONTROLS.sub("", one_line(value or ""))
        return "" if is_blank(line) else line


class NameField(LineField):
    """Somebody's name. It greets whoever reads the mail, so it advertises no web address."""

    widget = forms.TextInput(attrs={"autocomplete": "name"})
    default_error_messages = {"web_address": _("Write the name without a web address.")}

    def clean(self, value):
        name = super().clean(value)
        if _WEB_ADDRESS.search(without_invisible(name)):
            raise ValidationError(self.error_messages["web_address"], code="web_address")
        return name


class TextField(forms.CharField):
    """A text of several lines."""

    widget = forms.Textarea(attrs={"rows": 5})

    def __init__(self, **kwargs):
        super().__init__(**{"max_length": LONGEST_TEXT, **kwargs})

    def to_python(self, value):
        text = clean_text(value or "").strip()
        return "" if is_blank(text) else text


class AddressField(forms.CharField):
    """One e-mail address that a mail server accepts."""

    widget = forms.EmailInput(attrs={"autocomplete": "email"})
    default_error_messages = {
        "invalid": _("Write one e-mail address, like name@example.org."),
    }

    def to_python(self, value):
        return without_invisible(one_line(value or "")).strip()

    def clean(self, value):
        address = super().clean(value)
        if not address:
            return ""
        try:
            on_the_wire = email_address(address)
        except ValueError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        # Quoted names, numbers of machines and names of the own network are nobody's address, but
        # a mail server may find a way to them.
        local, _at, domain = on_the_wire.rpartition("@")
        odd = '"' in local or "[" in domain or "." not in domain
        if odd or len(on_the_wire) > LONGEST_EMAIL:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return address


class PhoneField(forms.CharField):
    """A telephone number as people write it: digits, blanks and the usual signs."""

    widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"})
    default_error_messages = {
        "invalid": _("Write the telephone number in digits, like +33 1 23 45 67 89."),
    }

    def __init__(self, **kwargs):
        super().__init__(**{"max_length": LONGEST_PHONE, **kwargs})

    def to_python(self, value):
        number = without_invisible(one_line(value or ""))
        number = re.sub(r"\s+", " ", re.sub("[\u2010-\u2015\u2212]", "-", number))
        return number.strip()

    def clean(self, value):
        number = super().clean(value)
        digits = sum(sign.isdecimal() for sign in number)
        if number and not (_PHONE.fullmatch(number) and 3 <= digits <= 20):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return number


class DayField(forms.DateField):
    """A date, from the browser's calendar or typed as the language writes it."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})

    def to_python(self, value):
        # Read at each request, because the formats depend on the language.
        self.input_formats = ["%Y-%m-%d", *get_format("DATE_INPUT_FORMATS")]
        return super().to_python(without_invisible(one_line(value or "")).strip())


class BookingForm(forms.Form):
    """Name and e-mail address, which every booking asks. `filled_in` adds what the editor asks."""

    user_name = NameField(label=_("Name"))
    user_email = AddressField(
        label=_("E-mail"), help_text=_("The confirmation and the invitation go there.")
    )

    template_name = "wagtail_agenda/visitor/form.html"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"auto_id": "agenda-%s", **kwargs})


def form_of(
    asked: Mapping[str, Any],
    answers: Mapping[str, Any] | None = None,
    *,
    judged: bool = False,
) -> BookingForm:
    """The form that `asked` (a `FormVersion.definition`) describes, with what was typed so far.

    `judged` checks the answers; otherwise the form is shown without a word about them.
    """
    answers = answers or {}
    if judged:
        data = MultiValueDict(
            {name: value if isinstance(value, list) else [value] for name, value in answers.items()}
        )
        form = BookingForm(data)
    else:
        form = BookingForm(initial=dict(answers))
    for item in asked["fields"]:
        form.fields[item["clean_name"]] = field_of(item)
    return form


def register_field(
    kind: str, *, block: Block, in_words: Callable[[Any], str] | None = None
) -> Callable[[FieldBuilder], FieldBuilder]:
    """Register a type of question of a project's own, and the `block` in which editors set it up.

    Call it from `AppConfig.ready()`, on a function that makes the form field::

        @forms.register_field("document_number", block=DocumentNumberBlock())
        def document_number(item, **common):
            return DocumentNumberField(**common)

    `kind` is stored with every form that asks it, so it must stay. `block` is a `FormFieldBlock`.
    The function gets the question as the form definition holds it, what the block's `asked()` says
    included, and `label`, `help_text` and `required` as `common`. Its field has one input, or
    several of one name; what it cleans to is kept as JSON: a text, a number, a date, yes or no, or
    a list of these. `in_words` says a kept answer to people; by default it is shown as it is.

    Raises `ValueError` for a kind that there is already.
    """
    if kind in _builders:
        raise ValueError(f"There is a form field of type {kind!r} already; choose another name.")

    def register(builder: FieldBuilder) -> FieldBuilder:
        block.set_name(kind)
        _builders[kind], _field_blocks[kind] = builder, block
        if in_words is not None:
            form_definition.say_answers(kind, in_words)
        return builder

    return register


def field_blocks() -> dict[str, Block]:
    """The blocks of the types that a project has registered, for `FormFieldsBlock`."""
    return dict(_field_blocks)


def field_of(item: Mapping[str, Any]) -> forms.Field:
    """The form field of one question of a form definition.

    A question that this version cannot ask, because a later one or a project's own code did, is
    asked as a single line.
    """
    return _builders.get(item["type"], _line)(
        item,
        label=item["label"],
        help_text=item.get("help_text", ""),
        required=item.get("required", False),
    )


def _line(item, **common) -> forms.Field:
    return LineField(**common)


def _text(item, **common) -> forms.Field:
    return TextField(**common)


def _email(item, **common) -> forms.Field:
    return AddressField(**common)


def _phone(item, **common) -> forms.Field:
    return PhoneField(**common)


def _day(item, **common) -> forms.Field:
    return DayField(**common)


def _number(item, **common) -> forms.Field:
    return forms.DecimalField(
        **common,
        max_digits=15,
        decimal_places=6,
        localize=True,
        min_value=_bound(item.get("minimum")),
        max_value=_bound(item.get("maximum")),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )


def _drop_down(item, **common) -> forms.Field:
    unanswered = ("", format_lazy("– {} –", _("Please choose")))
    return forms.ChoiceField(**common, choices=[unanswered, *_choices(item)])


def _radio(item, **common) -> forms.Field:
    unanswered = [] if common["required"] else [("", _("No answer"))]
    return forms.ChoiceField(
        **common, choices=[*_choices(item), *unanswered], widget=forms.RadioSelect
    )


def _checkboxes(item, **common) -> forms.Field:
    return forms.MultipleChoiceField(
        **common, choices=_choices(item), widget=forms.CheckboxSelectMultiple
    )


def _consent(item, **common) -> forms.Field:
    field = forms.BooleanField(
        **common,
        error_messages={"required": _("Tick the box if you agree; it is needed to book.")},
    )
    field.consent_text = item.get("text", "")
    return field


def _choices(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(choice, choice) for choice in item.get("choices", ())]


def _bound(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


_builders: dict[str, FieldBuilder] = {
    "single_line": _line,
    "multi_line": _text,
    "email": _email,
    "phone": _phone,
    "date": _day,
    "number": _number,
    "choice": _drop_down,
    "radio": _radio,
    "checkboxes": _checkboxes,
    "consent": _consent,
}
_field_blocks: dict[str, Block] = {}


def typed(asked: Mapping[str, Any], post: QueryDict) -> dict[str, Any]:
    """What a request says in answer to a form definition, as it was typed.

    Only what cannot be stored at all is taken out: NUL and other control characters, lone
    surrogates, and whatever is longer than anybody types.
    """
    answers: dict[str, Any] = {}
    several = {
        item["clean_name"]
        for item in asked["fields"]
        if getattr(field_of(item).widget, "allow_multiple_selected", False)
    }
    for name in (*_BUILT_IN_FIELDS, *(item["clean_name"] for item in asked["fields"])):
        if name in several:
            answers[name] = [_kept(value) for value in post.getlist(name)[:200]]
        else:
            answers[name] = _kept(post.get(name, ""))
    return answers


def details_of(asked: Mapping[str, Any], cleaned: Mapping[str, Any], **about: Any) -> Details:
    """The booking details of a valid form. `about` is what `Details` wants besides."""
    answers = {
        item["clean_name"]: as_stored(cleaned[item["clean_name"]]) for item in asked["fields"]
    }
    phones = [answers[item["clean_name"]] for item in asked["fields"] if item["type"] == "phone"]
    return Details(
        user_name=cleaned["user_name"],
        user_email=cleaned["user_email"],
        user_phone_number=next((phone for phone in phones if phone), ""),
        answers=answers,
        **about,
    )


def as_stored(value: Any) -> Any:
    """A cleaned answer as JSON keeps it: dates in ISO 8601, whole numbers as integers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def _kept(value: str) -> str:
    return clean_text(value[:LONGEST_KEPT])
