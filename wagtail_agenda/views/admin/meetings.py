"""The page of one meeting that has been called: who comes, what was sent, what happened."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.admin.widgets.button import HeaderButton

from wagtail_agenda import meetings, permissions, workflow
from wagtail_agenda.choices import Actor, Answer
from wagtail_agenda.errors import BookingError, NotInvited, Overloaded
from wagtail_agenda.meeting_words import answer_text, answers_of, location_of
from wagtail_agenda.meetings.uninviting import why_not
from wagtail_agenda.models import CalledMeeting
from wagtail_agenda.views.admin.act_views import press, try_again
from wagtail_agenda.views.admin.base import AgentPage, log_act, next_url, url_to
from wagtail_agenda.views.admin.delivery_lines import lines_of
from wagtail_agenda.views.admin.reason import ReasonForEverybodyForm
from wagtail_agenda.views.admin.timeline import timeline
from wagtail_agenda.wording import short_moment_text, span_text, zone_text

_ICONS = {
    Answer.ACCEPTED: "check",
    Answer.TENTATIVE: "help",
    Answer.DECLINED: "cross",
    Answer.NONE: "time",
}


SALT = "wagtail_agenda.views.admin.meetings"


def key_of(address: str) -> str:
    """What names a participant in the address of a page, which web servers write into their logs.

    An e-mail address in there would stay where nobody erases it.
    """
    return salted_hmac(SALT, address.lower(), algorithm="sha256").hexdigest()[:20]


class MeetingPage(AgentPage):
    """A page about the called meeting that the address names."""

    header_icon = "group"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.now = timezone.now()

    @cached_property
    def meeting(self) -> CalledMeeting:
        found = (
            permissions.visible(self.request.user, CalledMeeting.objects.all())
            .select_related(
                "agenda__meeting_workflow", "desk", "resource", "status", "site", "meeting"
            )
            .filter(pk=self.kwargs["pk"])
            .first()
        )
        if found is None:
            raise Http404
        return found

    @property
    def own_url(self) -> str:
        return url_to("meeting", self.meeting.pk)

    @property
    def edit_url(self) -> str:
        return reverse(
            "wagtailsnippets_wagtail_agenda_meeting:edit", args=[self.meeting.meeting_id]
        )

    @property
    def may_be_cancelled(self) -> bool:
        meeting = self.meeting
        is_called = meeting.published_at is not None and not meeting.is_cancelled
        return is_called and meeting.end > self.now

    def get_page_title(self):
        return self.meeting.title

    def trail(self):
        index = reverse("wagtailsnippets_wagtail_agenda_meeting:list")
        return [(index, _("Meetings")), (self.own_url, self.meeting.title)]

    def get_context_data(self, **kwargs):
        meeting = self.meeting
        return super().get_context_data(
            **kwargs,
            meeting=meeting,
            agenda=meeting.agenda,
            when=span_text(meeting.local_start, meeting.local_end),
            zone=zone_text(meeting.local_start),
        )


class MeetingView(MeetingPage, TemplateView):
    """Everything there is to know about one meeting, and what can be done with it."""

    template_name = "wagtail_agenda/admin/meeting.html"

    @cached_property
    def header_buttons(self):
        return [HeaderButton(label=_("Edit"), url=self.edit_url, icon_name="edit")]

    def participants(self) -> list[dict[str, str]]:
        """Everybody who is invited, with what they have answered and when."""
        lines = []
        for one, invitation in answers_of(self.meeting):
            answer = invitation.answer if invitation is not None else Answer.NONE.value
            at = invitation.answered_at if invitation is not None else None
            lines.append(
                {
                    "name": one["name"] or one["address"],
                    "address": one["address"] if one["name"] else "",
                    "needed": _("Needed") if one["required"] else _("May come"),
                    "icon": _ICONS.get(answer, "time"),
                    "answer": answer_text(answer),
                    "at": short_moment_text(at.astimezone(self.meeting.agenda.zone)) if at else "",
                    "uninvite_url": url_to(
                        "meeting_uninvite", self.meeting.pk, key_of(one["address"])
                    ),
                }
            )
        return lines

    def get_context_data(self, **kwargs):
        meeting = self.meeting
        deliveries = lines_of(meeting.deliveries.all())
        participants = self.participants()
        return super().get_context_data(
            **kwargs,
            location=location_of(meeting),
            participants=participants,
            answered=[
                (answer.label, sum(one["answer"] == answer.label for one in participants))
                for answer in (Answer.ACCEPTED, Answer.TENTATIVE, Answer.DECLINED, Answer.NONE)
            ],
            is_announced=meeting.published_at is not None,
            is_over=meeting.end <= self.now,
            cancel_url=url_to("meeting_cancel", meeting.pk) if self.may_be_cancelled else "",
            may_uninvite=self.may_be_cancelled and len(participants) > 1,
            edit_url=self.edit_url,
            buttons=workflow.buttons_of(meeting, now=self.now, user=self.request.user),
            press_url=url_to("meeting_press", meeting.pk),
            timeline=timeline(meeting, deliveries),
            deliveries=[(one, "") for one in deliveries],
        )


class MeetingPressView(MeetingPage):
    """Presses a button that the workflow has for where a meeting is."""

    http_method_names = ["post"]

    def post(self, request, *args, **kwargs):
        press(request, self.meeting, self.now)
        return redirect(next_url(request, self.own_url))


class MeetingCancelView(MeetingPage, FormView):
    """Asks for a reason; a POST cancels the meeting, which takes it out of every calendar."""

    form_class = ReasonForEverybodyForm
    template_name = "wagtail_agenda/admin/meeting_cancel.html"

    def trail(self):
        return [*super().trail(), ("", _("Cancel"))]

    def get(self, request, *args, **kwargs):
        if not self.may_be_cancelled:
            messages.warning(request, _("This meeting is cancelled or over."))
            return redirect(self.own_url)
        return super().get(request, *args, **kwargs)

    def post(self, request, *args, **kwargs):
        # Whether one may is asked before whether the form is right.
        self.meeting  # noqa: B018
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        reason = form.cleaned_data["reason"]
        try:
            meetings.cancel(
                self.meeting,
                actor=Actor.AGENT,
                now=self.now,
                user=self.request.user,
                reason=reason,
            )
        except Overloaded as error:
            messages.error(self.request, str(error))
            return try_again(self.render_to_response(self.get_context_data(form=form)), error)
        except BookingError as error:
            messages.error(self.request, str(error))
            return redirect(self.own_url)
        log_act(self.meeting, "cancel_meeting", self.request.user, reason=reason)
        messages.success(
            self.request,
            _("“%(title)s” is cancelled. Everybody who was invited is told.")
            % {"title": self.meeting.title},
        )
        return redirect(self.own_url)

    def get_context_data(self, **kwargs):
        count = len(self.meeting.participants)
        return super().get_context_data(**kwargs, back_url=self.own_url, count=count)


class UninviteView(MeetingPage, TemplateView):
    """Asks whether to go on; a POST un-invites one participant, who alone is told."""

    template_name = "wagtail_agenda/admin/meeting_uninvite.html"

    @cached_property
    def participant(self) -> Mapping[str, Any]:
        """Whom the address names. Raises `NotInvited` if they are on the list no more."""
        for one in self.meeting.participants:
            if key_of(one["address"]) == self.kwargs["whom"]:
                return one
        raise NotInvited()

    @property
    def name(self) -> str:
        return self.participant["name"] or self.participant["address"]

    def trail(self):
        return [*super().trail(), ("", _("Un-invite"))]

    def get(self, request, *args, **kwargs):
        try:
            refusal = why_not(self.meeting, self.participant["address"], self.now)
        except NotInvited as error:
            refusal = error
        if refusal is not None:
            messages.warning(request, str(refusal))
            return redirect(self.own_url)
        return super().get(request, *args, **kwargs)

    def post(self, request, *args, **kwargs):
        try:
            meetings.uninvite(
                self.meeting, self.participant["address"], now=self.now, user=request.user
            )
        except Overloaded as error:
            messages.error(request, str(error))
            return try_again(self.render_to_response(self.get_context_data()), error)
        except BookingError as error:
            messages.error(request, str(error))
            return redirect(self.own_url)
        log_act(self.meeting, "uninvite", request.user)
        messages.success(request, _("%(name)s is not invited any more.") % {"name": self.name})
        return redirect(self.own_url)

    def get_context_data(self, **kwargs):
        address, organiser = self.participant["address"], self.meeting.organiser_address
        return super().get_context_data(
            **kwargs,
            name=self.name,
            is_organiser=address.lower() == organiser.lower(),
            back_url=self.own_url,
        )
