"""Queries whose SQL is written once: they answer as the ORM would, at every time."""

import pytest

from tests.factories import make_appointments
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
