"""What agents do with one booking: at once by a POST, or after a page that asks."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView
from wagtail.admin import messages

from wagtail_agenda import callbacks, outbox
from wagtail_agenda.cleaning import one_line
from wagtail_agenda.errors import BookingAnonymised, BookingCancelled, Overloaded
from wagtail_agenda.models import MOST_PLACES, Booking
from wagtail_agenda.subjects import Subject
from wagtail_agenda.views.admin import acts
from wagtail_agenda.views.admin.acts import Act, Outcome
from wagtail_agenda.views.admin.base import next_url
from wagtail_agenda.views.admin.bookings import BookingPage
from wagtail_agenda.views.admin.reason import ReasonForVisitorForm


class ActView(BookingPage):
    """Does one thing with a booking by POST, and goes back to where it was asked for."""

    http_method_names = ["post"]
    act: Act

    def post(self, request, *args, **kwargs):
        outcome = acts.carry_out(self.act, self.booking, now=self.now, user=request.user)
        tell(request, outcome)
        return redirect(next_url(request, self.own_url))


class ApproveView(ActView):
    """Approves a booking that waits for it."""

    act = acts.APPROVE


class PromoteView(ActView):
    """Gives a place to somebody on the waiting list, or with an offer."""

    act = acts.PROMOTE


class OfferView(ActView):
    """Offers a place to somebody on the waiting list."""

    act = acts.OFFER


class PressView(BookingPage):
    """Presses a button that the booking workflow has for where a booking is."""

    http_method_names = ["post"]

    def post(self, request, *args, **kwargs):
        press(request, self.booking, self.now)
        return redirect(next_url(request, self.own_url))


def press(request, subject: Subject, now: datetime) -> None:
    """Press the button of a workflow that was posted, and say on the next page what came of it."""
    identifier = request.POST.get("identifier", "")
    try:
        outcome = acts.press(subject, identifier, now=now, user=request.user)
    except Overloaded as error:
        outcome = Outcome(str(error), failed=True)
    tell(request, outcome)


def tell(request, outcome: Outcome) -> None:
    """Say on the next page what came of an act."""
    if outcome.failed:
        messages.error(request, outcome.text)
    else:
        messages.success(request, outcome.text)


# What asks first


class NothingAsked(forms.Form):
    """A page that only wants to be sure."""


class AskingView(BookingPage, FormView):
    """Says what would happen and asks what has to be known; a POST does it."""

    act: Act
    form_class = NothingAsked
    template_name = "wagtail_agenda/admin/booking_act.html"
    question: Any = ""
    submit_label: Any = ""

    @property
    def happens(self) -> str:
        """What would happen, in words."""
        return ""

    @property
    def warning(self) -> str:
        """What should be known before it is done."""
        return ""

    def get_page_subtitle(self):
        return self.act.label

    def trail(self):
        return [*super().trail(), ("", self.act.label)]

    def get(self, request, *args, **kwargs):
        if self.act not in acts.acts_for(self.booking, self.now):
            messages.warning(request, self.refusal())
            return redirect(self.own_url)
        return super().get(request, *args, **kwargs)

    def refusal(self) -> str:
        """Why there is nothing to ask."""
        return _("“%(act)s” does not fit this booking: it is “%(admission)s”.") % {
            "act": self.act.label,
            "admission": self.booking.get_admission_display(),
        }

    def post(self, request, *args, **kwargs):
        # Whether one may is asked before whether the form is right.
        self.booking  # noqa: B018
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        try:
            outcome = acts.carry_out(
                self.act, self.booking, now=self.now, user=self.request.user, **self.typed(form)
            )
        except Overloaded as error:
            return self.once_more(form, error)
        tell(self.request, outcome)
        return redirect(next_url(self.request, self.own_url))

    def typed(self, form: forms.Form) -> dict[str, Any]:
        """What the form asks for, as the act takes it."""
        return form.cleaned_data

    def once_more(self, form: forms.Form, error: Overloaded) -> HttpResponse:
        """The same page with everything typed, after others were quicker."""
        messages.error(self.request, str(error))
        return try_again(self.render_to_response(self.get_context_data(form=form)), error)

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            **kwargs,
            act=self.act,
            question=self.question,
            happens=self.happens,
            warning=self.warning,
            submit_label=self.submit_label or self.act.label,
            back_url=next_url(self.request, self.own_url),
        )


def what_ending_means(booking: Booking) -> str:
    """What becomes of a place that is given up, and who is told."""
    if booking.user_email:
        means = _(
            "Its place becomes free at once, and %(address)s is told as the booking workflow "
            "says. This cannot be undone."
        ) % {"address": booking.user_email}
    else:
        means = _(
            "Its place becomes free at once. There is no e-mail address, so tell the visitor "
            "yourself. This cannot be undone."
        )
    host = outbox.host_of(booking.cancel_callback_url)
    if host:
        told = _("The system that it came from is told, at %(host)s.") % {"host": host}
        return f"{means} {told}"
    return means


class CancelView(AskingView):
    """Asks for a reason; a POST cancels the booking, which mails the visitor."""

    act = acts.CANCEL
    form_class = ReasonForVisitorForm
    question = gettext_lazy("Cancel this booking?")

    @property
    def submit_label(self):
        if self.nobody_else_knows:
            return _("Cancel it here all the same")
        return _("Cancel the booking")

    @property
    def happens(self):
        return what_ending_means(self.booking)

    @property
    def warning(self):
        if self.nobody_else_knows:
            return _(
                "This booking has no known cancellation address: it came from another system, "
                "which cannot be told that it is cancelled here. Cancel it there as well."
            )
        return ""

    @cached_property
    def nobody_else_knows(self) -> bool:
        return callbacks.knows_no_cancellation(self.booking)

    def refusal(self):
        return _("This booking has been cancelled already.")


class RefuseView(AskingView):
    """Asks for a reason; a POST refuses a booking that waits for approval."""

    act = acts.REFUSE
    form_class = ReasonForVisitorForm
    question = gettext_lazy("Refuse this booking?")
    submit_label = gettext_lazy("Refuse the booking")

    @property
    def happens(self):
        return what_ending_means(self.booking)


class SuspendView(AskingView):
    """A POST takes a booking's place away and puts it back on the waiting list."""

    act = acts.SUSPEND
    question = gettext_lazy("Put this booking back on the waiting list?")

    @property
    def happens(self):
        return _(
            "Its place goes to those who wait, and cannot be taken back from them. It stays on "
            "the waiting list until an agent accepts it. The visitor is told as the booking "
            "workflow says."
        )


