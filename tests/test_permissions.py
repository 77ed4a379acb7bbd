"""Who may do what: roles per agenda, and what follows from them for everything else."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from tests.factories import (
    make_agenda,
    make_booking,
    make_closure_calendar,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
)
from wagtail_agenda import permissions
from wagtail_agenda.choices import AgendaKind, Role
from wagtail_agenda.models import (
    Agenda,
    AgendaGrant,
    Booking,
    ClosureCalendar,
    Desk,
    Event,
    MeetingType,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.workflow import DEFAULT_WORKFLOW

pytestmark = pytest.mark.django_db


def make_user(name, **roles):
    """A user with a group of their own; `roles` maps a role to an agenda or several."""
    user = User.objects.create_user(name)
    group = Group.objects.create(name=f"{name}'s group")
    user.groups.add(group)
    for role, agendas in roles.items():
        for agenda in agendas if isinstance(agendas, list) else [agendas]:
            AgendaGrant.objects.create(agenda=agenda, group=group, role=role)
    return user


@pytest.fixture
def agenda():
    return make_agenda(schedule=None)


@pytest.fixture
def other():
    return make_agenda(schedule=None)


def test_an_agent_of_one_agenda_has_no_say_elsewhere(agenda, other):
    agent = make_user("ada", agent=agenda)
    assert list(permissions.agendas_for(agent)) == [agenda]
    assert permissions.may(agent, Role.AGENT, agenda)
    assert not permissions.may(agent, Role.AGENT, other)
    assert not permissions.may(agent, Role.EDITOR, agenda)


def test_an_editor_is_an_agent_too(agenda):
    editor = make_user("ed", editor=agenda)
    assert permissions.may(editor, Role.AGENT, agenda)
    assert permissions.may(editor, Role.EDITOR, agenda)


def test_a_list_of_agendas_asks_once_for_all_its_lines(agenda, other, django_assert_num_queries):
    editor = make_user("ed", editor=[agenda], agent=[other])
    agendas = [agenda, other, *(make_agenda(schedule=None) for _number in range(5))]
    permissions.has_role(editor)

    with django_assert_num_queries(0):
        editable = [one for one in agendas if permissions.may(editor, Role.EDITOR, one)]
        kept = [one for one in agendas if permissions.may(editor, Role.AGENT, one)]

    assert editable == [agenda]
    assert kept == [agenda, other]


def test_roles_of_several_groups_add_up(agenda, other):
    user = make_user("ada", agent=agenda)
    second = Group.objects.create(name="second")
    user.groups.add(second)
    AgendaGrant.objects.create(agenda=other, group=second, role=Role.EDITOR)
    AgendaGrant.objects.create(agenda=agenda, group=second, role=Role.AGENT)
    assert set(permissions.agendas_for(user)) == {agenda, other}
    assert list(permissions.agendas_for(user, Role.EDITOR)) == [other]


def test_nobody_has_a_role_by_default(agenda):
    for user in (AnonymousUser(), make_user("nobody")):
        assert not permissions.is_administrator(user)
        assert not permissions.has_role(user)
        assert not permissions.agendas_for(user).exists()
        assert not permissions.visible(user, Agenda.objects.all()).exists()
        assert not permissions.editable(user, Schedule.objects.all()).exists()


def test_a_switched_off_account_has_no_role(agenda):
    editor = make_user("ed", editor=agenda)
    editor.is_active = False
    superuser = User(is_superuser=True, is_active=False)
    assert not permissions.agendas_for(editor).exists()
    assert not permissions.has_role(editor)
    assert not permissions.is_administrator(superuser)


def test_administrators_are_superusers_and_holders_of_the_permission(agenda, other):
    holder = make_user("head")
    permission = Permission.objects.get(codename="administer_agendas")
    holder.groups.get().permissions.add(permission)
    for user in (User.objects.create_superuser("root"), User.objects.get(pk=holder.pk)):
        assert permissions.is_administrator(user)
        assert set(permissions.agendas_for(user, Role.EDITOR)) == {agenda, other}
        assert permissions.may(user, Role.EDITOR, agenda)


def test_an_agenda_that_is_not_saved_is_nobodys():
    assert not permissions.may(User.objects.create_superuser("root"), Role.AGENT, Agenda())


def test_what_belongs_to_an_agenda_follows_its_roles(agenda, other):
    mine, theirs = make_desk(agenda), make_desk(other)
    agent, editor = make_user("ada", agent=agenda), make_user("ed", editor=agenda)
    for model, here, there in [
        (Desk, mine, theirs),
        (MeetingType, make_meeting_type(agenda), make_meeting_type(other)),
    ]:
        assert list(permissions.visible(agent, model.objects.all())) == [here]
        assert not permissions.editable(agent, model.objects.all()).exists()
        assert list(permissions.editable(editor, model.objects.all())) == [here]
        assert not permissions.may_edit(editor, there)
        assert not permissions.may_see(editor, there)


def test_events_follow_the_roles_of_their_agenda():
    mine, theirs = make_event(), make_event()
    editor = make_user("ed", editor=mine.agenda)
    assert list(permissions.editable(editor, Event.objects.all())) == [mine]
    assert not permissions.may_see(editor, theirs)


def test_agents_work_on_bookings_and_their_deliveries():
    booking, foreign = make_booking(), make_booking()
    agent = make_user("ada", agent=booking.agenda)
    assert list(permissions.editable(agent, Booking.objects.all())) == [booking]
    assert list(permissions.visible(agent, Booking.objects.all())) == [booking]
    deliveries = booking.deliveries.model.objects.all()
    assert set(permissions.editable(agent, deliveries)) == set(booking.deliveries.all())
    assert deliveries.filter(booking=foreign).exists()


def test_shared_things_are_seen_with_any_role(agenda):
    schedule = make_schedule()
    assert permissions.may_see(make_user("ada", agent=agenda), schedule)
    assert not permissions.may_see(make_user("nobody"), schedule)


def test_a_shared_schedule_takes_the_editor_of_every_agenda_that_uses_it(agenda, other):
    schedule = make_schedule()
    one, both = make_user("one", editor=agenda), make_user("both", editor=[agenda, other])
    agent = make_user("ada", agent=[agenda, other])

    def editors():
        return [user for user in (one, both, agent) if permissions.may_edit(user, schedule)]

    assert editors() == [one, both], "unused"
    Agenda.objects.filter(pk=agenda.pk).update(schedule=schedule)
    assert editors() == [one, both], "used by an agenda of both"
    Agenda.objects.filter(pk=other.pk).update(schedule=schedule)
    assert editors() == [both], "used by another agenda as well"
    Agenda.objects.filter(pk=other.pk).update(schedule=None)
    make_desk(other, schedule=schedule)
    assert editors() == [both], "used by a desk of another agenda"


def test_a_shared_closure_calendar_takes_the_editor_of_every_agenda_that_uses_it(agenda):
    calendar = make_closure_calendar()
    theirs = make_agenda(closure_calendars=[calendar])
    editor, owner = make_user("ed", editor=agenda), make_user("owner", editor=theirs)
    assert not permissions.may_edit(editor, calendar)
    assert permissions.may_edit(owner, calendar)
    desks = make_closure_calendar(label="Desks")
    make_desk(theirs).closure_calendars.add(desks)
    assert list(permissions.editable(editor, ClosureCalendar.objects.all())) == []
    assert permissions.may_edit(owner, desks)


def test_a_resource_takes_the_editor_of_every_agenda_that_uses_it(agenda, other):
    hall = Resource.objects.create(label="Hall")
    one, both = make_user("one", editor=agenda), make_user("both", editor=[agenda, other])
    agent = make_user("ada", agent=[agenda, other])

    def editors():
        return [user for user in (one, both, agent) if permissions.may_edit(user, hall)]

    assert permissions.may_see(agent, hall)
    assert editors() == [one, both], "unused"
    agenda.resources.add(hall)
    agenda.save()
    assert editors() == [one, both], "offered by an agenda of both"
    other.resources.add(hall)
    other.save()
    assert editors() == [both], "offered by another agenda as well"
    other.resources.clear()
    other.save()
    make_meeting_type(other).resources.add(hall)
    assert editors() == [both], "needed by a type of another agenda"


def test_hours_of_a_resource_take_the_editor_of_every_agenda_that_offers_it(agenda, other):
    schedule, calendar = make_schedule(), make_closure_calendar()
    hall = Resource.objects.create(label="Hall", schedule=schedule)
    hall.closure_calendars.add(calendar)
    editor, owner = make_user("ed", editor=agenda), make_user("owner", editor=other)
    other.resources.add(hall)
    other.save()
    for row in (schedule, calendar):
        assert permissions.may_edit(owner, row)
        assert not permissions.may_edit(editor, row)


def test_the_built_in_workflow_is_used_by_agendas_that_chose_none(agenda, other):
    built_in = Workflow.objects.get(slug=DEFAULT_WORKFLOW)
    editor, both = make_user("ed", editor=agenda), make_user("both", editor=[agenda, other])
    assert not permissions.may_edit(editor, built_in)
    assert not permissions.may_edit(editor, built_in.statuses.first())
    assert permissions.may_edit(both, built_in)
    own = Workflow.objects.create(label="Own", slug="own")
    status = WorkflowStatus.objects.create(workflow=own, label="New", slug="new")
    Agenda.objects.filter(pk=other.pk).update(workflow=own)
    assert permissions.may_edit(editor, built_in)
    assert not permissions.may_edit(editor, own)
    assert not permissions.may_edit(editor, status)


def test_the_policy_answers_for_the_object(agenda, other):
    editor, agent = make_user("ed", editor=agenda), make_user("ada", agent=agenda)
    policy = permissions.POLICIES[Agenda]
    assert policy.user_has_permission(editor, "change")
    assert not policy.user_has_permission(agent, "change")
    assert not policy.user_has_permission(editor, "add")
    assert not policy.user_has_permission(editor, "delete")
    assert policy.user_has_permission_for_instance(editor, "publish", agenda)
    assert not policy.user_has_permission_for_instance(editor, "change", other)
    assert not policy.user_has_permission_for_instance(editor, "delete", agenda)
    assert policy.user_has_permission_for_instance(agent, "view", agenda)
    assert list(policy.instances_user_has_permission_for(editor, "change")) == [agenda]
    assert list(policy.instances_user_has_permission_for(agent, "view")) == [agenda]
    assert not policy.instances_user_has_permission_for(agent, "change").exists()
    assert not policy.instances_user_has_permission_for(editor, "delete").exists()


def test_the_policy_knows_whom_to_name(agenda, other):
    editor, agent = make_user("ed", editor=agenda), make_user("ada", agent=agenda)
    root = User.objects.create_superuser("root")
    policy = permissions.POLICIES[Agenda]
    assert set(policy.users_with_permission("change")) == {editor, root}
    assert set(policy.users_with_permission("add")) == {root}
    assert set(policy.users_with_permission_for_instance("change", other)) == {root}
    assert set(permissions.POLICIES[Booking].users_with_permission("change")) == {
        agent,
        editor,
        root,
    }


def test_another_model_is_a_mistake_of_the_caller(agenda):
    with pytest.raises(LookupError):
        permissions.visible(make_user("ada", agent=agenda), User.objects.all())


def test_events_agendas_have_the_same_roles():
    agenda = make_agenda(kind=AgendaKind.EVENTS)
    assert permissions.may(make_user("ed", editor=agenda), Role.EDITOR, agenda)
