"""Rows of blocks as JSON has them, and back: as a StreamField stores them, without ids and keys.

Rows of the site that a block chooses go by the names of `references`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.urls import get_resolver
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.field_block import ChooserBlock

from wagtail_agenda.blocks.actions import ActionsBlock
from wagtail_agenda.blocks.call_action import HeaderBlock
from wagtail_agenda.blocks.conditions import MeetingTypeConditionBlock
from wagtail_agenda.blocks.transitions import ByHandRuleBlock, TransitionsBlock
from wagtail_agenda.importers.agenda_json import columns, references
from wagtail_agenda.importers.agenda_json.places import Place, Problems
from wagtail_agenda.models import ApiClient, MeetingType, Workflow, WorkflowStatus

ROWS_CHOSEN_BY_KEY: Mapping[tuple[type[blocks.Block], str], type[Model]] = {
    (ByHandRuleBlock, "groups"): Group,
    (MeetingTypeConditionBlock, "meeting_type"): MeetingType,
    (HeaderBlock, "client"): ApiClient,
}
"""Fields that store the primary keys of rows as text, because they are choices from a list."""


def _register_choosers() -> None:
    """Choosers know their snippets once the URLs of the admin are loaded, as any request does."""
    get_resolver().url_patterns  # noqa: B018


# Out


def written_blocks(row: Model, key: str) -> list[Any]:
    """A stream of a row as plain data. Raises `CannotBeNamed`.

    What its blocks would tidy when it is saved is tidied, as far as it is complete.
    """
    _register_choosers()
    block = _block_of(row, key)
    value = block.to_python(getattr(row, key).get_prep_value())
    try:
        value = block.clean(value)
    except ValidationError:
        pass
    return _written(block, value, _workflow_of(row))


def _block_of(row: Model, key: str) -> blocks.StreamBlock:
    """What a stream of the row may hold: a workflow about meetings has not what bookings have."""
    if isinstance(row, Workflow):
        block = TransitionsBlock(about=row.about)
    elif isinstance(row, WorkflowStatus):
        block = ActionsBlock(about=row.workflow.about)
    else:
        return row._meta.get_field(key).stream_block
    block.set_meta_options({"required": False})
    return block


def _workflow_of(row: Model) -> Workflow | None:
    """The workflow whose statuses the blocks of a row name by their slugs alone."""
    return row if isinstance(row, Workflow) else getattr(row, "workflow", None)


def _written(block: blocks.Block, value: Any, workflow: Workflow | None) -> Any:
    if isinstance(block, blocks.StreamBlock):
        return [
            {"type": child.block_type, "value": _written(child.block, child.value, workflow)}
            for child in value or ()
        ]
    if isinstance(block, blocks.ListBlock):
        inner = [_written(block.child_block, item, workflow) for item in value or ()]
        return [item for item in inner if item is not None]
    if isinstance(block, blocks.StructBlock):
        return {
            name: _written_field(block, name, child, (value or {}).get(name), workflow)
            for name, child in block.child_blocks.items()
        }
    if isinstance(block, ChooserBlock):
        return references.named(value, workflow)
    if isinstance(block, blocks.RichTextBlock):
        return references.portable_html(value.source if value else "")
    if isinstance(block, blocks.StaticBlock):
        return None
    return json.loads(json.dumps(block.get_prep_value(value), cls=DjangoJSONEncoder))


def _written_field(
    struct: blocks.StructBlock,
    name: str,
    block: blocks.Block,
    value: Any,
    workflow: Workflow | None,
) -> Any:
    model = _chosen_by_key(struct, name)
    if model is None:
        return _written(block, value, workflow)
    if isinstance(value, list):
        rows = model.objects.in_bulk([key for key in value if str(key).isdigit()])
        return sorted(references.named(row) for row in rows.values())
    row = model.objects.filter(pk=value).first() if str(value or "").isdigit() else None
    return references.named(row) or ""


def _chosen_by_key(struct: blocks.StructBlock, name: str) -> type[Model] | None:
    for (kind, field), model in ROWS_CHOSEN_BY_KEY.items():
        if isinstance(struct, kind) and field == name:
            return model
    return None


# In


def read_blocks(
    row: Model, key: str, data: Any, place: Place, problems: Problems
) -> list[dict[str, Any]] | None:
    """The stream that JSON means, as the row stores it; None if something in it is wrong.

    Blocks that say what one of the row says keep its id, and so do those that take its place:
    timers know a rule by it.
    """
    _register_choosers()
    block, workflow = _block_of(row, key), _workflow_of(row)
    reader = _Reader(problems, workflow)
    raw = reader.read(block, data, place)
    if reader.found_problems:
        return None
    try:
        cleaned = block.clean(block.to_python(raw))
    except ValidationError as error:
        problems.add_error(place, error)
        return None
    return _with_ids(cleaned, getattr(row, key), workflow)


class _Reader:
    """Plain data to what a block stores."""

    def __init__(self, problems: Problems, workflow: Workflow | None):
        self.problems, self.workflow = problems, workflow
        self.found_problems = False

    def read(self, block: blocks.Block, data: Any, place: Place) -> Any:
        return self._safely(self._read, block, data, place)

    def _safely(self, read: Callable, block: blocks.Block, data: Any, place: Place) -> Any:
        try:
            return read(block, data, place)
        except ValidationError as error:
            self.found_problems = True
            self.problems.add_error(place, error)
            return None

    def _read(self, block: blocks.Block, data: Any, place: Place) -> Any:
        if isinstance(block, blocks.StreamBlock):
            rows = columns.read_list(data)
            return [
                self._safely(self._row, block, row, place.item(at)) for at, row in enumerate(rows)
            ]
        if isinstance(block, blocks.ListBlock):
            items = columns.read_list(data)
            return [
                self.read(block.child_block, item, place.item(at)) for at, item in enumerate(items)
            ]
        if isinstance(block, blocks.StructBlock):
            return self._struct(block, data, place)
        if isinstance(block, ChooserBlock):
            row = references.found(block.model_class, data, self.workflow)
            return row and row.pk
        if isinstance(block, blocks.RichTextBlock):
            html = references.html_of_site(columns.read_text(data))
            if not html:
                return html
            # As the editor reads and writes it: nothing but what it knows stays.
            converter = getattr(block.field.widget, "converter", None)
            if converter is None:
                return html
            return converter.to_database_format(converter.from_database_format(html))
        return _read_field(block, data)

    def _row(self, block: blocks.StreamBlock, row: Any, place: Place) -> dict[str, Any]:
        kinds = ", ".join(block.child_blocks)
        if not isinstance(row, dict) or not {"type"} <= row.keys() <= {"type", "value"}:
            message = _("Write an object here with “type” and “value”; “type” is one of: %(kinds)s")
            raise ValidationError(message, params={"kinds": kinds})
        kind = row["type"]
        child = block.child_blocks.get(kind) if isinstance(kind, str) else None
        if child is None:
            self.found_problems = True
            self.problems.add(place.key("type"), _("This is none of: %(kinds)s") % {"kinds": kinds})
            return {}
        value = self.read(child, row.get("value"), place.key("value"))
        return {"type": kind, "value": value}

    def _struct(self, block: blocks.StructBlock, data: Any, place: Place) -> dict[str, Any]:
        if not isinstance(data, dict):
            if data is None and not block.child_blocks:
                return {}
            raise ValidationError(_("Write an object here, in braces."))
        for name in data.keys() - block.child_blocks.keys():
            self.found_problems = True
            self.problems.add(place.key(name), unknown_key(block.child_blocks))
        read = {}
        for name, child in block.child_blocks.items():
            if name not in data:
                continue
            model = _chosen_by_key(block, name)
            at = place.key(name)
            if model is None:
                read[name] = self.read(child, data[name], at)
            else:
                read[name] = self._keys(model, data[name], at)
        return read

    def _keys(self, model: type[Model], data: Any, place: Place) -> Any:
        if isinstance(data, list):
            return [self._key(model, name, place.item(at)) for at, name in enumerate(data)]
        return self._key(model, data, place) if data else ""

    def _key(self, model: type[Model], data: Any, place: Place) -> str | None:
        try:
            row = references.found(model, data)
        except ValidationError as error:
            self.found_problems = True
            self.problems.add_error(place, error)
            return None
        return str(row.pk) if row is not None else None


def unknown_key(known) -> Any:
    return _("There is no such key. There are: %(keys)s") % {"keys": ", ".join(known)}


def _read_field(block: blocks.Block, data: Any) -> Any:
    """A plain value, where it is of the type that the block stores. Raises `ValidationError`."""
    if data is None:
        return None
    if isinstance(block, blocks.DateBlock):
        return columns.read_date(data).isoformat()
    if isinstance(block, blocks.TimeBlock):
        return columns.read_time(data).isoformat()
    if isinstance(block, blocks.BooleanBlock):
        return columns.read_flag(data)
    if isinstance(block, blocks.IntegerBlock):
        return columns.read_number(data)
    if isinstance(block, blocks.MultipleChoiceBlock):
        return [columns.read_text(one) for one in columns.read_list(data)]
    if isinstance(block, blocks.CharBlock | blocks.TextBlock | blocks.ChoiceBlock):
        return columns.read_text(data)
    try:
        # A project's own block, which alone knows what it stores.
        return block.get_prep_value(block.to_python(data))
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        raise ValidationError(_("This cannot be read.")) from error


def _with_ids(
    value: blocks.StreamValue,
    before: blocks.StreamValue | None,
    workflow: Workflow | None,
) -> list[dict[str, Any]]:
    old = list(before or ())
    old_forms = [(child.block_type, _written(child.block, child.value, workflow)) for child in old]
    new = list(value)
    new_forms = [(child.block_type, _written(child.block, child.value, workflow)) for child in new]
    left = set(range(len(old)))
    kept: dict[int, int] = {}
    for at, form in enumerate(new_forms):
        same = next((one for one in sorted(left) if old_forms[one] == form), None)
        if same is not None:
            kept[at] = same
            left.discard(same)
    for at, (kind, _value) in enumerate(new_forms):
        if at not in kept and at in left and old_forms[at][0] == kind:
            kept[at] = at
            left.discard(at)
    rows = []
    for at, child in enumerate(new):
        was = old[kept[at]] if at in kept else None
        same = was is not None and old_forms[kept[at]] == new_forms[at]
        row = (was if same else child).get_prep_value()
        known = was.id if was is not None else None
        rows.append({**row, "id": known or str(uuid4())})
    return rows
