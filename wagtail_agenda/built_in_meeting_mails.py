"""The text of every mail about a meeting where an editor has written none."""

from django.utils.translation import gettext_lazy as _

from wagtail_agenda.built_in_mails import Text
from wagtail_agenda.choices import Audience, Trigger

_MEETING = _(
    "{title}\n{when} ({time_zone})\n{location}\nVideo link: {video_link}\nOrganiser: {organiser}"
)
_HELLO = _("Hello {user_name},")
_MOVED = _("It has been moved from: {moved_from}")
_CHANGES = _("What is new: {changes}")
_REASON = _("Reason: {cancellation_reason}")
_REPLY = _("Accept or decline, by a link that is yours alone: {reply_url}")
_IN_THE_ADMIN = _("Who comes: {admin_url}")

_FOR_PARTICIPANTS = {
    "invited": (
        _("Invitation: {title}, {date}, {time}"),
        (_HELLO, _("You are invited to a meeting."), _MEETING, "{description}", _REPLY),
    ),
    "changed": (
        _("Changed: {title}, {date}, {time}"),
        (
            _HELLO,
            _("A meeting to which you are invited has changed."),
            _CHANGES,
            _MOVED,
            _MEETING,
            "{description}",
            _REPLY,
        ),
    ),
    "uninvited": (
        _("No longer invited: {title}, {date}, {time}"),
        (_HELLO, _("You are no longer invited to this meeting, and need not come."), _MEETING),
    ),
    "cancelled": (
        _("Cancelled: {title}, {date}, {time}"),
        (_HELLO, _("This meeting does not take place."), _REASON, _MEETING),
    ),
    "told": (
        _("Meeting: {title}, {date}, {time}"),
        (_HELLO, _("We remind you of this meeting."), _MEETING, "{description}", _REPLY),
    ),
}

_FOR_STAFF = {
    "invited": (
        _("You have called: {title}, {date}, {time}"),
        (_("Everybody is being invited to this meeting."), _MEETING, _IN_THE_ADMIN),
    ),
    "changed": (
        _("Changed: {title}, {date}, {time}"),
        (_("This meeting has changed."), _CHANGES, _MOVED, _MEETING, _IN_THE_ADMIN),
    ),
    "uninvited": (
        _("No longer yours: {title}, {date}, {time}"),
        (_("You no longer look after this meeting, so it goes out of your calendar."), _MEETING),
    ),
    "cancelled": (
        _("Cancelled: {title}, {date}, {time}"),
        (_("This meeting does not take place."), _REASON, _MEETING, _IN_THE_ADMIN),
    ),
    "told": (
        _("Meeting: {title}, {date}, {time}"),
        (_("About this meeting:"), _MEETING, "{answers}", _IN_THE_ADMIN),
    ),
}

_ANSWERED = (
    _("{answered_by}: {answer} – {title}, {date}, {time}"),
    (_("{answered_by} has answered: {answer}"), _MEETING, "{answers}", _IN_THE_ADMIN),
)

_NOT_ANNOUNCED = (
    _("Not announced: {title}, {date}, {time}"),
    (
        _(
            "A meeting was to be published at the time that was set, and could not be. Nobody has "
            "been told of it, or of what had changed."
        ),
        _("Reason: {problem}"),
        _MEETING,
        _("Choose another time or room, and publish it again: {admin_url}"),
    ),
)

NOT_ANNOUNCED = "not_announced"
"""What a mail tells an organiser whose meeting could not be published at its time."""


def built_in_text(audience: str, news: str, trigger: str = "") -> Text:
    """The text that is sent where an editor has written none, in the active language.

    `news` is what it tells its reader.
    """
    texts = _FOR_STAFF if audience == Audience.STAFF else _FOR_PARTICIPANTS
    subject, paragraphs = texts.get(news) or texts["told"]
    if news == NOT_ANNOUNCED:
        subject, paragraphs = _NOT_ANNOUNCED
    if trigger == Trigger.ANSWERED and audience == Audience.STAFF and news == "told":
        subject, paragraphs = _ANSWERED
    return Text(str(subject), "\n\n".join(map(str, paragraphs)))
