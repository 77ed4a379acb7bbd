"""How what this site knows is told to other systems: plain dictionaries, addresses absolute.

Times are local to the agenda, without offset, as Publik's clients read them. That is ambiguous on
the night on which a clock goes back, so each of them also comes as an instant under ``<key>_iso``.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse


def answered(**data: Any) -> JsonResponse:
    """The answer to a call that did what it should."""
    return JsonResponse({"err": 0, **data})


def moment(name: str, local: datetime | None) -> dict[str, str | None]:
    """A local time under a name, and the instant that it is."""
    if local is None:
        return {name: None, f"{name}_iso": None}
    return {name: f"{local:%Y-%m-%d %H:%M:%S}", f"{name}_iso": local.isoformat()}


def address(request: HttpRequest, name: str, *parts: Any) -> str:
    """The absolute address of a call of this interface."""
    return request.build_absolute_uri(reverse(f"wagtail_agenda:{name}", args=parts))
