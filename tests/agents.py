"""People who work in the admin, with the roles that the tests ask for."""

import itertools
from collections import Counter

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from wagtail_agenda.choices import Role
from wagtail_agenda.models import Agenda, AgendaGrant

_numbers = itertools.count(1)


def make_staff(*agendas: Agenda, role: str = Role.AGENT, **fields):
    """Somebody who may enter the Wagtail admin, with a role on each of the agendas."""
    number = next(_numbers)
    group = Group.objects.create(name=f"Counter {number}")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    for agenda in agendas:
        AgendaGrant.objects.create(agenda=agenda, group=group, role=role)
    user = get_user_model().objects.create_user(
        **{"username": f"staff-{number}", "password": "secret", **fields}
    )
    user.groups.add(group)
    return user


def make_administrator():
    return get_user_model().objects.create_superuser(
        username=f"administrator-{next(_numbers)}", password="secret"
    )


def url(name: str, *args) -> str:
    """The address of one of our own pages in the admin: ``url("booking", 7)``."""
    return reverse(f"wagtail_agenda_admin:{name}", args=args)


def queries_of(client: Client, address: str, status: int = 200) -> list[str]:
    """What a page of the admin reads beyond the frame that Wagtail puts around every page."""

    def captured(address: str, status: int = 200) -> Counter:
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == status
        return Counter(query["sql"] for query in queries)

    frame = captured(reverse("wagtailadmin_account"))
    return list((captured(address, status) - frame).elements())
