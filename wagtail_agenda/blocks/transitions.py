"""What leads where: the rules of a booking workflow."""

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.forms import CheckboxSelectMultiple
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.coreutils import string_to_ascii

from wagtail_agenda.blocks.conditions import (
    ConditionsBlock,
    ForgivingListBlock,
    identifier_block,
)
from wagtail_agenda.blocks.statuses import StatusChooserBlock
from wagtail_agenda.choices import TRIGGERS_OF, About, Cause, Trigger
from wagtail_agenda.workflow.rules import (
    AFTER_END,
    BEFORE_START,
    DAYS,
    HOURS,
    IN_STATUS,
    MINUTES,
    MOST_MINUTES,
    Rule,
    rules_of,
)

MOMENTS = [
    (BEFORE_START, _("before it starts")),
    (AFTER_END, _("after it ends")),
    (IN_STATUS, _("after the booking has reached its status")),
]
UNITS = [(MINUTES, _("minutes")), (HOURS, _("hours")), (DAYS, _("days"))]


def groups() -> list[tuple[str, str]]:
    """The groups of colleagues, as ``(key, name)`` pairs."""
    return [
        (str(pk), name) for pk, name in Group.objects.order_by("name").values_list("pk", "name")
    ]


class _LeadingBlock(blocks.StructBlock):
    """Any rule: after what sets it off, where it leads, from where, and on which conditions."""

    def __init__(self, local_blocks=(), about=None, **kwargs):
        status = StatusChooserBlock(
            "wagtail_agenda.WorkflowStatus",
            label=_("The booking goes to the status"),
            help_text=_(
                "Its actions are then carried out, such as mails. One of this workflow's own."
            ),
        )
        only_from = ForgivingListBlock(
            StatusChooserBlock("wagtail_agenda.WorkflowStatus", label=_("Status")),
            default=[],
            required=False,
            label=_("Only from these statuses"),
            help_text=_("Without any, from every status."),
        )
        conditions = ConditionsBlock(
            about=about,
            required=False,
            label=_("Only if"),
            help_text=_(
                "All of it must be so. Of several rules for the same, the first from the top that "
                "fits is taken."
            ),
        )
        common = [("status", status), ("only_from", only_from), ("conditions", conditions)]
        super().__init__([*local_blocks, *common], **kwargs)


class TransitionBlock(_LeadingBlock):
    """One rule: when this happens, a booking goes to that status."""

    def __init__(self, local_blocks=(), about=None, **kwargs):
        triggers = Trigger if about is None else TRIGGERS_OF[About(about)]
        trigger = blocks.ChoiceBlock(
            choices=[(one.value, one.label) for one in triggers],
            label=_("When"),
            help_text=_("What happens: by a visitor or participant, a colleague, or in time."),
        )
        super().__init__([("trigger", trigger), *local_blocks], about=about, **kwargs)

    class Meta:
        icon = "arrow-right"
        label = _("Something happens")
        label_format = "{trigger} → {status}"


class TimeRuleBlock(_LeadingBlock):
    """A reminder, or anything else that time sets off: « two days before it starts ».

    Who books when that time is past already gets none. A booking that moves is planned anew.
    """

    amount = blocks.IntegerBlock(
        min_value=0,
        max_value=MOST_MINUTES,
        label=_("How long"),
        help_text=_(
            "Who books when this time is past already is not made up for: a booking of today "
            "gets no reminder of yesterday."
        ),
    )
    unit = blocks.ChoiceBlock(choices=UNITS, default=HOURS, label=_("In minutes, hours or days"))
    moment = blocks.ChoiceBlock(
        choices=MOMENTS,
        default=BEFORE_START,
        label=_("Before or after what"),
        help_text=_(
            "Days are those of the calendar, at the same time of day. Cancelled bookings are left "
            "out, unless their status is among those below. A final status ends all reminders."
        ),
    )

    class Meta:
        icon = "time"
        label = _("A time has come")
        label_format = "{amount} {unit} {moment} → {status}"

    def clean(self, value):
        cleaned = super().clean(value)
        amount, unit = cleaned.get("amount"), cleaned.get("unit")
        if amount is None:
            return cleaned
        if amount * {MINUTES: 1, HOURS: 60, DAYS: 24 * 60}.get(unit, 1) > MOST_MINUTES:
            error = ValidationError(_("Five years at most."), code="too_long")
            raise StructBlockValidationError({"amount": error})
        if not amount and cleaned.get("moment") == IN_STATUS:
            error = ValidationError(
                _("At least one minute after the status is reached."), code="too_short"
            )
            raise StructBlockValidationError({"amount": error})
        return cleaned


