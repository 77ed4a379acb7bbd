"""The page on which somebody who was invited by somebody else accepts or declines.

Opening the link changes nothing, because mail scanners open links as well: the answers are buttons.
"""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from wagtail_agenda import answering, correspondence, meeting_words, tokens
from wagtail_agenda.choices import Answer, Audience
from wagtail_agenda.errors import BookingError, Overloaded
from wagtail_agenda.models import Booking, Invitation
from wagtail_agenda.views.pages import (
    form_is_stale,
    refused,
    see_other,
    show,
    stale_notice,
    visitor_page,
)
from wagtail_agenda.wording import span_text, zone_text

ANSWERS = (Answer.ACCEPTED, Answer.TENTATIVE, Answer.DECLINED)


@dataclass(frozen=True)
class Invited:
    """What the page says of that to which somebody is invited."""

    title: str
    when: str
    zone: str
    location: str
    organiser: str = ""
    video_link: str = ""
    description: str = ""


@visitor_page("GET", "POST")
def reply(request: HttpRequest, token: str) -> HttpResponse:
    """Shows the invitation and what was answered; takes an answer by POST."""
    invitation = tokens.invitation_of_reply_token(token)
    if invitation is None or not answering.may_answer(invitation):
        return refused(
            request,
            _("This link leads to no invitation"),
            _(
                "It may be incomplete, or the invitation has been deleted. Copy the whole link "
                "from your mail, or ask whoever has invited you."
            ),
            status=404,
        )
    with translation.override(_language_of(invitation)):
        return _page(request, invitation, token, timezone.now())


def _page(request: HttpRequest, invitation: Invitation, token: str, now: datetime) -> HttpResponse:
    notice, status, retry_after = "", 200, None
    closed = answering.why_not(invitation, now)
    given = request.POST.get("answer", "")
    if request.method == "POST" and closed is None:
        if form_is_stale(request):
            notice, status = stale_notice(), 403
        elif given not in ANSWERS:
            notice, status = _("Please choose one of the answers."), 400
        else:
            try:
                answering.answer(invitation, Answer(given), now=now)
            except Overloaded as error:
                notice, status, retry_after = str(error), 503, error.retry_after
            except BookingError as error:
                closed = error
            else:
                return see_other(reverse("wagtail_agenda:reply", args=[token]))
    context = {
        "invited": _invited(invitation),
        "address": invitation.address,
        "given": Answer(invitation.answer),
        "answers": [
            (answer.value, _button(answer), answer == invitation.answer) for answer in ANSWERS
        ],
        "closed": _closed_text(closed) if closed else "",
        "notice": notice,
    }
    response = show(request, "reply", context, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _language_of(invitation: Invitation) -> str:
    about = invitation.subject
    if isinstance(about, Booking):
        return correspondence.language_for(about, Audience.VISITOR)
    return meeting_words.language_of(about)


def _invited(invitation: Invitation) -> Invited:
    about = invitation.subject
    when = span_text(about.local_start, about.local_end)
    zone = zone_text(about.local_start)
    if isinstance(about, Booking):
        title = about.user_display_label or about.label
        return Invited(title, when, zone, correspondence.location_of(about))
    return Invited(
        about.title,
        when,
        zone,
        meeting_words.location_of(about),
        about.organiser_name,
        about.video_link,
        about.description,
    )


def _button(answer: Answer) -> str:
    return {
        Answer.ACCEPTED: _("Accept"),
        Answer.TENTATIVE: _("Perhaps"),
        Answer.DECLINED: _("Decline"),
    }[answer]


def _closed_text(error: BookingError) -> str:
    """Why there is nothing to answer any more, to somebody who cannot do anything about it."""
    return {
        "meeting is cancelled": _(
            "This meeting has been cancelled, so there is nothing to answer any more."
        ),
        "booking is cancelled": _(
            "This booking has been cancelled, so there is nothing to answer any more."
        ),
        "meeting is over": _("This meeting is over, so there is nothing to answer any more."),
        "event is over": _(
            "The time of this booking is over, so there is nothing to answer any more."
        ),
        "no longer invited": _(
            "You are no longer invited, and need not come. If that surprises you, ask whoever has "
            "invited you."
        ),
    }.get(error.code, str(error))
