"""One object of a file beside the row that it is about: what differs, checked, saved and noted.

Nothing is saved while a problem stands; what was saved before one is found is undone with the
transaction that all of it is in.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from wagtail.log_actions import log

from wagtail_agenda.importers.agenda_json import columns, references
from wagtail_agenda.importers.agenda_json.block_values import (
    read_blocks,
    unknown_key,
    written_blocks,
)
from wagtail_agenda.importers.agenda_json.format import Sort
from wagtail_agenda.importers.agenda_json.places import Place, Problems
from wagtail_agenda.models import Agenda, ClosureCalendar, Resource, Schedule, Workflow

MADE, CHANGED, UNCHANGED = "made", "changed", "unchanged"


@dataclass(frozen=True)
class Outcome:
    """What became of one thing: `MADE`, `CHANGED` or `UNCHANGED`; of which sort it is, and whose.

    `within` is the agenda or workflow that it belongs to, "" for none.
    """

    verdict: str
    sort: str
    label: str
    within: str = ""


@dataclass
class Reading:
    """One file as it is read. `command` stands in the log for who did it where there is no user."""

    now: datetime
    user: AbstractBaseUser | None = None
    command: str = ""
    problems: Problems = field(default_factory=Problems)
    told: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    named: dict[str, dict[str, Model | None]] = field(default_factory=dict)
    left_to_ask: list[Callable[[], None]] = field(default_factory=list)

    def name(self, sort: str, key: str, row: Model | None) -> None:
        """Let the rest of the file name a row; None for one that has problems of its own."""
        if key:
            self.named.setdefault(sort, {})[key] = row

    def find(self, sort: str, key: Any, place: Place) -> Model | None:
        """The row of that sort which the file or the site has under a key; None with a problem."""
        if not isinstance(key, str):
            self.problems.add(place, _("Write a text here, in quotation marks."))
            return None
        known = self.named.get(sort, {})
        row = known[key] if key in known else _on_site(sort, key)
        if row is None and key not in known:
            message = _("There is none of this name, neither here nor in the file: “%(name)s”.")
            self.problems.add(place, message % {"name": key[:100]})
        return row

    def note(
        self, row: Model, action: str, data: Mapping[str, Any] | None = None, **details: Any
    ) -> None:
        """Note in the site's log what was done."""
        data = {**(data or {}), **({"command": self.command} if self.command else {})}
        log(instance=row, action=action, user=self.user, data=data or None, **details)

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of each thing, in the order of the file."""
        return list(self.told.values())

    def afterwards(self, ask: Callable[[], None]) -> None:
        """Leave a question to the end of the file, when all that it is about stands."""
        self.left_to_ask.append(ask)

    def finish(self) -> None:
        """Ask what was left to the end; raise `Refused` if anything is wrong."""
        if not self.problems:
            for ask in self.left_to_ask:
                ask()
        self.problems.raise_if_any()

    def tell(self, verdict: str, sort: str, row: Model, within: Model | None = None) -> bool:
        """Keep what became of a row, once; answers whether that is news."""
        before = self.told.get((sort, row.pk))
        if before is not None and (before.verdict != UNCHANGED or verdict == UNCHANGED):
            return False
        self.told[sort, row.pk] = Outcome(verdict, sort, str(row), str(within or ""))
        return True


def _on_site(sort: str, key: str) -> Model | None:
    if sort in ("schedule", "closure_calendar"):
        model = Schedule if sort == "schedule" else ClosureCalendar
        wanted = [pk for pk, known in references.keys_on_site(model).items() if known == key]
        return model.objects.filter(pk__in=wanted).first()
    model = {"resource": Resource, "workflow": Workflow, "agenda": Agenda}[sort]
    return model.objects.filter(slug=key).first()


# What stands there


def objects_in(reading: Reading, data: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The objects of a list, each with its place."""
    if not isinstance(data, list):
        reading.problems.add(place, _("Write a list here, in square brackets."))
        return
    for at, one in enumerate(data):
        if isinstance(one, dict):
            yield place.item(at), one
        else:
            reading.problems.add(place.item(at), _("Write an object here, in braces."))


def refuse_unknown_keys(
    reading: Reading, data: Mapping[str, Any], place: Place, known: Collection[str]
) -> None:
    for key in data:
        if key not in known:
            reading.problems.add(place.key(key[:50]), unknown_key(known))


def text_of(data: Mapping[str, Any], key: str) -> str:
    """What identifies an object; "" for anything but a text, of which its column complains."""
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""


def slug_of(data: Mapping[str, Any], fallback: str) -> str:
    """The slug of an object, or the one that its label makes."""
    return text_of(data, "slug") or slugify(text_of(data, "label"))[:80] or fallback


