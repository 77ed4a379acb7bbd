"""The description of the interface tells the shapes of answers and bodies apart."""

from collections import Counter
from collections.abc import Iterator

from pydantic import BaseModel

from wagtail_agenda.api import urls  # noqa: F401  it knows all of them


def shapes(base: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for shape in base.__subclasses__():
        if shape.__module__.startswith("wagtail_agenda."):
            yield shape
        yield from shapes(shape)


def test_no_two_calls_have_one_name(client):
    described = client.get("/agendas/api/openapi.json").json()
    calls = [call for calls in described["paths"].values() for call in calls.values()]
    names = Counter(call["operationId"] for call in calls)
    assert [name for name, number in names.items() if number > 1] == []
    assert {"booking_fillslot", "bookings_cancel", "events_check"} <= names.keys()
    assert all(call["summary"].endswith(".") and call["x-scope"] for call in calls)


def test_no_two_shapes_have_one_name():
    """The description names them without their modules, and would have one for both."""
    names = Counter(shape.__name__ for shape in set(shapes()))
    assert [name for name, number in names.items() if number > 1] == []
    assert {"Agenda", "Event", "BookingShape", "FillSlot"} <= names.keys()
