"""What a listing reads in one statement is what the ORM would have read in many."""

from datetime import date, time

import pytest
from django.db import connection

from tests.factories import (
    make_appointments,
    make_closure_calendar,
    make_desk,
    make_meeting_type,
    make_schedule,
    weekly,
)
from wagtail_agenda.availability.desks import Desks
from wagtail_agenda.availability.gathered import gather
from wagtail_agenda.availability.offers import offers_of
from wagtail_agenda.availability.openings import hours_of
from wagtail_agenda.models import Desk, Resource, Schedule

pytestmark = pytest.mark.django_db


def gathered(*agendas, types=(), resources=()):
    return gather(agendas, types, [resource.pk for resource in resources], connection.alias)


def facts(row):
    return {name: value for name, value in vars(row).items() if name != "_state"}


def test_desks_in_service_are_as_the_orm_reads_them():
    agenda, _type, desks = make_appointments(desks=3)
    other, _other_type, _other_desks = make_appointments()
    make_desk(agenda, retired=True)
    Desk.objects.filter(pk=desks[0].pk).update(label="Zoë’s “room”", sort_order=9)
    found = gathered(agenda, other).desks
    for owner in (agenda, other):
        orm = Desk.objects.filter(agenda=owner, retired=False).order_by("sort_order", "pk")
        rows = found[owner.pk]
        made = Desks([(row, owner) for row in rows], connection.alias)
        assert [row.version for row in rows] == [desk.bookable.version for desk in orm]
        assert [facts(desk) for desk in made.values()] == [facts(desk) for desk in orm]
        assert all(not desk.get_deferred_fields() for desk in made.values())
        assert all(desk._state.db == connection.alias for desk in made.values())
        assert all(desk.agenda is owner for desk in made.values())


def test_a_desk_is_made_when_it_is_looked_up():
    agenda, _type, (desk,) = make_appointments()
    made = Desks([(row, agenda) for row in gathered(agenda).desks[agenda.pk]], connection.alias)
    assert desk.pk in made
    assert desk.pk + 1 not in made
    assert list(made) == [desk.pk]
    assert made[desk.pk] is made[desk.pk] == desk
    assert made.get(desk.pk + 1) is None


def test_what_types_are_given_by_and_need():
    agenda, meeting_type, desks = make_appointments(desks=2)
    chosen = make_meeting_type(agenda, label="Advice")
    chosen.desks.set(desks[:1])
    projector, lent = (
        Resource.objects.create(label="Projector"),
        Resource.objects.create(label="Hall"),
    )
    chosen.resources.add(projector)
    agenda.resources.add(lent)
    agenda.save()
    found = gathered(agenda, types=[meeting_type, chosen], resources=[lent])
    assert found.given_by == {chosen.pk: {desks[0].pk}}
    assert found.needs == {chosen.pk: {projector.pk}}
    assert found.lends == {agenda.pk: {lent.pk}}


def test_hours_and_closures_are_those_of_the_orm():
    agenda, meeting_type, desks = make_appointments(desks=2)
    days = (date(2026, 11, 30), date(2026, 12, 6))
    closed = make_closure_calendar({"type": "dates", "value": {"first": "2026-12-01"}})
    desks[0].schedule = make_schedule(weekly(opens=time(14), closes=time(16)))
    desks[0].save()
    desks[0].closure_calendars.add(closed)
    agenda.closure_calendars.add(closed)
    agenda.save()
    ((offer,),) = offers_of(agenda, meeting_type)
    by_orm = hours_of([agenda], desks)
    for row, desk in zip(offer.desks, desks, strict=True):
        opens = offer.hours.of_desk(agenda, row, *days)
        assert opens == by_orm.of_desk(agenda, desk, *days)
        assert opens
    assert offer.hours.calendars_of(agenda) == {closed.pk: closed}


def test_a_schedule_that_is_withdrawn_opens_nothing():
    agenda, meeting_type, _desks = make_appointments()
    Schedule.objects.filter(pk=agenda.schedule_id).update(live=False)
    ((offer,),) = offers_of(agenda, meeting_type)
    assert offer.hours.periods_of(agenda.schedule_id) is None


def test_one_query_whatever_there_is(django_assert_num_queries):
    agenda, meeting_type, _desks = make_appointments(desks=3)
    with django_assert_num_queries(1):
        offers_of(agenda, meeting_type)
