"""What an agenda cannot be as a whole, in the words that stand at its columns."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import removal
from wagtail_agenda.blocks.texts import validate_placeholders
from wagtail_agenda.choices import About, Audience
from wagtail_agenda.cleaning import web_address
from wagtail_agenda.correspondence import names_for
from wagtail_agenda.models import Agenda
from wagtail_agenda.setup_rules.delays import horizon_error

LABEL_TEMPLATES = ["label_template", "user_display_label_template", "description_template"]
URL_TEMPLATES = ["backoffice_url_template", "form_url_template"]


def agenda_errors(values: Mapping[str, Any]) -> dict[str, ValidationError]:
    """By column, what is wrong with these values of an agenda together.

    What is missing from `values` has been refused already.
    """
    errors = rule_errors(values)
    if error := horizon_error(values):
        errors["maximal_booking_delay"] = error
    for field in [*LABEL_TEMPLATES, *URL_TEMPLATES]:
        try:
            validate_label_template(values.get(field) or "")
            if field in URL_TEMPLATES:
                validate_url_template(values.get(field) or "")
        except ValidationError as error:
            errors[field] = error
    for field, about in (("workflow", About.BOOKINGS), ("meeting_workflow", About.MEETINGS)):
        chosen = values.get(field)
        if chosen is not None and chosen.about != about:
            message = _("“%(workflow)s” is about something else. Choose one about: %(about)s.")
            params = {"workflow": chosen, "about": about.label}
            errors[field] = ValidationError(message, code="about_else", params=params)
    return errors


def rule_errors(rules: Mapping[str, Any]) -> dict[str, ValidationError]:
    """By field, what contradicts another rule for bookings."""
    errors = {}
    a_day, a_week = rules.get("bookings_per_day"), rules.get("bookings_per_week")
    if a_day and a_week and a_day > a_week:
        errors["bookings_per_day"] = ValidationError(
            _("This is more than a whole week allows. Choose fewer, or more for the week."),
            code="more_than_a_week",
        )
    if rules.get("several_events") and rules.get("bookings_per_person") == 1:
        errors["bookings_per_person"] = ValidationError(
            _(
                "Several events at once are several bookings, so nobody could book two. "
                "Choose at least 2, or do not tick “several events at once”."
            ),
            code="too_few_for_several",
        )
    return errors


def validate_label_template(template: str) -> None:
    validate_placeholders(template, names_for(*Audience))


def validate_url_template(template: str) -> None:
    """Raises ValidationError unless it is empty or a fixed http(s) host, then anything."""
    if not template.strip():
        return
    filled = template.replace("{", "").replace("}", "")
    try:
        host = urlsplit(template.strip()).netloc
    except ValueError:
        host = "{"
    if not web_address(filled) or "{" in host:
        raise ValidationError(
            _(
                "Write a whole web address that begins with https:// and a fixed host, such as "
                "https://backoffice.example/bookings/{number}."
            ),
            code="invalid_address",
        )


def require_not_behind_another(agenda: Agenda) -> None:
    """Raises ValidationError if virtual agendas rely on the agenda as it is."""
    relying = [row.virtual_agenda for row in agenda.virtual_memberships.all()]
    if relying:
        raise ValidationError(
            _(
                "This agenda stands behind %(agendas)s, which needs its kind and its time zone. "
                "Remove it there first."
            ),
            code="behind_another",
            params={"agendas": removal.listed(relying)},
        )
