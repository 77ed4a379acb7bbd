"""How dates and times are said, and the built-in text of mails. In the language that is active."""

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.choices import Admission, Audience


def day_text(day: date) -> str:
    """A day in full, with its weekday: “Thursday 3 December 2026”."""
    # Translators: Django date format of a day in full with its weekday.
    return date_format(day, gettext("l j F Y"))


def time_text(local: datetime) -> str:
    """A time of day: “09:30”. Pass it in the zone it is to be read in."""
    # Translators: Django date format of a time of day.
    return date_format(local, gettext("H:i"), use_l10n=False)


def moment_text(local: datetime) -> str:
    """A moment in full: “Thursday 3 December 2026, 09:30”. Pass it in the zone of its readers."""
    return gettext("%(day)s, %(time)s") % {"day": day_text(local), "time": time_text(local)}


def short_moment_text(local: datetime) -> str:
    """A day in short with a time of day: “03/12/2026, 09:30”. In the zone it is to be read in."""
    return gettext("%(day)s, %(time)s") % {
        "day": date_format(local, "SHORT_DATE_FORMAT"),
        "time": time_text(local),
    }


def span_text(start: datetime, end: datetime) -> str:
    """From when to when, in full: “Thursday 3 December 2026, 09:30 to 10:00”.

    Both in the zone they are to be read in. An end on another day is said with its day.
    """
    values = {"day": day_text(start), "start": time_text(start), "end": time_text(end)}
    if end.date() == start.date():
        return gettext("%(day)s, %(start)s to %(end)s") % values
    values["end_day"] = day_text(end)
    return gettext("%(day)s, %(start)s to %(end_day)s, %(end)s") % values


def zone_text(local: datetime) -> str:
    """The zone of a time, with its present distance from UTC: “Europe/Paris, UTC+01:00”."""
    offset = local.strftime("%z")
    return f"{local.tzinfo}, UTC{offset[:3]}:{offset[3:5]}"


def labelled(label: str, text: str) -> str:
    """“Telephone: 123 456”, with the colon as the language sets it."""
    return gettext("%(label)s: %(text)s") % {"label": label, "text": text}


@dataclass(frozen=True)
class Text:
    """Subject and bodies of a mail, with ``{name}`` placeholders.

    A line of `text` whose placeholders are all empty is left out of the mail. An empty `html` is
    made from the text.
    """

    subject: str
    text: str
    html: str = ""


_BUILT_IN = {
    (Audience.VISITOR, Admission.CONFIRMED): Text(
        _("Confirmed: {user_display_label}, {date}, {time}"),
        _(
            "Hello {user_name},\n"
            "\n"
            "Your booking is confirmed.\n"
            "\n"
            "{user_display_label}\n"
            "{when} ({time_zone})\n"
            "{location}\n"
            "Booking number: {number}\n"
            "\n"
            "{comment}\n"
            "\n"
            "See or cancel your booking:\n"
            "{manage_url}\n"
            "\n"
            "Please do not pass this link on: whoever has it can cancel your booking.\n"
            "\n"
            "{contact}"
        ),
    ),
    (Audience.VISITOR, Admission.CANCELLED): Text(
        _("Cancelled: {user_display_label}, {date}, {time}"),
        _(
            "Hello {user_name},\n"
            "\n"
            "Your booking is cancelled.\n"
            "\n"
            "{user_display_label}\n"
            "{when} ({time_zone})\n"
            "Booking number: {number}\n"
            "\n"
            "Reason: {cancellation_reason}\n"
            "\n"
            "{contact}"
        ),
    ),
    (Audience.STAFF, Admission.CONFIRMED): Text(
        _("New booking: {booking}, {date}, {time}"),
        _(
            "There is a new booking.\n"
            "\n"
            "{booking}\n"
            "{when} ({time_zone})\n"
            "{desk}\n"
            "Booking number: {number}\n"
            "E-mail: {user_email}\n"
            "Telephone: {user_phone_number}\n"
            "\n"
            "{answers}\n"
            "\n"
            "{backoffice_url}"
        ),
    ),
    (Audience.STAFF, Admission.CANCELLED): Text(
        _("Cancelled: {booking}, {date}, {time}"),
        _(
            "This booking is cancelled.\n"
            "\n"
            "{booking}\n"
            "{when} ({time_zone})\n"
            "{desk}\n"
            "Booking number: {number}\n"
            "\n"
            "Reason: {cancellation_reason}"
        ),
    ),
}

_OTHER = Text(
    _("{user_display_label}: {status}"),
    _(
        "Hello {user_name},\n"
        "\n"
        "Your booking {number} is in this status: {status}.\n"
        "\n"
        "{user_display_label}\n"
        "{when} ({time_zone})\n"
        "\n"
        "{contact}"
    ),
)


def built_in_text(audience: str, admission: str) -> Text:
    """The text that is sent where an editor has written none, in the active language."""
    text = _BUILT_IN.get((audience, admission), _OTHER)
    return Text(str(text.subject), str(text.text))
