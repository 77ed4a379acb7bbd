"""Writes the parts of docs/reference that the code itself can tell, and says whether they are so.

A page of the reference is plain Markdown; what stands between ``<!-- generated: NAME -->`` and
``<!-- end -->`` is made here, from docstrings, fields, parsers and URL patterns. With ``--check``
nothing is written, and pages that are out of date are named.
"""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import sys
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import django
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
LITERAL_BLOCK = re.compile(r"::\n\n(?P<code>(?:(?: {4}.*)?\n)+)")

FIRST_SENTENCE = re.compile(r"(?<=\.) .*")
CODE = re.compile(r'\bcode = "([^"]+)"')

FUNCTIONS = {
    "availability": ["is_open", "booking_window", "meeting_types_on_offer", "slots", "find"]
    + ["next_free", "nearest", "ends", "explain", "real_agendas", "Slot", "Reason"],
    "booking": ["hold", "hold_together", "is_held", "release", "confirm", "confirm_all", "book"]
    + ["book_together", "cancel", "move", "resize", "correct", "promote", "offer", "accept_offer"]
    + ["decline_offer", "suspend", "standings", "approve", "refuse", "settle", "change_places"]
    + ["change_event_time", "reword_event", "cancel_event", "remove_event", "keep_data"]
    + ["slot_of", "Details", "Waiting", "Together", "Standing", "Removal"],
    "consistency": ["findings", "mend", "Finding"],
    "attendance": ["check_in", "check_in_all", "undo_act", "mark_as_checked", "unmark"]
    + ["reasons_of", "Sheet", "Outcome"],
    "workflow": ["register_action", "Occasion", "note_cause", "buttons_of", "catch_up"]
    + ["fire_timers", "plan_timers", "advance", "advance_all", "road_of", "Road"],
    "forms": ["register_field"],
    "correspondence": ["register_placeholder"],
    "outbox": ["sweep", "retry", "cancel", "enqueue_calls", "WebCall", "own_webhook_secret"],
    "privacy": ["anonymise_due", "anonymise", "export", "erase"],
    "permissions": ["agendas_for", "may", "visible", "editable", "is_administrator"],
    "importers.agenda_json": ["file_of", "written", "read_file", "read_agenda"]
    + ["Outcome", "Refused"],
}
"""What projects may call, by module; everything else may change without notice."""

COLUMN_TYPES = {
    "BigAutoField": "number",
    "BigIntegerField": "number",
    "BooleanField": "yes or no",
    "CharField": "text",
    "DateField": "day",
    "DateTimeField": "moment",
    "IntegerField": "number",
    "JSONField": "JSON",
    "PositiveIntegerField": "number, not below 0",
    "PositiveSmallIntegerField": "number, not below 0",
    "SlugField": "slug",
    "TextField": "text",
    "TimeField": "time of day",
    "URLField": "address",
    "UUIDField": "UUID",
}


def main() -> int:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    # The URLs of the admin register the snippets, without which their choosers have no widget.
    importlib.import_module(settings.ROOT_URLCONF)
    stale = []
    for page, text in pages():
        if page.read_text() != text:
            stale.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(text)
    if stale:
        done = "Out of date" if "--check" in sys.argv else "Written"
        print(f"{done}: {', '.join(stale)}")
    return len(stale) if "--check" in sys.argv else 0


def pages() -> Iterator[tuple[Path, str]]:
    """Every page of the reference, with its text as it should be."""
    from django.utils import translation

    with translation.override(None):
        for page in sorted(REFERENCE.glob("*.md")):
            text = PART.sub(
                lambda part: f"{part[1]}\n{PARTS[part['name']]().strip()}\n\n", page.read_text()
            )
            yield page, text


# What a page can ask for


def errors() -> str:
    from wagtail_agenda import errors

    rows = []
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.BookingError):
            codes = CODE.findall(inspect.getsource(error))
            doc = inspect.cleandoc(error.__doc__ or "")
            said = "" if isinstance(error.message, property) else f"« {error.message} »"
            about = " ".join(part for part in (markdown(doc), said) if part)
            rows.append([", ".join(f"`{code}`" for code in codes), f"`{name}`", about])
    return table(["Code", "Exception", "Means, and says"], rows)


