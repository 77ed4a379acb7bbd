"""What a mail says where no editor has written anything: a text for every case."""

import pytest

from wagtail_agenda import placeholders
from wagtail_agenda.built_in_mails import built_in_text
from wagtail_agenda.choices import Admission, Audience, Trigger
from wagtail_agenda.correspondence import PLACEHOLDERS

CASES = {
    "confirmed": ("confirmed", "booked", ""),
    "pending": ("pending", "pending", ""),
    "waiting": ("waiting", "waiting", ""),
    "offered": ("offered", "offered", ""),
    "cancelled by the visitor": ("cancelled", "cancelled_by_visitor", "confirmed"),
    "approved": ("confirmed", "approved", "pending"),
    "promoted": ("confirmed", "promoted", "waiting"),
    "moved": ("confirmed", "moved", ""),
    "changed": ("confirmed", "changed", ""),
    "suspended": ("waiting", "suspended", "confirmed"),
    "declined": ("cancelled", "declined", "offered"),
    "refused": ("cancelled", "refused", "pending"),
    "offer lapsed": ("cancelled", "lapsed", "offered"),
    "request lapsed": ("cancelled", "lapsed", "pending"),
    "event cancelled": ("cancelled", "event_cancelled", "confirmed"),
}
EVERY_TEXT = [(audience, case) for audience in Audience.values for case in CASES]


def text_of(audience, case):
    admission, trigger, before = CASES[case]
    return built_in_text(audience, admission, trigger=trigger, before=before)


@pytest.mark.parametrize(("audience", "case"), EVERY_TEXT)
def test_they_use_only_names_that_can_be_filled(audience, case):
    text = text_of(audience, case)

    for part in (text.subject, text.text):
        assert part.strip()
        assert placeholders.unknown_names(part, PLACEHOLDERS) == []
    assert "\n" not in text.subject


@pytest.mark.parametrize("audience", Audience.values)
def test_no_two_cases_read_alike(audience):
    texts = [text_of(audience, case) for case in CASES]

    assert len({text.subject for text in texts}) == len(CASES)
    assert len({text.text for text in texts}) == len(CASES)


@pytest.mark.parametrize(("audience", "case"), EVERY_TEXT)
def test_only_the_visitor_gets_the_link_and_only_while_it_is_of_use(audience, case):
    has_link = "{manage_url}" in text_of(audience, case).text

    assert has_link == (audience == "visitor" and CASES[case][0] != "cancelled")


@pytest.mark.parametrize("audience", Audience.values)
@pytest.mark.parametrize("trigger", ["", *Trigger.values])
@pytest.mark.parametrize("admission", Admission.values)
def test_a_mail_never_contradicts_the_admission(audience, trigger, admission):
    """Whoever waits is not told that the move is confirmed, whatever has happened."""
    text = built_in_text(audience, admission, trigger=trigger)

    plain = {built_in_text(audience, other).subject for other in Admission.values}
    cases = {
        text_of(audience, case).subject for case in CASES if CASES[case][0] == admission
    } - plain
    assert text.subject in cases | {built_in_text(audience, admission).subject}
