"""The site's own checks of a form that a visitor sends, beside the built-in limits.

The built-in ones are the field that only robots fill in, the seconds that nobody is faster than,
and the limits of `throttle.py`. What a project adds stands in the setting SPAM_CHECKS: dotted paths
of functions that get the request and the valid form, and answer with None, or with the sentence
that tells the visitor why not and what to do.

Whatever cannot be checked is refused: a check that goes away with its service protects nobody.
"""

import logging
from collections.abc import Callable

from django.forms import Form
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from wagtail_agenda import conf

logger = logging.getLogger(__name__)

SpamCheck = Callable[[HttpRequest, Form], str | None]


class CannotCheck(Exception):
    """A check is missing, fails, or answers what nobody understands, so nothing may pass."""


def refusal(request: HttpRequest, form: Form) -> str:
    """Why the site does not take this form, in words for the visitor; "" if it does.

    Raises `CannotCheck`.
    """
    for path in conf.get("SPAM_CHECKS"):
        try:
            answer = import_string(path)(request, form)
        except Exception as error:
            # Each check has errors of its own, and none of them may let anybody through.
            logger.exception("The spam check %r fails; bookings are refused.", path)
            raise CannotCheck() from error
        if answer is None:
            continue
        sentence = str(answer).strip() if isinstance(answer, str | Promise) else ""
        if not sentence:
            logger.error(
                "The spam check %r answers %r, neither None nor a sentence; bookings are refused.",
                path,
                answer,
            )
            raise CannotCheck()
        return sentence
    return ""