def signals() -> str:
    from wagtail_agenda import signals

    return "\n".join(
        f"## `{name}`\n\n{markdown(doc)}\n" for name, doc in attribute_docs(signals).items()
    )


def functions() -> str:
    parts = []
    for module_name, names in FUNCTIONS.items():
        try:
            module = importlib.import_module(f"wagtail_agenda.{module_name}")
        except ModuleNotFoundError:
            continue
        parts.append(f"## `wagtail_agenda.{module_name}`\n")
        for name in names:
            member = getattr(module, name)
            parts += [f"### `{name}`\n", "```text", f"{name}{signature(member)}", "```\n"]
            parts.append(markdown(inspect.getdoc(member)) + "\n")
    return "\n".join(parts)


def signature(member) -> str:
    """A signature as a reader wants it: a parameter a line, annotations by their last name."""
    found = inspect.signature(member)
    if isinstance(member, type):
        found = found.replace(return_annotation=inspect.Signature.empty)
    if is_dataclass(member):
        made = {each.name: each.default_factory for each in fields(member)}
        found = found.replace(
            parameters=[
                each.replace(default=made[name]()) if made[name] in (dict, list, tuple) else each
                for name, each in found.parameters.items()
            ]
        )
    written = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z_a-z])", "", str(found))
    written = written.replace("<factory>", "…")
    if len(written) < 80:
        return written
    shown = [re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z_a-z])", "", str(each)) for each in parameters(found)]
    returns = written.rpartition(") -> ")[2] if ") -> " in written else ""
    lines = "".join(f"    {each},\n" for each in shown).replace("<factory>", "…")
    return f"(\n{lines})" + (f" -> {returns}" if returns else "")


def parameters(found: inspect.Signature) -> list[str]:
    shown, keyword = [], False
    for parameter in found.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            shown.append("*")
            keyword = True
        shown.append(str(parameter))
    return shown


def commands() -> str:
    from django.core.management import load_command_class

    parts = []
    package = importlib.import_module("wagtail_agenda.management.commands")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        command = load_command_class("wagtail_agenda", module.name)
        parser = command.create_parser("manage.py", module.name)
        own = [action for action in parser._actions if is_own(action, command)]
        doc = inspect.getdoc(inspect.getmodule(command)) or ""
        parts.append(f"## `{module.name}`\n\n{markdown(str(command.help or doc))}\n")
        if own:
            rows = [[option_of(action), str(action.help or "")] for action in own]
            parts.append(table(["Option", "Means"], rows))
    return "\n".join(parts)


def is_own(action: Action, command) -> bool:
    """Whether an option is the command's own, and not one that every command has."""
    from django.core.management import BaseCommand

    common = {each.dest for each in BaseCommand().create_parser("manage.py", "any")._actions}
    return action.dest not in common and action.help is not SUPPRESS


