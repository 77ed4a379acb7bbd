"""Calls that are not answered with what they asked for: errors as data, with a stable code.

Every answer says under ``err`` whether something went wrong. An error also has a code in English
that never changes, under two names because clients read one or the other by their age, and a
sentence in the language of the call. What the application itself refuses, such as a place that is
gone, comes with status 200; what cannot be understood or is not allowed with 400 and above.
"""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import ValidationError

from wagtail_agenda.errors import BookingError, Overloaded

INVALID = "invalid payload"
"""The code of a call whose parameters or body cannot be understood; ``errors`` says which."""

SECOND_KIND = frozenset(
    {"booking is not in waiting list", "booking is already in waiting list"},
)
"""What Publik's clients know as error 2; every other one is 1."""


@dataclass(eq=False)
class Refused(Exception):
    """A call that is answered with an error: `code` for machines, `text` for people.

    `errors` names the fields at fault, each with what is wrong with it.
    """

    code: str
    text: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


def refused(error: Refused) -> JsonResponse:
    """The answer to a call that did nothing."""
    answer: dict[str, Any] = {
        "err": 2 if error.code in SECOND_KIND else 1,
        "err_class": error.code,
        "err_desc": error.text,
        "reason": error.code,
    }
    if error.errors:
        answer["errors"] = error.errors
    return JsonResponse(answer, status=error.status, headers=error.headers)


def as_refusal(error: BookingError) -> Refused:
    """What a call is told of an error of the booking rooms."""
    if isinstance(error, Overloaded):
        return Refused(error.code, str(error), 503, {"Retry-After": str(error.retry_after)})
    return Refused(error.code, str(error), 200)


def invalid(**fields: str) -> Refused:
    """A call with fields that cannot be understood, each with what is wrong with it."""
    text = _("Not understood: %(fields)s. Nothing was changed.") % {"fields": ", ".join(fields)}
    errors = {name: [problem] for name, problem in fields.items()}
    return Refused(INVALID, text, 400, errors=errors)


def method_not_allowed(allowed: str) -> Refused:
    text = _("Call this address with %(methods)s.") % {"methods": allowed}
    return Refused("method not allowed", text, 405, {"Allow": allowed})


def handle(api: NinjaAPI) -> None:
    """Have an interface answer errors like this."""

    @api.exception_handler(Refused)
    def _refused(_request: HttpRequest, error: Refused) -> HttpResponse:
        return refused(error)

    @api.exception_handler(BookingError)
    def _booking_error(_request: HttpRequest, error: BookingError) -> HttpResponse:
        return refused(as_refusal(error))

    @api.exception_handler(ValidationError)
    def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
        return refused(invalid(**_by_field(error)))


def _by_field(error: ValidationError) -> dict[str, str]:
    """What is wrong with each field; the first two parts of a place say where ninja found it."""
    found: dict[str, str] = {}
    for problem in error.errors:
        place = [str(part) for part in problem["loc"] if part not in _OUTER]
        found.setdefault(".".join(place) or "body", problem["msg"])
    return found


_OUTER = frozenset({"body", "query", "path", "header", "payload", "asked"})