def key_of(reading: Reading, data: Mapping[str, Any], place: Place) -> str:
    """By which the file names an object that has no slug; "" for nothing."""
    if not isinstance(data.get("key", ""), str):
        reading.problems.add(place.key("key"), _("Write a text here, in quotation marks."))
    return text_of(data, "key")


def refuse_doubles(reading: Reading, found: Iterable[tuple[Place, str]], key: str) -> None:
    """Say at the second of two objects that they are the same one."""
    first: dict[str, Place] = {}
    for place, identity in found:
        if identity in first:
            message = _("This is the same as %(place)s: leave one out, or call it otherwise.")
            reading.problems.add(place.key(key), message % {"place": first[identity]})
        first.setdefault(identity, place)


# What differs


def take_columns(
    reading: Reading,
    sort: Sort,
    row: Model,
    data: Mapping[str, Any],
    place: Place,
    zone: ZoneInfo | None = None,
) -> set[str]:
    """Give the row the columns that the file names; answers which differ from what they were."""
    changed = set()
    for key in sort.columns:
        if key not in data:
            continue
        present = getattr(row, key)
        if not row._state.adding and columns.says(data[key], columns.written_value(present, zone)):
            continue
        try:
            value = columns.read_value(row._meta.get_field(key), data[key], zone)
        except ValidationError as error:
            reading.problems.add_error(place.key(key), error)
            continue
        if key == "slug" and not row._state.adding and sort.slug_stays:
            # It is what the row was found by; some databases find it whatever its capitals.
            continue
        if value != present:
            setattr(row, key, value)
            changed.add(key)
    return changed


def take_blocks(
    reading: Reading, row: Model, key: str, data: Mapping[str, Any], place: Place
) -> set[str]:
    """The same of a stream of blocks."""
    if key not in data:
        return set()
    try:
        before = written_blocks(row, key)
    except references.CannotBeNamed as error:
        message = _(
            "What stands here on this site has chosen what no file can name: %(what)s. Change it "
            "in the admin, or leave this key out."
        )
        reading.problems.add(place.key(key), message % {"what": error})
        return set()
    if before == data[key]:
        return set()
    rows = read_blocks(row, key, data[key], place.key(key), reading.problems)
    if rows is None:
        return set()
    setattr(row, key, row._meta.get_field(key).to_python(rows))
    return {key} if written_blocks(row, key) != before else set()


def take_references(
    reading: Reading, sort: Sort, row: Model, data: Mapping[str, Any], place: Place
) -> set[str]:
    """The same of what names one other object of the file or the site."""
    changed = set()
    for key, named in sort.one.items():
        if key not in data:
            continue
        if data[key] is None:
            found = None
        else:
            found = reading.find(named, data[key], place.key(key))
            if found is None:
                continue
        if getattr(row, f"{key}_id") != (found and found.pk):
            setattr(row, key, found)
            changed.add(key)
    return changed


def named_rows(
    reading: Reading,
    sort: str,
    data: Any,
    place: Place,
    find: Callable[[str, Place], Model | None] | None = None,
) -> list[Model] | None:
    """The rows that a list names, each once; None if one of them is not there."""
    if not isinstance(data, list):
        reading.problems.add(place, _("Write a list here, in square brackets."))
        return None
    find = find or (lambda key, at: reading.find(sort, key, at))
    rows = [find(key, place.item(at)) for at, key in enumerate(data)]
    if any(row is None for row in rows):
        return None
    return list({row.pk: row for row in rows}.values())


def differs(present: Iterable[Model], wanted: Iterable[Model], *, ordered: bool = False) -> bool:
    """Whether these are other rows than those."""
    before, after = [row.pk for row in present], [row.pk for row in wanted]
    return before != after if ordered else set(before) != set(after)


# Checked and saved


def is_sound(
    reading: Reading,
    row: Model,
    place: Place,
    errors: Iterable[tuple[str, ValidationError]] = (),
    exclude: Collection[str] = (),
) -> bool:
    """Whether a row can be as it is now: its model says so, and there are no `errors` by column."""
    said = len(reading.problems)
    for key, error in errors:
        reading.problems.add_error(place.key(key), error)
    try:
        # What is wrong already would be said again, in the words of the database.
        constraints = len(reading.problems) == said
        row.full_clean(exclude={*exclude, *_unsaved(row)}, validate_constraints=constraints)
    except ValidationError as error:
        reading.problems.add_error(place, error)
    return len(reading.problems) == said


