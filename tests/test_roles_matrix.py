"""Every address that this package adds to the admin, with every role: who gets through?

The addresses come from the URLconf, not from a list. One that is in no table below fails its test,
so that nothing new is reachable before somebody has decided for whom.

“Through” means that the view did its work or showed its form. Being sent to the login page or to
the admin's home, 403, 404 and 405 mean “denied”; then nothing at all may have changed.

Whoever gets through does so on every database. Who is denied is asked on SQLite alone: what denies
them is code, and what that asks of a database is asked on each by test_permissions.py.
"""

import contextlib
import copy
import inspect
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from freezegun import freeze_time
from wagtail.models import Site

from tests.agents import make_staff
from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_closure_calendar,
    make_event,
    make_meeting,
    make_schedule,
    publish,
)
from wagtail_agenda import clients, models
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.views.admin.meetings import key_of

pytestmark = pytest.mark.django_db

ROLES = [
    "anonymous",
    "visitor of the admin",
    "agent",
    "agent elsewhere",
    "editor",
    "editor elsewhere",
    "administrator",
]

NOBODY = set()
ADMINISTRATOR = {"administrator"}
EDITOR = {"editor", *ADMINISTRATOR}
ANY_EDITOR = {"editor elsewhere", *EDITOR}
AGENT = {"agent", *EDITOR}
ANY_ROLE = {"agent elsewhere", "editor elsewhere", *AGENT}
WHOLE_ADMIN = {"visitor of the admin", *ANY_ROLE}

# For each view: who gets through with GET, and who with POST.

AGENDAS = {
    "list": (ANY_EDITOR, NOBODY),
    "list_results": (ANY_EDITOR, NOBODY),
    "add": (ADMINISTRATOR, ADMINISTRATOR),
    "copy": (ADMINISTRATOR, NOBODY),
    "edit": (EDITOR, EDITOR),
    "delete": (ADMINISTRATOR, ADMINISTRATOR),
    "usage": (EDITOR, NOBODY),
    "history": (EDITOR, NOBODY),
    "history_results": (EDITOR, NOBODY),
    "revisions_revert": (EDITOR, EDITOR),
    "revisions_compare": (EDITOR, NOBODY),
    "revisions_unschedule": (EDITOR, EDITOR),
    "unpublish": (EDITOR, EDITOR),
    "lock": (NOBODY, EDITOR),
    "unlock": (NOBODY, EDITOR),
}

# Used by the agenda that “editor” edits, so that an editor elsewhere may see and copy them only.
SHARED = {
    **AGENDAS,
    "add": (ANY_EDITOR, ANY_EDITOR),
    "copy": (ANY_EDITOR, NOBODY),
    "delete": (EDITOR, EDITOR),
    "reorder": (NOBODY, EDITOR),
    "preview_on_add": (ANY_EDITOR, ANY_EDITOR),
    "preview_on_edit": (EDITOR, EDITOR),
    "revisions_view": (EDITOR, NOBODY),
}

# Agents call meetings; everybody with a role has the list, which shows what they may see.
MEETINGS = {
    "list": (ANY_ROLE, NOBODY),
    "list_results": (ANY_ROLE, NOBODY),
    "add": (ANY_ROLE, ANY_ROLE),
    "copy": (AGENT, NOBODY),
    "edit": (AGENT, AGENT),
    "delete": (AGENT, AGENT),
    "usage": (AGENT, NOBODY),
    "history": (AGENT, NOBODY),
    "history_results": (AGENT, NOBODY),
    "revisions_revert": (AGENT, AGENT),
    "revisions_compare": (AGENT, NOBODY),
    "revisions_unschedule": (AGENT, AGENT),
    "unpublish": (AGENT, AGENT),
    "lock": (NOBODY, AGENT),
    "unlock": (NOBODY, AGENT),
}

OFFERS = {
    "index": (ANY_EDITOR, NOBODY),
    "index_results": (ANY_EDITOR, NOBODY),
    "add": (ANY_EDITOR, ANY_EDITOR),
    "copy": (EDITOR, NOBODY),
    "edit": (EDITOR, EDITOR),
    "delete": (EDITOR, EDITOR),
    "usage": (EDITOR, NOBODY),
    "history": (EDITOR, NOBODY),
    "history_results": (EDITOR, NOBODY),
    "reorder": (NOBODY, EDITOR),
}

