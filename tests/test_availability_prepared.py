"""Queries whose SQL is written once: they answer as the ORM would, at every time."""

import pytest
from django.db import connection

from tests.factories import make_appointments, make_desk
from wagtail_agenda.availability.occupied import desks_in_service, with_version
from wagtail_agenda.availability.prepared import Prepared
from wagtail_agenda.models import Desk

pytestmark = pytest.mark.django_db


def labels_of(agendas, numbers=(1,)):
    return (
        Desk.objects.filter(agenda__in=agendas, retired=False, sort_order__in=numbers)
        .order_by("pk")
        .values_list("label", flat=True)
    )


def made(label, sort_order=1):
    agenda, _type, (desk,) = make_appointments()
    Desk.objects.filter(pk=desk.pk).update(label=label, sort_order=sort_order)
    return agenda


def test_every_number_of_keys_has_its_own_sql():
    one, other = made("Counter 1"), made("Counter 2")
    ask = Prepared(Desk, labels_of)
    assert ask([one.pk], [1]) == [("Counter 1",)]
    assert ask([other.pk], [1]) == [("Counter 2",)]
    assert ask([one.pk, other.pk], [1]) == [("Counter 1",), ("Counter 2",)]
    assert ask([one.pk], [2, 1]) == [("Counter 1",)]
    assert ask([one.pk], [2]) == []


def test_what_cannot_be_found_is_not_asked_for(django_assert_num_queries):
    agenda = made("Counter 1")
    with django_assert_num_queries(0):
        assert Prepared(Desk, labels_of)([agenda.pk], []) == []


def test_the_sql_is_written_once(django_assert_num_queries):
    agendas = [made("Counter 1"), made("Counter 2")]
    written = []

    def build(*keys):
        written.append(keys)
        return labels_of(*keys)

    ask = Prepared(Desk, build)
    with django_assert_num_queries(2):
        answers = [ask([agenda.pk], [1]) for agenda in agendas]
    assert answers == [[("Counter 1",)], [("Counter 2",)]]
    assert len(written) == 1


def test_desks_in_service_are_as_the_orm_reads_them():
    agenda, _type, desks = make_appointments(desks=3)
    other, _other_type, _other_desks = make_appointments()
    make_desk(agenda, retired=True)
    Desk.objects.filter(pk=desks[0].pk).update(label="Zoë’s “room”", sort_order=9)
    found = desks_in_service([agenda, other])
    orm = with_version(Desk.objects.filter(retired=False)).order_by("sort_order", "pk")
    assert [facts(desk) for desk in found] == [facts(desk) for desk in orm]
    assert [desk.agenda for desk in found] == [desk.agenda for desk in orm]
    assert found[0]._state.db == connection.alias
    assert not found[0].get_deferred_fields()


def facts(desk):
    return {name: value for name, value in vars(desk).items() if name != "_state"}
