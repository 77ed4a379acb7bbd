"""Several systems tell one booking something at the same moment: one after the other is heard."""

import pytest

from tests.factories import NOW, make_appointments, make_booking
from wagtail_agenda import clients, external_calls
from wagtail_agenda.errors import BookingError, NotAllowedInThisStatus, Overloaded
from wagtail_agenda.models import Booking, Entry, KeptFile, Workflow, WorkflowStatus

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_calls_that_lead_on_once_one_leads_on(simultaneously):
    own = Workflow.objects.create(label="Own", slug="own")
    new, complete = (
        WorkflowStatus.objects.create(workflow=own, label=slug, slug=slug, sort_order=order)
        for order, slug in enumerate(["new", "complete"])
    )
    only_new = [{"type": "item", "value": new.pk}]
    value = {"identifier": "complete", "status": complete.pk, "only_from": only_new}
    own.transitions = [{"type": "called", "id": "1", "value": {**value, "conditions": []}}]
    own.save()
    made = make_booking(make_appointments(workflow=own)[0])
    client, _told = clients.add("Forms", scopes=["book"], now=NOW)

    def call(number):
        try:
            return external_calls.note(
                made, "complete", client=client, body={"number": number}, now=NOW
            )
        except BookingError as error:
            return error

    outcomes = simultaneously(call, range(20), 20)

    heard = [outcome for outcome in outcomes if isinstance(outcome, Entry)]
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Entry)]
    assert len(heard) == 1
    assert {type(refusal) for refusal in refused} <= {NotAllowedInThisStatus, Overloaded}
    assert Booking.objects.get().status == complete
    kept = KeptFile.objects.get()
    assert bytes(kept.content) == b'{"number": %d}' % heard[0].data["body"]["number"]