# A resource is shared as a schedule is, but is no snippet.
RESOURCES = {**OFFERS, "copy": (ANY_EDITOR, NOBODY)}

SERIES = {**OFFERS, "following": (EDITOR, EDITOR)}

CLIENTS = {
    "index": (ADMINISTRATOR, NOBODY),
    "index_results": (ADMINISTRATOR, NOBODY),
    "add": (ADMINISTRATOR, ADMINISTRATOR),
    "edit": (ADMINISTRATOR, ADMINISTRATOR),
    "delete": (ADMINISTRATOR, ADMINISTRATOR),
    "usage": (ADMINISTRATOR, NOBODY),
    "history": (ADMINISTRATOR, NOBODY),
    "history_results": (ADMINISTRATOR, NOBODY),
    "new_key": (ADMINISTRATOR, ADMINISTRATOR),
    "new_secret": (ADMINISTRATOR, ADMINISTRATOR),
    "drop_secret": (ADMINISTRATOR, ADMINISTRATOR),
    "new_webhook_secret": (ADMINISTRATOR, ADMINISTRATOR),
    "deactivate": (ADMINISTRATOR, ADMINISTRATOR),
    "activate": (ADMINISTRATOR, ADMINISTRATOR),
}

MAIL_SETTINGS = {
    "index": (ADMINISTRATOR, NOBODY),
    "index_results": (ADMINISTRATOR, NOBODY),
    "add": (ADMINISTRATOR, ADMINISTRATOR),
    "edit": (ADMINISTRATOR, ADMINISTRATOR),
    "delete": (ADMINISTRATOR, ADMINISTRATOR),
    "usage": (ADMINISTRATOR, NOBODY),
    "history": (ADMINISTRATOR, NOBODY),
    "history_results": (ADMINISTRATOR, NOBODY),
    "test": (ADMINISTRATOR, ADMINISTRATOR),
}

# Wagtail takes it for granted that a form says how many blocks a StreamField has.
NO_BLOCKS = {
    f"{field}-count": "0"
    for field in ("periods", "closures", "transitions", "actions", "documents")
}

# A chooser opens for everybody who edits pages, and then shows what they may see.
CHOOSERS = {
    "choose": (WHOLE_ADMIN, NOBODY),
    "choose_results": (WHOLE_ADMIN, NOBODY),
    "chosen_multiple": (WHOLE_ADMIN, NOBODY),
}
AGENDA_CHOOSER = {**CHOOSERS, "chosen": (AGENT, NOBODY)}
SHARED_CHOOSER = {**CHOOSERS, "chosen": (ANY_ROLE, NOBODY)}

AGENDA_VIEW = {
    "agenda": (ANY_ROLE, NOBODY),
    "week": (AGENT, NOBODY),
    "week_jump": (AGENT, NOBODY),
    "day": (AGENT, NOBODY),
    "day_jump": (AGENT, NOBODY),
    "month": (AGENT, NOBODY),
    "month_jump": (AGENT, NOBODY),
    "list": (AGENT, NOBODY),
    "list_jump": (AGENT, NOBODY),
    "day_sheet": (AGENT, NOBODY),
    # Without an agenda it is the form; of others' agendas it says nothing, as its own test shows.
    "explain": (ANY_ROLE, NOBODY),
    "search": (ANY_ROLE, NOBODY),
    "agenda_search": (AGENT, NOBODY),
    "booking": (AGENT, NOBODY),
    "booking_new": (AGENT, AGENT),
    "booking_approve": (NOBODY, AGENT),
    "booking_refuse": (AGENT, AGENT),
    "booking_promote": (NOBODY, AGENT),
    "booking_offer": (NOBODY, AGENT),
    "booking_suspend": (AGENT, AGENT),
    "booking_move": (AGENT, AGENT),
    "booking_resize": (AGENT, AGENT),
    "booking_correct": (AGENT, AGENT),
    "booking_cancel": (AGENT, AGENT),
    "waiting_list": (AGENT, AGENT),
    "booking_check_in": (NOBODY, AGENT),
    "booking_press": (NOBODY, AGENT),
    "meeting": (AGENT, NOBODY),
    "meeting_cancel": (AGENT, AGENT),
    "meeting_uninvite": (AGENT, AGENT),
    "meeting_press": (NOBODY, AGENT),
    # Unmarking too is the agents': it is at the door that somebody turns out to be missing.
    "check_in_day": (AGENT, AGENT),
    "check_in_event": (AGENT, AGENT),
    # A POST that names no call tests none.
    "status_try": (EDITOR, NOBODY),
    # What one may not see is not in the list; elsewhere it is empty.
    "deliveries": (ANY_ROLE, NOBODY),
    "delivery_cancel": (NOBODY, AGENT),
    "delivery_retry": (NOBODY, AGENT),
    # Sends only what belongs to one's own agendas; elsewhere there is nothing to send.
    "deliveries_retry": (NOBODY, ANY_ROLE),
    # A POST that names nobody finds nobody.
    "person": (ADMINISTRATOR, ADMINISTRATOR),
    "person_export": (NOBODY, ADMINISTRATOR),
    "person_erase": (NOBODY, ADMINISTRATOR),
    "what_is_kept": (ADMINISTRATOR, NOBODY),
}

