"""A signed call that comes many times at one moment is one call, on every database."""

import pytest

from tests.factories import NOW
from wagtail_agenda import clients
from wagtail_agenda.models import UsedNonce
from wagtail_agenda.signing import NotSigned, sign_query

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_calls_with_one_nonce_one_is_accepted(simultaneously):
    client, told = clients.add("Forms", orig="forms.example", scopes=["book"], now=NOW)
    queries = [
        sign_query("orig=forms.example", told.secret, now=NOW, nonce=f"nonce-{number}")
        for number in range(5)
    ]

    outcomes = simultaneously(lambda query: clients.by_query(query, now=NOW), queries * 8, 20)

    accepted = [outcome for outcome in outcomes if outcome == client]
    refused = [outcome for outcome in outcomes if isinstance(outcome, NotSigned)]
    assert len(accepted) == len(queries)
    assert len(refused) == 35
    assert {refusal.code for refusal in refused} == {"nonce used"}
    assert UsedNonce.objects.count() == len(queries)


def test_a_secret_replaced_twice_at_once_leaves_two_that_are_told(simultaneously):
    client, told = clients.add("Forms", orig="forms.example", scopes=["book"], now=NOW)

    made = simultaneously(lambda _number: clients.new_secret(client), range(2))

    client.refresh_from_db()
    assert sorted(clients.secrets_of(client)) == sorted(made)
    assert told.secret not in made
