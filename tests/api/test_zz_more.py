"""Whatever other systems send, they get an answer in one form, and never an error of ours."""

import string

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import (
    make_agenda,
    make_appointments,
    make_booking,
    make_event,
)
from wagtail_agenda.api.urls import interface
from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.models import Booking

pytestmark = pytest.mark.django_db

CALLS = [
    (path, method.upper())
    for path, calls in interface.get_openapi_schema(path_prefix="/agendas/api/")["paths"].items()
    for method in calls
]
CODES = {200, 400, 404, 405, 413}
NAMES = sorted(
    {
        parameter["name"]
        for calls in interface.get_openapi_schema(path_prefix="")["paths"].values()
        for call in calls.values()
        for parameter in call.get("parameters", ())
        if parameter["in"] == "query"
    }
    | {
        name
        for schema in interface.get_openapi_schema(path_prefix="")["components"]["schemas"].values()
        for name in schema.get("properties", ())
    }
)

texts = st.one_of(
    st.sampled_from(
        ["", "true", "null", "0", "-1", "2026-12-01", "9999-12-31", "a,b,,c", "x" * 300]
    ),
    st.sampled_from(["passport:2026-11-30-0930", "passport:2026-02-30-0930", "ada@post.example"]),
    st.sampled_from(["2026-12-01 10:00", "2026-03-29T02:30:00", "0001-01-01T00:00:00+14:00"]),
    st.text(max_size=20),
)
values = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
bodies = st.one_of(values, st.dictionaries(st.sampled_from(NAMES), values, max_size=8))
queries = st.dictionaries(st.sampled_from(NAMES), texts, max_size=4)
in_paths = st.text(string.ascii_letters + string.digits + "-_.~:+ é", min_size=1, max_size=20)


@pytest.fixture
def there(caller):
    """Something of every kind, whose names the calls may hit upon."""
    agenda, meeting_type, _desks = make_appointments()
    event = make_event(make_agenda(kind=AgendaKind.EVENTS), places=2)
    made = make_booking(agenda)
    return {
        "slug": [agenda.slug, event.agenda.slug],
        "type": [meeting_type.slug],
        "meeting_type": [meeting_type.slug],
        "event": [event.slug],
        "slot": [event.slug, "passport:2026-11-30-1000"],
        "booking_id": [str(made.uuid)],
    }


@pytest.mark.parametrize(("path", "method"), CALLS, ids=lambda part: part)
@given(data=st.data())
@settings(
    max_examples=120,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@override_settings(DEBUG=False)
def test_whatever_is_sent_is_answered_as_data(caller, there, path, method, data):
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        known = there.get(name, ["nothing"])
        path = path.replace(f"{{{name}}}", data.draw(st.sampled_from(known) | in_paths))
    body = data.draw(bodies) if method in {"POST", "PATCH", "PUT"} else None
    before = list(Booking.objects.order_by("pk").values())

    answer = caller.call(method, path, body, query=data.draw(queries))

    assert answer.status in CODES, answer
    if answer.data is None:
        assert answer.status in {200, 404}, answer
        return
    assert answer["err"] in {0, 1, 2}
    if answer["err"]:
        assert answer["err_class"] == answer["reason"]
        assert answer["err_desc"]
        assert list(Booking.objects.order_by("pk").values()) == before
    else:
        assert answer.status == 200