def option_of(action: Action) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.dest}`"
    if action.choices:
        return f"{names}: " + ", ".join(f"`{choice}`" for choice in action.choices)
    return names


def admin_urls() -> str:
    from wagtail import hooks

    patterns = []
    for registered in hooks.get_hooks("register_admin_urls"):
        if registered.__module__.startswith("wagtail_agenda."):
            patterns += registered()
    rows = []
    for resolver in patterns:
        for pattern in resolver.url_patterns:
            view = getattr(pattern.callback, "view_class", pattern.callback)
            doc = " ".join((inspect.getdoc(view) or "").split("\n\n")[0].split())
            address = f"`{resolver.pattern}{pattern.pattern}`"
            name = f"`{resolver.namespace}:{pattern.name}`"
            rows.append([address, name, markdown(FIRST_SENTENCE.sub("", doc))])
    # Sorted, because the order of the hooks depends on what was imported first.
    return table(["Address", "Name", "Is"], sorted(rows))


def api_calls() -> str:
    from wagtail_agenda.api.urls import interface

    rows = []
    for path, calls in interface.get_openapi_schema(path_prefix="")["paths"].items():
        for method, call in calls.items():
            doc = " ".join(call["description"].split("\n\n")[0].split())
            row = [f"`{method.upper()} {path.lstrip('/')}`", f"`{call['x-scope']}`", markdown(doc)]
            rows.append(row)
    return table(["Call", "Scope", "Does"], rows)


def tables() -> str:
    from django.apps import apps

    from wagtail_agenda import models

    parts = []
    known = apps.get_app_config("wagtail_agenda").get_models()
    # In the order of `models`, and after its own tables those that it takes in.
    for model in sorted(known, key=lambda each: each.__module__ != models.__name__):
        if getattr(models, model.__name__, None) is not model:
            continue
        parts.append(f"## `{model._meta.db_table}`\n\n{markdown(inspect.getdoc(model))}\n")
        rows = []
        for field in [*model._meta.fields, *model._meta.many_to_many]:
            if field.name in columns_of_wagtail(model):
                continue
            column = field.column or field.name
            rows.append([f"`{column}`", column_type(field), note_of(field)])
        parts.append(table(["Column", "Holds", "Note"], rows))
    return "\n".join(parts)


def columns_of_wagtail(model) -> set[str]:
    """What Wagtail's mixins for drafts, revisions and locks bring along."""
    return {
        field.name
        for base in model.__mro__
        if base.__module__.startswith("wagtail.") and hasattr(base, "_meta")
        for field in base._meta.get_fields()
    }


def note_of(field) -> str:
    """What is said about a column: its help text, else a name that is not merely its own."""
    name = str(field.verbose_name) if not field.primary_key else field.name
    return capitalised(
        str(field.help_text) or ("" if name == field.name.replace("_", " ") else name)
    )


def column_type(field) -> str:
    if field.is_relation:
        several = "several " if field.many_to_many else ""
        kind = f"{several}`{field.related_model._meta.db_table}`"
    elif field.choices:
        kind = ", ".join(f"`{value}`" for value, _label in field.flatchoices if value)
    else:
        kind = COLUMN_TYPES.get(field.get_internal_type(), "blocks")
        if field.max_length and kind != "UUID":
            kind += f" of at most {field.max_length}"
    return kind + (", unique" if field.unique and not field.primary_key else "")


def agenda_json_file() -> str:
    from wagtail_agenda.importers.agenda_json.format import FILE

    return table(["Key", "Means"], [[f"`{key}`", means] for key, means in FILE.items()])


def agenda_json_sorts() -> str:
    from wagtail_agenda.importers.agenda_json.format import OF_ONE_KIND, SORTS

    parts = []
    for name, sort in SORTS.items():
        parts.append(f"### `{name}`\n\n{sort.means} Known by {lowered(sort.identity)}\n")
        rows = []
        for key in sort.keys:
            if key in sort.parts:
                means = SORTS[sort.parts[key]].means
            else:
                means = sort.others.get(key) or note_of(sort.model._meta.get_field(key))
            if name == "agenda" and key in OF_ONE_KIND:
                means = f"{means} Of `{OF_ONE_KIND[key]}` alone.".strip()
            rows.append([f"`{key}`", held_by(sort, key), means])
        parts.append(table(["Key", "Holds", "Means"], rows))
    return "\n".join(parts)


def held_by(sort, key: str) -> str:
    """What a key of the file of agendas holds."""
    from wagtail_agenda.importers.agenda_json.format import SORTS

    def named(other: str) -> str:
        by = "slug" if "slug" in SORTS[other].keys else "key"
        return f"{by} of `{other}`"

    if key in sort.one:
        return f"{named(sort.one[key])}, or `null`"
    if key in sort.several:
        return f"list: each the {named(sort.several[key])}"
    if key in sort.parts:
        return f"list of `{sort.parts[key]}`"
    if key in sort.blocks:
        return "list of [blocks](blocks.md)"
    if key in ("live", "cancelled"):
        return "yes or no"
    if key in ("places", "waiting_places"):
        return "number, not below 0"
    if key in ("key", "cancellation_reason"):
        return "text"
    column = sort.model._meta.get_field(key)
    if column.get_internal_type() == "JSONField":
        return "list"
    return column_type(column) + (", or `null`" if column.null else "")


def booking_form() -> str:
    from wagtail_agenda.blocks import BookingFormBlock

    return block_table(BookingFormBlock())


def questions() -> str:
    from wagtail_agenda.blocks import FormFieldsBlock

    children = own_children(FormFieldsBlock())
    common = set.intersection(*(set(child.child_blocks) for child in children.values()))
    first = next(iter(children.values()))
    parts = ["Every question has:\n", block_table(first, only=common), ""]
    rows = []
    for name, child in children.items():
        extra = [
            f"`{field}`: {block.label}"
            for field, block in child.child_blocks.items()
            if field not in common
        ]
        rows.append([f"`{name}`", f"`{type(child).__name__}`", str(child.label), ", ".join(extra)])
    parts += ["and besides:\n", table(["Type", "Block", "Called", "Has also"], rows)]
    return "\n".join(parts)


def other_blocks() -> str:
    from wagtail_agenda.blocks.actions import ActionsBlock
    from wagtail_agenda.blocks.closures import ClosuresBlock
    from wagtail_agenda.blocks.conditions import ConditionsBlock
    from wagtail_agenda.blocks.schedule import PeriodsBlock
    from wagtail_agenda.blocks.transitions import TransitionsBlock

    headings = {
        PeriodsBlock: "Opening hours of a schedule",
        ClosuresBlock: "Closures of a closure calendar",
        TransitionsBlock: "Rules of a booking workflow",
        ConditionsBlock: "Conditions of a rule",
        ActionsBlock: "Actions of a status",
    }
    parts = []
    for stream, heading in headings.items():
        parts.append(f"## {heading}\n\n{markdown(inspect.getdoc(stream))}\n")
        for name, child in own_children(stream()).items():
            doc = markdown(inspect.getdoc(type(child)))
            parts.append(f"### {child.label} (`{name}`)\n\n{doc}\n\n{block_table(child)}\n")
    return "\n".join(parts)


def own_children(stream) -> dict:
    """The blocks of a StreamBlock that are the package's own; a project may have added others."""
    return {
        name: child
        for name, child in stream.child_blocks.items()
        if type(child).__module__.startswith("wagtail_agenda.")
    }


def block_table(block, only: set[str] | None = None) -> str:
    return table(["Field", "Called", "Needed", "Note"], block_rows(block, only))


def block_rows(block, only: set[str] | None = None, within: str = "") -> list[list[str]]:
    from wagtail.blocks import StructBlock

    rows = []
    for name, child in block.child_blocks.items():
        if only is not None and name not in only:
            continue
        field = getattr(child, "field", None)
        needed = child.required if field is None else field.required
        help_text = getattr(child.meta, "help_text", None) or getattr(field, "help_text", "") or ""
        label = capitalised(str(child.label))
        rows.append([f"`{within}{name}`", label, "yes" if needed else "no", str(help_text)])
        parts = getattr(child, "child_block", None)
        if getattr(parts, "child_blocks", None):
            rows += block_rows(parts, within=f"{name}[].")
        if isinstance(child, StructBlock):
            rows += block_rows(child, within=f"{name}.")
    return rows


PARTS = {
    "admin-urls": admin_urls,
    "agenda-json-file": agenda_json_file,
    "agenda-json-sorts": agenda_json_sorts,
    "api-calls": api_calls,
    "booking-form": booking_form,
    "commands": commands,
    "errors": errors,
    "functions": functions,
    "other-blocks": other_blocks,
    "questions": questions,
    "signals": signals,
    "tables": tables,
}


# How it is written


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n"
        for line in lines
    )


def markdown(doc: str | None) -> str:
    """A docstring as Markdown: the double backticks and literal blocks are reStructuredText."""
    text = textwrap.dedent(doc or "").strip() + "\n"
    text = text.replace("``", "`")

    def fenced(found: re.Match) -> str:
        code = textwrap.dedent(found["code"]).strip()
        return f":\n\n```text\n{code}\n```\n\n"

    return LITERAL_BLOCK.sub(fenced, text).strip()


def attribute_docs(module) -> dict[str, str]:
    """Name and docstring of the module's own variables, in their order."""
    body = ast.parse(inspect.getsource(module)).body
    found = {}
    for statement, after in zip(body, body[1:], strict=False):
        if isinstance(statement, ast.Assign) and isinstance(after, ast.Expr):
            (target,) = statement.targets
            found[target.id] = inspect.cleandoc(ast.literal_eval(after.value))
    return found


def lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    sys.exit(main())