def _unsaved(row: Model) -> Iterator[str]:
    """References to what could not be saved, which has problems of its own."""
    for column in row._meta.concrete_fields:
        if column.is_relation and column.is_cached(row):
            other = column.get_cached_value(row)
            if other is not None and other.pk is None:
                yield column.name


def has_problems(reading: Reading, place: Place) -> bool:
    """Whether anything is wrong with an object or inside it."""
    inside = (f"{place}.", f"{place}[")
    return any(not place or at == place or at.startswith(inside) for at in reading.problems)


def settle(
    reading: Reading,
    sort: str,
    row: Model,
    changed: Collection[str],
    place: Place,
    *,
    within: Model | None = None,
    several: Mapping[str, list[Model]] | None = None,
    errors: Iterable[tuple[str, ValidationError]] = (),
) -> bool:
    """Check a row of a plain table, save it if it is new or has changed, and note and tell that.

    `several` are rows for those of its lists that differ. Answers whether it stands in the
    database; what it belongs to may not.
    """
    is_new = row._state.adding
    several = several or {}
    if not is_new and not changed and not several:
        reading.tell(UNCHANGED, sort, row, within)
        return True
    if not is_sound(reading, row, place, errors, {"bookable"}) or has_problems(reading, place):
        return not is_new
    if next(_unsaved(row), None):
        return False
    if is_new:
        row.save()
    elif changed:
        row.save(update_fields=sorted(changed))
    for key, rows in several.items():
        getattr(row, key).set(rows)
    if reading.tell(MADE if is_new else CHANGED, sort, row, within):
        reading.note(row, "wagtail.create" if is_new else "wagtail.edit", content_changed=True)
    return True


def settle_revisioned(
    reading: Reading,
    sort: str,
    row: Model,
    changed: Collection[str],
    place: Place,
    data: Mapping[str, Any],
    errors: Iterable[tuple[str, ValidationError]] = (),
) -> bool:
    """The same for a row with drafts: saved as a revision, and published unless it is a draft.

    `row` is as `writing.edited` gives it, with its changes.
    """
    is_new, was_live = row._state.adding, not row._state.adding and row.live
    live = was_live or is_new
    if "live" in data:
        try:
            live = columns.read_flag(data["live"])
        except ValidationError as error:
            reading.problems.add_error(place.key("live"), error)
    if not is_new and not changed and live == was_live:
        reading.tell(UNCHANGED, sort, row)
        return True
    if not is_new and row.get_lock() is not None:
        message = _(
            "“%(name)s” is locked here, or a change of it is scheduled. Unlock it in the admin "
            "first, or leave it out."
        )
        reading.problems.add(place, message % {"name": row})
    if not is_sound(reading, row, place, errors) or has_problems(reading, place):
        return not is_new
    if not was_live:
        row.live = False
        row.save()
    if is_new:
        reading.note(row, "wagtail.create", content_changed=True)
    if is_new or changed or (live and not was_live):
        revision = row.save_revision(user=reading.user)
        if not is_new:
            reading.note(row, "wagtail.edit", revision=revision, content_changed=bool(changed))
        if live:
            revision.publish(user=reading.user, skip_permission_checks=True)
    if was_live and not live:
        row.unpublish(user=reading.user)
    reading.tell(MADE if is_new else CHANGED, sort, row)
    return True


def matched(
    items: list[tuple[Place, dict[str, Any]]],
    rows: Iterable[Model],
    written: Callable[[Model], Mapping[str, Any]],
    *alike: str,
) -> dict[int, Model]:
    """Which row each object without a slug is about, by its position among `items`.

    Rows with the same label stand for the object that says the same, else for the one with the
    same values of `alike`, else for the first that is left.
    """
    left: dict[str, list[Model]] = {text_of(data, "label"): [] for _place, data in items}
    for row in rows:
        if row.label in left:
            left[row.label].append(row)
    forms = {row.pk: written(row) for group in left.values() for row in group}
    found: dict[int, Model] = {}

    def same(data: Mapping[str, Any], row: Model, keys: Iterable[str]) -> bool:
        form = forms[row.pk]
        return all(form.get(key) == data[key] for key in keys if key in data)

    rounds: list[Callable[[Mapping[str, Any]], Iterable[str]]] = [
        lambda data: data.keys() - {"key"},
        *([lambda _data: alike] if alike else []),
        lambda _data: (),
    ]
    for keys in rounds:
        for at, (_place, data) in enumerate(items):
            group = left.get(text_of(data, "label"), [])
            if at in found:
                continue
            row = next((row for row in group if same(data, row, keys(data))), None)
            if row is not None:
                found[at] = row
                group.remove(row)
    return found
