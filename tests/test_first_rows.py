"""A test that commits begins with the rows that every site has, whatever was before it."""

import json

import pytest
from django.contrib.auth import get_user_model
from django.db import connection


def by_row(serialised: str) -> dict:
    # Django cuts moments to thousandths, and writes none of a moment that has been cut to .000.
    rows = json.loads(serialised.replace(".000Z", "Z"))
    return {(row["model"], row["pk"]): row["fields"] for row in rows}


# Twice: the first of them leaves empty tables and a user to the second.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["once", "again"])
def test_a_test_that_commits_begins_with_what_every_site_has(time):
    first = by_row(connection._test_serialized_contents)
    assert by_row(connection.creation.serialize_db_to_string()) == first
    assert {"wagtailcore.page", "auth.permission", "wagtail_agenda.workflow"} <= {
        model for model, _pk in first
    }
    get_user_model().objects.create_user(username="somebody")