GUIDED = {
    "step": (ADMINISTRATOR, ADMINISTRATOR),
    "ready": (EDITOR, NOBODY),
}

BOOKING_LOG = {
    # A POST exports what one edits of what is listed.
    "wagtail_agenda_booking_modeladmin_index": (ANY_ROLE, ANY_EDITOR),
    # Sends on to the booking's own page.
    "wagtail_agenda_booking_modeladmin_inspect": (AGENT, AGENT),
}

TABLES = {
    "wagtailsnippets_wagtail_agenda_agenda": AGENDAS,
    "wagtailsnippets_wagtail_agenda_schedule": SHARED,
    "wagtailsnippets_wagtail_agenda_closurecalendar": SHARED,
    "wagtailsnippets_wagtail_agenda_workflow": SHARED,
    "wagtailsnippets_wagtail_agenda_workflowstatus": SHARED,
    "wagtailsnippets_wagtail_agenda_meeting": MEETINGS,
    "wagtailsnippetchoosers_wagtail_agenda_meeting": AGENDA_CHOOSER,
    "wagtailsnippetchoosers_wagtail_agenda_agenda": AGENDA_CHOOSER,
    "wagtailsnippetchoosers_wagtail_agenda_schedule": SHARED_CHOOSER,
    "wagtailsnippetchoosers_wagtail_agenda_closurecalendar": SHARED_CHOOSER,
    "wagtailsnippetchoosers_wagtail_agenda_workflow": SHARED_CHOOSER,
    "wagtailsnippetchoosers_wagtail_agenda_workflowstatus": SHARED_CHOOSER,
    "wagtail_agenda_meetingtype": OFFERS,
    "wagtail_agenda_desk": OFFERS,
    "wagtail_agenda_event": OFFERS,
    "wagtail_agenda_eventseries": SERIES,
    "wagtail_agenda_event_acts": {"which": (EDITOR, NOBODY), "cancel": (EDITOR, EDITOR)},
    "wagtail_agenda_resource": RESOURCES,
    "wagtail_agenda_attendancereason": OFFERS,
    "wagtail_agenda_apiclient": CLIENTS,
    "wagtail_agenda_mailsettings": MAIL_SETTINGS,
    "wagtail_agenda_admin": AGENDA_VIEW,
    "wagtail_agenda_guided": GUIDED,
    # Draws what it is sent, and knows nobody's rows.
    "wagtail_agenda_schedule_week": {"picture": (NOBODY, ANY_EDITOR)},
    "": BOOKING_LOG,
}


