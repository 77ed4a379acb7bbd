"""What all of the visitor's pages have in common: headers, frame, ways of saying no.

They are never cached and never indexed, they stay out of transactions (`booking` opens its own),
and a form that comes back with a stale CSRF token is shown again instead of being lost.
"""

from collections.abc import Callable, Mapping
from functools import wraps

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils.decorators import decorator_from_middleware
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters

from wagtail_agenda import conf

HONEYPOT = "homepage"
"""The field that only robots fill in."""

LARGEST_BODY = 256 * 1024
"""Bytes of a request. The longest form that this site makes stays far below."""

HEADERS = {
    "Cache-Control": "no-store, private, max-age=0",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}

View = Callable[..., HttpResponse]


class _NoteCsrfFailure(CsrfViewMiddleware):
    """Checks as Django does, but leaves the answer to the view: see `form_is_stale`."""

    def _reject(self, request, reason):
        request.agenda_csrf_failure = reason


def form_is_stale(request: HttpRequest) -> bool:
    """Whether a POST came without the right CSRF token: nothing may be changed for it.

    Happens to people whose session ended or whose cookies are gone. The view shows the form
    again, filled in, with a fresh token.
    """
    return bool(getattr(request, "agenda_csrf_failure", None))


def stale_notice() -> str:
    return _(
        "This page had been open for too long, or your browser keeps no cookies, so nothing was "
        "sent. Please check it and send it again."
    )


def visitor_page(
    *methods: str, csrf: bool = True, headers: Mapping[str, str] = HEADERS
) -> Callable[[View], View]:
    """Makes a view one of the visitor's pages, for these request methods (HEAD goes with GET)."""
    allowed = {*methods, *(["HEAD"] if "GET" in methods else [])}

    def decorate(view: View) -> View:
        # Reads the body, so it comes after the check of its size.
        protected = decorator_from_middleware(_NoteCsrfFailure)(view) if csrf else view

        @wraps(view)
        def checked(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if request.method not in allowed:
                response = refused(
                    request,
                    _("This page cannot be opened this way"),
                    _("Go back to the page with the booking form and choose from there."),
                    status=405,
                )
                response.headers["Allow"] = ", ".join(sorted(allowed))
                return response
            if _body_is_too_large(request):
                return refused(
                    request,
                    _("That was too much"),
                    _("More text arrived than this form can take. Go back and shorten it."),
                    status=413,
                )
            response = protected(request, *args, **kwargs)
            for name, value in headers.items():
                response.headers[name] = value
            return response

        # A 503 is reported to the site's admins, which must not mail them what a visitor typed.
        page = sensitive_post_parameters()(checked)
        return csrf_exempt(transaction.non_atomic_requests(page))

    return decorate


def show(request: HttpRequest, template: str, context: dict, status: int = 200) -> HttpResponse:
    """One of the visitor's pages, in the frame that the setting BASE_TEMPLATE names."""
    response = render(
        request,
        f"wagtail_agenda/visitor/{template}.html",
        {"base_template": conf.get("BASE_TEMPLATE"), "honeypot": HONEYPOT, **context},
        status=status,
    )
    response.headers["Content-Language"] = get_language() or ""
    return response


def refused(
    request: HttpRequest,
    heading: str,
    message: str,
    *,
    status: int,
    return_path: str = "",
    retry_after: int | None = None,
) -> HttpResponse:
    """The page that says why something was not done, and what to do instead."""
    response = show(
        request,
        "problem",
        {
            "heading": heading,
            "message": message,
            "return_path": return_path,
        },
        status=status,
    )
    for name, value in HEADERS.items():
        response.headers[name] = value
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def see_other(url: str) -> HttpResponseRedirect:
    """On to another page, to be fetched with GET (RFC 9110 §15.4.4)."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def _body_is_too_large(request: HttpRequest) -> bool:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY
    except ValueError:
        return True
