"""How a file names rows of the site: by slugs and names, never by primary keys."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.contrib.auth.models import Group
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Model
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from wagtail.models import Page

from wagtail_agenda.models import (
    ApiClient,
    ClosureCalendar,
    MeetingType,
    Schedule,
    Workflow,
    WorkflowStatus,
)

Row = TypeVar("Row", bound=Model)

_PAGE_LINK = re.compile(r'<a\b(?=[^>]*\slinktype="page")[^>]*\sid="(\d+)"[^>]*>')
_PAGE_PATH = re.compile(r'<a\b(?=[^>]*\slinktype="page")[^>]*\spath="([^"]*)"[^>]*>')
_BLOCK_KEY = re.compile(r' data-block-key="[^"]*"')


class CannotBeNamed(ValueError):
    """What a block chooses has neither a slug nor a name by which another site would know it."""


def keys_of(rows: Iterable[Row], fallback: str) -> dict[int, str]:
    """Keys made from the labels of rows that have no slug, by primary key; each is used once."""
    keys: dict[int, str] = {}
    taken: set[str] = set()
    for row in rows:
        stem = slugify(row.label)[:80] or fallback
        key, number = stem, 1
        while key in taken:
            number += 1
            key = f"{stem}-{number}"
        taken.add(key)
        keys[row.pk] = key
    return keys


def by_label(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order of their labels, alike on every database."""
    return sorted(rows, key=lambda row: (row.label, row.pk))


def keys_on_site(model: type[Schedule] | type[ClosureCalendar]) -> dict[int, str]:
    """The keys of all schedules or closure calendars of this site, by primary key."""
    return keys_of(by_label(model.objects.all()), model._meta.model_name)


# Rows that blocks choose


def named(row: Model | None, workflow: Workflow | None = None) -> Any:
    """How a file names what a block has chosen. Raises `CannotBeNamed`.

    A status of `workflow` goes by its slug alone.
    """
    if row is None:
        return None
    if isinstance(row, WorkflowStatus):
        own = workflow is not None and row.workflow_id == workflow.pk
        return row.slug if own else f"{row.workflow.slug}/{row.slug}"
    if isinstance(row, MeetingType):
        return f"{row.agenda.slug}/{row.slug}"
    if isinstance(row, ApiClient):
        return row.orig
    if isinstance(row, Group):
        return row.name
    if hasattr(row, "file_hash"):
        return {"title": row.title, "file_hash": row.file_hash}
    if _has_unique_slug(type(row)):
        return row.slug
    raise CannotBeNamed(f"{row._meta.verbose_name}: {row}")


def found(model: type[Model], data: Any, workflow: Workflow | None = None) -> Model | None:
    """The row that a file names; raises `ValidationError` if there is none, or no single one."""
    if data is None:
        return None
    rows = _candidates(model, data, workflow)[:2]
    if len(rows) == 1:
        return rows[0]
    values = {"sort": model._meta.verbose_name, "name": _said(data)}
    if rows:
        raise ValidationError(
            _("There are several of this name here: %(sort)s “%(name)s”."), params=values
        )
    raise ValidationError(
        _("There is none of this name, neither here nor in the file: %(sort)s “%(name)s”."),
        params=values,
    )


def _candidates(model: type[Model], data: Any, workflow: Workflow | None) -> list[Model]:
    if hasattr(model, "get_file_hash"):
        return _documents(model, data)
    if not isinstance(data, str):
        raise ValidationError(_("Write a text here, in quotation marks."))
    before, _slash, last = data.rpartition("/")
    if issubclass(model, WorkflowStatus):
        if not before and workflow is not None:
            before = workflow.slug
        rows = model.objects.filter(workflow__slug=before, slug=last).select_related("workflow")
    elif issubclass(model, MeetingType):
        rows = model.objects.filter(agenda__slug=before, slug=last)
    elif issubclass(model, ApiClient):
        rows = model.objects.filter(orig=data)
    elif issubclass(model, Group):
        rows = model.objects.filter(name=data)
    elif _has_unique_slug(model):
        rows = model.objects.filter(slug=data)
    else:
        raise ValidationError(_("A file cannot name what belongs here. Choose it in the admin."))
    return list(rows[:2])


def _documents(model: type[Model], data: Any) -> list[Model]:
    """Those with the same content, else those with the same title."""
    if not isinstance(data, Mapping) or not isinstance(data.get("title"), str):
        raise ValidationError(
            _("Write an object here, with the “title” of a document and its “file_hash”.")
        )
    titled = model.objects.filter(title=data["title"]).order_by("pk")
    file_hash = data.get("file_hash")
    if isinstance(file_hash, str) and file_hash:
        alike = model.objects.filter(file_hash=file_hash).order_by("pk")
        same = list(alike.filter(title=data["title"])[:1]) or list(alike[:1])
        if same:
            return same
    return list(titled[:2])


def _has_unique_slug(model: type[Model]) -> bool:
    try:
        return bool(model._meta.get_field("slug").unique)
    except FieldDoesNotExist:
        return False


def _said(data: Any) -> str:
    return str(data.get("title") if isinstance(data, Mapping) else data)[:100]


# Links in formatted text


def portable_html(html: str) -> str:
    """Formatted text whose links name pages by their path, and without the keys of its blocks."""

    def path(match: re.Match) -> str:
        page = Page.objects.filter(pk=match[1]).first()
        return f'<a linktype="page" path="{page.url_path if page else ""}">'

    return _PAGE_LINK.sub(path, _BLOCK_KEY.sub("", html))


def html_of_site(html: str) -> str:
    """The same with the keys of this site's pages. Raises `ValidationError`."""

    def key(match: re.Match) -> str:
        page = Page.objects.filter(url_path=match[1]).first()
        if page is None:
            raise ValidationError(
                _("There is no page “%(path)s” here. Link to its whole address instead."),
                params={"path": match[1]},
            )
        return f'<a linktype="page" id="{page.pk}">'

    return _PAGE_PATH.sub(key, html)