class PlacesForm(forms.Form):
    places = forms.IntegerField(
        label=gettext_lazy("Places"),
        min_value=1,
        max_value=MOST_PLACES,
        error_messages={
            "min_value": gettext_lazy(
                "A booking has at least one place. To give up all of them, cancel it."
            )
        },
    )


class ResizeView(AskingView):
    """Asks for another number of places of an event."""

    act = acts.RESIZE
    form_class = PlacesForm
    question = gettext_lazy("Change the number of places?")
    submit_label = gettext_lazy("Change it")

    def get_initial(self):
        return {"places": self.booking.places}

    @property
    def happens(self):
        return _(
            "More places are had at once or not at all; what is given up goes to those who wait. "
            "Agents may give more places than visitors can choose."
        )

    def form_valid(self, form):
        booking, places = self.booking, form.cleaned_data["places"]
        if places == booking.places:
            messages.success(self.request, _("Nothing has changed."))
            return redirect(next_url(self.request, self.own_url))
        try:
            outcome = acts.carry_out(
                self.act, booking, now=self.now, user=self.request.user, places=places
            )
        except Overloaded as error:
            return self.once_more(form, error)
        if outcome.failed:
            form.add_error("places", outcome.text)
            return self.form_invalid(form)
        tell(self.request, outcome)
        return redirect(next_url(self.request, self.own_url))


class CorrectForm(forms.Form):
    """Who a booking is for.

    Each field says what it was shown with: only what somebody has changed is changed, so that a
    page that was opened before a colleague's correction does not undo it.
    """

    user_name = forms.CharField(
        label=gettext_lazy("Name"), max_length=255, required=False, show_hidden_initial=True
    )
    user_email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        required=False,
        show_hidden_initial=True,
        help_text=gettext_lazy("Without it, no mail is sent."),
    )
    user_phone_number = forms.CharField(
        label=gettext_lazy("Telephone"), max_length=50, required=False, show_hidden_initial=True
    )

    @property
    def as_shown(self) -> list[str]:
        """The hidden fields with what the page shows at first."""
        return [field.as_hidden(only_initial=True) for field in self]

    def clean_user_name(self):
        return one_line(self.cleaned_data["user_name"])

    def clean_user_phone_number(self):
        return one_line(self.cleaned_data["user_phone_number"])


class CorrectView(AskingView):
    """Asks who the booking is really for."""

    act = acts.CORRECT
    form_class = CorrectForm
    question = gettext_lazy("Correct who this booking is for?")
    submit_label = gettext_lazy("Correct it")

    @property
    def happens(self):
        return _(
            "A new e-mail address gets the booking as it stands, with a link and a calendar entry "
            "of its own. What was sent to the old address is taken back: its link leads nowhere "
            "any more, and its calendar entry disappears, without a word about whose it was."
        )

    def refusal(self):
        return str(BookingCancelled() if self.booking.is_cancelled else BookingAnonymised())

    def get_initial(self):
        return {name: getattr(self.booking, name) for name in self.form_class.base_fields}

    def typed(self, form):
        return {name: form.cleaned_data[name] for name in form.changed_data}

    def form_valid(self, form):
        if not form.has_changed():
            messages.success(self.request, _("Nothing has changed."))
            return redirect(next_url(self.request, self.own_url))
        return super().form_valid(form)


def try_again(response: HttpResponse, error: Overloaded) -> HttpResponse:
    """A page that is shown once more with what was typed, as one for a less busy moment."""
    response.status_code = 503
    response.headers["Retry-After"] = str(error.retry_after)
    return response
