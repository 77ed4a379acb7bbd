"""What surrounds every call of another system."""

import functools
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from wagtail_agenda.api import auth, idempotency, reading
from wagtail_agenda.api.errors import Refused, as_refusal, method_not_allowed, refused
from wagtail_agenda.errors import BookingError

READING = frozenset({"GET", "HEAD", "OPTIONS"})


def called(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view for known clients alone, of one of ninja's that asks who called.

    It sets `agenda_client`, the one who calls, and `agenda_json`, what came along, on the request.
    """

    @csrf_exempt
    @never_cache
    # The number of a signature stays used, whatever becomes of the call.
    @transaction.non_atomic_requests
    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            request.agenda_client = auth.client_of(request)
            request.agenda_json = None
            if request.method not in READING:
                request.agenda_json = reading.json_body(request)
            return idempotency.answer(request, lambda: _answered(view, request, *args, **kwargs))
        except Refused as refusal:
            return refused(refusal)
        except BookingError as error:
            return refused(as_refusal(error))

    return answer


def _answered(view: Callable[..., HttpResponse], request: HttpRequest, *args, **kwargs):
    response = view(request, *args, **kwargs)
    if response.status_code == 405:
        return refused(method_not_allowed(response.headers["Allow"]))
    return response
