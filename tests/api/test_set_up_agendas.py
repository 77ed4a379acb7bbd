"""Another system makes agendas, changes them and takes them away again."""

import pytest
from wagtail.models import ModelLogEntry

from tests.factories import make_agenda, make_appointments, make_booking, make_schedule
from wagtail_agenda.choices import AgendaKind, WaitingListPromotion
from wagtail_agenda.models import Agenda

pytestmark = pytest.mark.django_db

OFFICE = {
    "label": "Registry office",
    "slug": "registry",
    "kind": "meetings",
    "timezone": "Europe/Paris",
    "schedule": "office-hours",
    "desks": [{"slug": "window", "label": "Window"}],
    "meeting_types": [{"slug": "birth", "label": "Birth certificate", "duration": 20}],
}


@pytest.fixture
def hours(frozen_now):
    return make_schedule(label="Office hours")


class TestMaking:
    def test_it_can_be_booked_at_once(self, caller, hours):
        answer = caller.post("agenda/", OFFICE)
        assert (answer.status, answer["err"]) == (200, 0)
        assert answer["data"]["slug"] == "registry"
        free = caller.get("agenda/registry/meetings/birth/datetimes/")
        first = free["data"][0]
        assert first["id"] == "birth:2026-11-30-0900"
        assert caller.post(first["api"]["fillslot_url"], {"label": "x"})["err"] == 0

    def test_waiting_lists_are_promoted_by_hand_unless_it_says_otherwise(self, caller, hours):
        caller.post("agenda/", {"label": "A", "slug": "a", "kind": "events"})
        caller.post(
            "agenda/",
            {"label": "B", "slug": "b", "kind": "events", "waiting_list_promotion": "offer"},
        )
        assert dict(Agenda.objects.values_list("slug", "waiting_list_promotion")) == {
            "a": WaitingListPromotion.BY_HAND,
            "b": WaitingListPromotion.OFFER,
        }

    def test_the_history_says_who_did_it(self, caller, hours):
        caller.post("agenda/", OFFICE)
        entries = ModelLogEntry.objects.filter(label="Registry office")
        assert {entry.action for entry in entries} >= {"wagtail.create", "wagtail.publish"}
        assert "Forms" in str([entry.data for entry in entries])

    def test_a_slug_that_there_is_is_refused(self, caller, hours):
        caller.post("agenda/", OFFICE)
        answer = caller.post("agenda/", OFFICE)
        assert (answer.status, answer["reason"]) == (400, "invalid payload")
        assert list(answer["errors"]) == ["slug"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (None, "body"),
            ([], "body"),
            ({"label": "A", "kind": "circus"}, "kind"),
            ({**OFFICE, "desks": [{"label": "A", "colour": "red"}]}, "desks[0].colour"),
            ({**OFFICE, "schedule": "no-such"}, "schedule"),
            ({**OFFICE, "timezone": "Europe/Atlantis"}, "timezone"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_made(self, caller, hours, body, field):
        answer = caller.post("agenda/", body)
        assert (answer.status, answer["reason"]) == (400, "invalid payload")
        assert field in answer["errors"]
        assert not Agenda.objects.exists()

    def test_a_client_of_some_agendas_may_touch_what_it_made(self, make_caller, hours):
        own = make_agenda(label="Own")
        limited = make_caller(agendas=[own])
        limited.post("agenda/", OFFICE)
        assert limited.get("agenda/registry/")["err"] == 0

    def test_nobody_reaches_a_foreign_agenda_by_way_of_a_virtual_one(self, make_caller, hours):
        own, foreign = make_appointments()[0], make_appointments()[0]
        limited = make_caller(agendas=[own])
        body = {"label": "Any", "slug": "any", "kind": "virtual"}
        answer = limited.post("agenda/", {**body, "members": [own.slug, foreign.slug]})
        assert (answer.status, list(answer["errors"])) == (400, ["members[1]"])
        assert not Agenda.objects.filter(slug="any").exists()
        assert limited.post("agenda/", {**body, "members": [own.slug]})["err"] == 0

    def test_other_scopes_are_not_enough(self, make_caller, hours):
        for method, path in (("POST", "agenda/"), ("PATCH", "agenda/x/"), ("DELETE", "agenda/x/")):
            answer = make_caller("read", "book", label=method).call(method, path, OFFICE)
            assert (answer.status, answer["reason"]) == (403, "scope missing")


class TestChanging:
    def test_what_is_named_changes_and_the_rest_stays(self, caller, hours):
        caller.post("agenda/", OFFICE)
        answer = caller.patch("agenda/registry/", {"label": "Civil registry"})
        assert answer["data"]["text"] == "Civil registry"
        agenda = Agenda.objects.get()
        assert (agenda.schedule, agenda.desks.count()) == (hours, 1)
        assert agenda.latest_revision.content["label"] == "Civil registry"

    def test_the_slug_stays(self, caller, hours):
        caller.post("agenda/", OFFICE)
        answer = caller.patch("agenda/registry/", {"slug": "other"})
        assert (answer.status, list(answer["errors"])) == (400, ["slug"])
        assert caller.patch("agenda/registry/", {"slug": "registry"})["err"] == 0

    def test_a_foreign_one_is_not_there(self, make_caller, hours):
        foreign = make_agenda()
        limited = make_caller(agendas=[make_agenda()])
        answer = limited.patch(f"agenda/{foreign.slug}/", {"label": "Mine"})
        assert (answer.status, answer["reason"]) == (404, "unknown agenda")

    def test_a_draft_can_be_changed(self, caller, hours):
        agenda = make_agenda(kind=AgendaKind.EVENTS, live=False)
        assert caller.patch(f"agenda/{agenda.slug}/", {"label": "Soon"})["err"] == 0
        assert caller.get(f"agenda/{agenda.slug}/").status == 404


class TestRemoving:
    def test_an_empty_one_goes(self, caller, hours):
        agenda = make_agenda()
        assert caller.delete(f"agenda/{agenda.slug}/")["err"] == 0
        assert not Agenda.objects.exists()
        assert caller.delete(f"agenda/{agenda.slug}/").status == 404

    def test_one_with_bookings_stays_and_says_why(self, caller, hours):
        made = make_booking()
        answer = caller.delete(f"agenda/{made.agenda.slug}/")
        assert (answer.status, answer["err"], answer["reason"]) == (200, 1, "agenda is in use")
        assert "bookings" in answer["err_desc"]
        assert Agenda.objects.filter(pk=made.agenda_id).exists()