def our_addresses() -> list[tuple[str, str, tuple[str, ...]]]:
    """(namespace, name, names of the arguments) of each of our patterns below the admin."""
    found = []

    def walk(patterns, namespaces, arguments):
        for pattern in patterns:
            named = [*arguments, *_arguments(pattern)]
            if isinstance(pattern, URLResolver):
                below = [*namespaces, pattern.namespace] if pattern.namespace else namespaces
                walk(pattern.url_patterns, below, named)
            elif isinstance(pattern, URLPattern):
                if _is_ours(pattern, namespaces):
                    found.append((":".join(namespaces), pattern.name, tuple(named)))

    admin = next(
        pattern for pattern in get_resolver().url_patterns if str(pattern.pattern) == "admin/"
    )
    walk(admin.url_patterns, [], [])
    return found


def _is_ours(pattern: URLPattern, namespaces: list[str]) -> bool:
    view = inspect.unwrap(pattern.callback)
    places = [
        *namespaces,
        pattern.name or "",
        getattr(view, "view_class", view).__module__,
        # A ModelAdmin registers methods of its own.
        type(getattr(view, "__self__", None)).__module__,
    ]
    return any("wagtail_agenda" in place for place in places)


def _arguments(pattern) -> list[str]:
    converters = getattr(pattern.pattern, "converters", {})
    return list(converters or pattern.pattern.regex.groupindex)


class World:
    """An agenda of each kind with everything in it, what they use, and a user for each role."""

    def __init__(self):
        self.schedule = make_schedule()
        self.calendar = make_closure_calendar()
        self.workflow = models.Workflow.objects.create(label="A first one", slug="own")
        self.status = models.WorkflowStatus.objects.create(
            workflow=self.workflow, label="New", slug="new"
        )
        shared = {"schedule": self.schedule, "workflow": self.workflow}
        self.agenda, self.meeting_type, (self.desk, *_rest) = make_appointments(
            desks=2, closure_calendars=[self.calendar], **shared
        )
        self.resource = models.Resource.objects.create(label="Hall", schedule=self.schedule)
        self.agenda.resources = [self.resource]
        self.agenda.save()
        self.event = make_event(make_agenda(kind=AgendaKind.EVENTS, workflow=self.workflow))
        day = self.event.start.date()
        self.series = models.EventSeries.objects.create(
            agenda=self.event.agenda,
            label="Yoga",
            first_day=day,
            weekdays=[day.weekday()],
            start_time=self.event.start.time(),
        )
        self.event.series, self.event.occurrence = self.series, day
        self.event.save()
        self.reason = models.AttendanceReason.objects.create(agenda=self.agenda, label="Ill")
        self.elsewhere = make_agenda(kind=AgendaKind.EVENTS)
        self.api_client, _told = clients.add("Forms", orig="forms.example", now=NOW)
        clients.new_secret(self.api_client)
        self.mail_settings = models.MailSettings.objects.create(
            site=Site.objects.get(is_default_site=True)
        )
        self.booking = make_booking(self.agenda)
        self.called = publish(make_meeting(self.agenda))
        self.meeting = self.called.meeting
        self.delivery = models.Delivery.objects.create(
            key="x",
            booking=self.booking,
            audience="visitor",
            message_id="<x@example>",
            give_up_at=NOW + timedelta(days=1),
        )
        self.revisions = {
            row._meta.model_name: row.save_revision()
            for row in (self.agenda, self.schedule, self.meeting)
        }
        here = [self.agenda, self.event.agenda]
        self.users = {
            "visitor of the admin": make_staff(),
            "agent": make_staff(*here),
            "agent elsewhere": make_staff(self.elsewhere),
            "editor": make_staff(*here, role=Role.EDITOR),
            "editor elsewhere": make_staff(self.elsewhere, role=Role.EDITOR),
            "administrator": make_staff(),
        }
        self.users["administrator"].groups.get().permissions.add(
            Permission.objects.get(codename="administer_agendas")
        )
        self.rows = {
            row._meta.model_name: row
            for row in (
                self.agenda,
                self.schedule,
                self.calendar,
                self.workflow,
                self.status,
                self.meeting_type,
                self.desk,
                self.event,
                self.series,
                self.reason,
                self.resource,
                self.meeting,
                self.api_client,
                self.mail_settings,
            )
        }
        self.rows["guided"] = self.agenda
        self.rows["acts"] = self.event
        self.cookies = {role: self._logged_in(user) for role, user in self.users.items()}
        # The pages that tell who uses something have something to tell.
        call_command("rebuild_references_index", verbosity=0)

    @staticmethod
    def _logged_in(user) -> SimpleCookie:
        client = Client()
        client.force_login(user)
        return client.cookies

    def address(self, namespace, name, arguments) -> str:
        model_name = namespace.rpartition("_")[2]
        row = self.rows.get(model_name) or self.row_named(name)
        revision = self.revisions.get(model_name)
        values = {
            "pk": row.pk,
            "event": self.event.pk,
            "revision_id": revision and revision.pk,
            "revision_id_a": "live",
            "revision_id_b": "latest",
            "instance_pk": row.pk,
            "slug": self.agenda.slug,
            "whom": key_of(self.called.participants[0]["address"]),
            "step": "what",
            "day": (NOW + timedelta(days=1)).date().isoformat(),
        }
        full = f"{namespace}:{name}" if namespace else name
        return reverse(full, kwargs={argument: values[argument] for argument in arguments})

    def row_named(self, name):
        if name in ("check_in_event", "waiting_list"):
            return self.event
        if name == "status_try":
            return self.rows["workflowstatus"]
        if name.startswith("meeting"):
            return self.called
        return self.delivery if name.startswith("delivery") else self.booking

    def client(self, role) -> Client:
        client = Client(raise_request_exception=True)
        client.cookies.update(self.cookies.get(role, {}))
        return client


