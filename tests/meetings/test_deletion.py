"""What belongs to a booking or a meeting goes with it, on databases that check at once too."""

import pytest

from tests.factories import make_booking, make_meeting, publish
from wagtail_agenda.models import CalledMeeting, Delivery, Entry, Invitation, Occupation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


@pytest.mark.parametrize("make", [make_booking, lambda: publish(make_meeting())])
def test_history_invitations_and_mails_go_with_what_they_are_about(make):
    made = make()
    assert Entry.objects.exists()
    made.delete()
    for model in (Entry, Invitation, Delivery, Occupation):
        assert not model.objects.exists()


def test_a_called_meeting_goes_with_its_meeting():
    called = publish(make_meeting())
    called.meeting.delete()
    assert not CalledMeeting.objects.exists()
    assert not Entry.objects.exists()