class ByHandRuleBlock(_LeadingBlock):
    """A button that agents see on the page of a booking."""

    label = blocks.CharBlock(
        max_length=100,
        label=_("Button"),
        help_text=_("What stands on it: “Papers are complete”."),
    )
    identifier = identifier_block(
        _(
            "Left empty, it is made from what stands on the button. Rules with the same identifier "
            "are one button, which does what the first of them that fits says. Letters without "
            "accents, digits, - and _."
        ),
        required=False,
    )
    groups = blocks.MultipleChoiceBlock(
        choices=groups,
        required=False,
        widget=CheckboxSelectMultiple,
        label=_("Only for members of"),
        help_text=_("Without any, all who may cancel the booking see the button."),
    )

    class Meta:
        icon = "user"
        label = _("An agent presses a button")
        label_format = "{label} → {status}"

    def clean(self, value):
        cleaned = super().clean(value)
        if not cleaned.get("identifier"):
            cleaned["identifier"] = slugify(string_to_ascii(cleaned.get("label") or ""))
        if not cleaned["identifier"] and not self.is_deferred_validation:
            error = ValidationError(
                _("Write an identifier: none can be made from these letters."), code="required"
            )
            raise StructBlockValidationError({"identifier": error})
        return cleaned


class CalledRuleBlock(_LeadingBlock):
    """Another system calls the address of the booking's hook with that identifier."""

    identifier = identifier_block(_("The last part of the address that the other system calls."))

    class Meta:
        icon = "link-external"
        label = _("Another system calls")
        label_format = "{identifier} → {status}"


class ActionFailedRuleBlock(_LeadingBlock):
    """An action did not come about: a web service did not answer, a place was gone."""

    error = blocks.CharBlock(
        required=False,
        max_length=100,
        label=_("Only with the error"),
        help_text=_(
            "Its code, such as “sold out”, “already cancelled”, “booking is cancelled” or “booking "
            "is not in waiting list”. Empty for every error."
        ),
    )

    class Meta:
        icon = "warning"
        label = _("An action failed")
        label_format = "{error} → {status}"


class TransitionsBlock(blocks.StreamBlock):
    """The rules of a workflow, each with what sets it off and the status it leads to.

    With `about`, only what can happen to bookings, or to meetings.

    Of several rules for the same, the first from the top that fits is taken.
    """

    def __init__(self, local_blocks=(), about=None, **kwargs):
        rules = [
            ("transition", TransitionBlock(about=about)),
            ("time", TimeRuleBlock(about=about)),
            ("by_hand", ByHandRuleBlock(about=about)),
            ("called", CalledRuleBlock(about=about)),
            ("action_failed", ActionFailedRuleBlock(about=about)),
        ]
        super().__init__([*rules, *local_blocks], **kwargs)

    class Meta:
        # So that each is read as its sentence, until somebody opens it.
        collapsed = True

    def clean(self, value):
        cleaned = super().clean(value)
        errors = {}
        earlier: list[Rule] = []
        for index, child in enumerate(cleaned):
            (rule,) = rules_of([child.get_prep_value()]) or (None,)
            if rule is None:
                continue
            field, message, code = _in_the_way(rule, earlier)
            if message:
                errors[index] = StructBlockValidationError(
                    {field: ValidationError(message, code=code)}
                )
            earlier.append(rule)
        if errors:
            raise StreamBlockValidationError(block_errors=errors)
        return cleaned


def _in_the_way(rule: Rule, earlier: list[Rule]) -> tuple[str, str, str]:
    """At which field, in which words and with which code an earlier rule leaves nothing to this."""
    if rule.cause == Cause.TIME:
        # Each goes off at its own time, also beside another.
        return "", "", ""
    field = {
        Cause.BY_HAND: "identifier",
        Cause.CALLED: "identifier",
        Cause.ACTION_FAILED: "error",
    }.get(rule.cause, "trigger")
    for other in earlier:
        alike = (rule.cause, rule.identifier) == (other.cause, other.identifier)
        if not alike or other.error not in ("", rule.error):
            continue
        same = (other.only_from, other.conditions) == (rule.only_from, rule.conditions)
        if same and other.error == rule.error:
            message = _("There is a rule for this already. Change that one, or remove this.")
            return field, message, "repeated_trigger"
        wider = other.only_from is None or (
            rule.only_from is not None and rule.only_from <= other.only_from
        )
        if wider and not other.conditions:
            message = _(
                "A rule further up always fits first, so this one is never reached. Drag it above "
                "that one, or remove it."
            )
            return field, message, "never_reached"
    return field, "", ""