@pytest.fixture(scope="module")
def made_once(django_db_setup, django_db_blocker):
    """The world, and everything as it is then. What a test does to it is rolled back after that."""
    with django_db_blocker.unblock(), transaction.atomic():
        with freeze_time(NOW):
            world = World()
        yield world, snapshot()
        transaction.set_rollback(True)


@pytest.fixture
def world(made_once):
    with freeze_time(NOW):
        yield copy.deepcopy(made_once[0])


@pytest.fixture
def before(made_once):
    return made_once[1]


@contextlib.contextmanager
def undone():
    """What happens inside is taken back, so that every role meets the same world."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def snapshot() -> dict[str, list[tuple]]:
    """Everything this package has in the database, as it lies there."""
    models_of_ours = apps.get_app_config("wagtail_agenda").get_models(include_auto_created=True)
    with connection.cursor() as cursor:
        return {model._meta.label: rows_of(model, cursor) for model in models_of_ours}


def rows_of(model, cursor) -> list[tuple]:
    table, key = map(connection.ops.quote_name, (model._meta.db_table, model._meta.pk.column))
    cursor.execute(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 - names of ours
    return list(cursor.fetchall())


def is_through(response) -> bool:
    if response.status_code in (403, 404, 405):
        return False
    if response.status_code == 302:
        target = response.headers["Location"].partition("?")[0]
        return target not in (reverse("wagtailadmin_home"), reverse("wagtailadmin_login"))
    assert response.status_code < 400, response.status_code
    return True


@pytest.mark.parametrize(
    ("namespace", "name", "arguments"),
    our_addresses(),
    ids=[f"{namespace}:{name}" for namespace, name, _arguments in our_addresses()],
)
def test_who_gets_through(world, before, namespace, name, arguments):
    assert name in TABLES.get(namespace, {}), "Decide in the tables above who may come here."
    allowed = dict(zip(("get", "post"), TABLES[namespace][name], strict=True))
    address = world.address(namespace, name, arguments)
    for method, expected in allowed.items():
        through = set()
        for role in ROLES if settings.TEST_DATABASE == "sqlite" else sorted(expected):
            # What is done by those who may is taken back, so that everybody meets the same world.
            with undone() if role in expected else contextlib.nullcontext():
                if is_through(getattr(world.client(role), method)(address, NO_BLOCKS)):
                    through.add(role)
        assert through == expected, method
        assert snapshot() == before, f"{method} changed something for those who may not"


def test_the_tables_name_nothing_that_is_gone():
    reachable = {(namespace, name) for namespace, name, _arguments in our_addresses()}
    assert {namespace for namespace, _name in reachable} == set(TABLES)
    for tables in (AGENDAS, MEETINGS, OFFERS, RESOURCES, SHARED, CHOOSERS, AGENDA_VIEW):
        namespaces = [namespace for namespace, table in TABLES.items() if table is tables]
        for name in tables if namespaces else ():
            assert any((namespace, name) in reachable for namespace in namespaces), name


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("model_name", ["agenda", "schedule", "closurecalendar", "workflow"])
def test_bulk_deletion_takes_nothing_that_is_not_ones_own(world, before, model_name, role):
    row = world.rows[model_name]
    address = reverse("wagtail_bulk_action", args=["wagtail_agenda", model_name, "delete"])
    for ids in (str(row.pk), "all", "nonsense"):
        for method in ("get", "post"):
            response = getattr(world.client(role), method)(f"{address}?id={ids}")
            assert response.status_code in (200, 302, 404), (ids, method)
            if role not in EDITOR:
                assert str(row) not in response.content.decode(), "names a foreign row"
            assert snapshot() == before, "deleted something that is in use"


def lists_and_choosers():
    return [
        (namespace, name)
        for namespace, name, arguments in our_addresses()
        if not arguments
        and name in ("list", "index", "choose")
        # Has no label, and is for administrators, as the table above says.
        and namespace != "wagtail_agenda_mailsettings"
    ]


@pytest.mark.parametrize(("namespace", "name"), lists_and_choosers())
def test_lists_show_no_foreign_rows(world, namespace, name):
    row = world.rows[namespace.rpartition("_")[2]]
    shared = TABLES[namespace] in (SHARED, RESOURCES, SHARED_CHOOSER)
    address = reverse(f"{namespace}:{name}")
    title = "label" if hasattr(row, "label") else "title"
    type(row).objects.filter(pk=row.pk).update(**{title: "Zanzibar"})
    if hasattr(row, "latest_revision"):
        type(row).objects.get(pk=row.pk).save_revision()
    for role in ROLES:
        shown = "Zanzibar" in world.client(role).get(address).content.decode()
        may_see = ANY_ROLE if shared else AGENT
        if TABLES[namespace] is CLIENTS:
            may_see = ADMINISTRATOR
        if name != "choose" and TABLES[namespace] is not MEETINGS:
            may_see = may_see & ANY_EDITOR
        assert shown == (role in may_see), role


def test_a_foreign_row_has_no_edit_link_in_a_shared_list(world):
    address = reverse("wagtailsnippets_wagtail_agenda_schedule:list")
    edit = reverse("wagtailsnippets_wagtail_agenda_schedule:edit", args=[world.schedule.pk])
    assert edit in world.client("editor").get(address).content.decode()
    assert edit not in world.client("editor elsewhere").get(address).content.decode()


def test_choosing_several_leaves_foreign_and_nonsensical_ones_out(world):
    address = reverse("wagtailsnippetchoosers_wagtail_agenda_agenda:chosen_multiple")
    query = f"?id={world.agenda.pk}&id={world.elsewhere.pk}&id=nonsense&id=²&id={10**30}"
    response = world.client("agent").get(address + query)
    assert [chosen["id"] for chosen in response.json()["result"]] == [str(world.agenda.pk)]


def test_filters_name_no_foreign_agenda(world):
    address = reverse("wagtail_agenda_event:index")
    page = world.client("editor").get(address).content.decode()
    assert world.event.agenda.label in page
    assert world.elsewhere.label not in page


@pytest.mark.parametrize("role", ROLES)
def test_the_menu_leads_where_one_gets_through(world, role):
    if role == "anonymous":
        return
    page = world.client(role).get(reverse("wagtailadmin_home")).content.decode()
    links = {
        "bookings": (reverse("wagtail_agenda_admin:agenda"), ANY_ROLE),
        "agendas": (reverse("wagtailsnippets_wagtail_agenda_agenda:list"), ANY_EDITOR),
        "schedules": (reverse("wagtailsnippets_wagtail_agenda_schedule:list"), ANY_EDITOR),
        "events": (reverse("wagtail_agenda_event:index"), ANY_EDITOR),
        "persons": (reverse("wagtail_agenda_admin:person"), ADMINISTRATOR),
    }
    for name, (address, shown_to) in links.items():
        assert (f'"{address}"' in page) == (role in shown_to), name
