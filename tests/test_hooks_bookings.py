"""What Wagtail's own furniture knows of bookings."""

import pytest
from django.urls import reverse
from freezegun import freeze_time
from wagtail.admin.admin_url_finder import AdminURLFinder
from wagtail.log_actions import log, registry
from wagtail.models import ModelLogEntry, ReferenceIndex

from tests import factories
from tests.agents import make_staff
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def made():
    with freeze_time(NOW):
        return factories.make_booking()


def test_wagtail_knows_the_way_to_a_booking_for_those_who_may_see_it(made):
    own_page = reverse("wagtail_agenda_admin:booking", args=[made.pk])

    assert AdminURLFinder(make_staff(made.agenda)).get_edit_url(made) == own_page
    assert AdminURLFinder(make_staff(factories.make_agenda())).get_edit_url(made) is None


def test_the_acts_of_agents_have_names_in_the_site_history():
    for act in ("book", "cancel", "check_in", "send_again", "export"):
        assert registry.action_exists(f"wagtail_agenda.{act}")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"count": 1, "filters": []}, "Exported 1 booking"),
        (
            {"count": 7, "filters": [["From", "2026-11-30"]]},
            "Exported 7 bookings; From: 2026-11-30",
        ),
        # Whatever an older version noted.
        ({}, "Exported 0 bookings"),
    ],
)
def test_an_export_says_how_many_and_which(made, data, said):
    log(instance=made.agenda, action="wagtail_agenda.export", data=data)

    assert ModelLogEntry.objects.get(action="wagtail_agenda.export").message == said


def test_a_booking_is_no_content_that_wagtail_indexes(made):
    assert not ReferenceIndex.get_references_for_object(made).exists()
