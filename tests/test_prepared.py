"""Statements whose SQL is written once: they do as the ORM would, at every time."""

import pytest

from tests.factories import NOW, make_appointments, make_booking
from wagtail_agenda.models import Delivery, Desk, Entry
from wagtail_agenda.prepared import Given, Prepared, PreparedInsert, PreparedUpdate

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


def test_an_update_sets_what_it_is_given_where_it_is_told():
    desks = [desk for _agenda, _type, (desk,) in (make_appointments(), make_appointments())]
    rename = PreparedUpdate(Desk.objects.filter(pk=Given("key"), retired=False), "label")

    for desk, label in zip(desks, ["Zoë’s “desk”", "100 %s"], strict=True):
        assert rename(key=desk.pk, label=label) == 1
    Desk.objects.filter(pk=desks[0].pk).update(retired=True)

    assert rename(key=desks[0].pk, label="Too late") == 0
    labels = [Desk.objects.get(pk=desk.pk).label for desk in desks]
    assert labels == ["Zoë’s “desk”", "100 %s"]


@pytest.mark.parametrize("letter", [{"text": "“%s”", "html": None}, {}, None])
def test_an_update_writes_data_and_moments_as_the_orm_does(letter):
    delivery = make_booking().deliveries.get()
    write = PreparedUpdate(Delivery.objects.filter(pk=Given("key")), "letter", "done_at")

    assert write(key=delivery.pk, letter=letter, done_at=NOW) == 1

    delivery.refresh_from_db()
    assert (delivery.letter, delivery.done_at) == (letter, NOW)
    assert Delivery.objects.filter(letter__isnull=True).exists() is (letter is None)


def test_an_inserted_row_is_as_the_orm_writes_it():
    booking = make_booking()
    rows = [
        Entry(booking=booking, what=f"test {number}", at=NOW, data={"reason": "“%s”"})
        for number in range(2)
    ]
    write = PreparedInsert(Entry)

    for row in rows:
        write(row)

    written = Entry.objects.filter(what__startswith="test").order_by("what")
    wanted = ["booking_id", "what", "actor", "user_id", "at", "data", "advances"]
    assert list(written.values_list(*wanted)) == [
        tuple(getattr(row, name) for name in wanted) for row in rows
    ]
