"""Who may do what, decided per object. Every view, button and chooser asks here.

Roles are granted per agenda to the members of a group (`AgendaGrant`, in the group's form):

- an **agent** sees the agenda, books, checks in and cancels, and calls its meetings;
- an **editor** is an agent who also changes the agenda, its desks, appointment types and events,
  and the resources, schedules, closure calendars and booking workflows that it uses;
- an **administrator**, any active superuser or holder of `wagtail_agenda.administer_agendas`, may
  do all of it on every agenda, and alone makes and deletes agendas, lets other systems in, says
  how mail is sent, and looks up, exports and erases what is held about a person.

A role opens nothing outside this package: agents and editors also need Wagtail's own permission
`wagtailadmin.access_admin` to come into the admin at all.

Resources, schedules, closure calendars and booking workflows are shared: everybody with a role sees
them, any editor may use them in an agenda of theirs, and changing one takes the editor of *every*
agenda that uses it. What nobody uses, any editor changes. An agenda uses what its desks use, and
what the resources use that it offers or its appointment types need.
"""

from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from wagtail.permission_policies import ModelPermissionPolicy

from wagtail_agenda.choices import About, Role
from wagtail_agenda.models import (
    Agenda,
    AgendaGrant,
    ApiClient,
    AttendanceReason,
    Booking,
    CalledMeeting,
    ClosureCalendar,
    Delivery,
    Desk,
    Entry,
    Event,
    EventSeries,
    Invitation,
    MailSettings,
    Meeting,
    MeetingType,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)

ADMINISTER = "wagtail_agenda.administer_agendas"

_ROLES_THAT_INCLUDE = {
    Role.AGENT: (Role.AGENT, Role.EDITOR),
    Role.EDITOR: (Role.EDITOR,),
}

# How to come from a row to the agenda that it belongs to.
_OF_EITHER = ("booking__agenda", "called_meeting__agenda")
_PATHS_TO_AGENDA = {
    Agenda: ("pk",),
    Desk: ("agenda",),
    MeetingType: ("agenda",),
    Event: ("agenda",),
    EventSeries: ("agenda",),
    AttendanceReason: ("agenda",),
    Booking: ("agenda",),
    Meeting: ("agenda",),
    CalledMeeting: ("agenda",),
    Delivery: _OF_EITHER,
    Entry: _OF_EITHER,
    Invitation: _OF_EITHER,
}

# Agents work on these; everything else in the table above takes an editor to change.
_CHANGED_BY_AGENTS = (Booking, CalledMeeting, Delivery, Meeting)

_SHARED = (Resource, Schedule, ClosureCalendar, Workflow, WorkflowStatus)

# Other systems and mail servers are of the whole site.
_OF_ADMINISTRATORS = (ApiClient, MailSettings)

# How to come from a shared row to the agendas that use it.
_WAYS_TO_OPEN = (
    "agendas",
    "desks__agenda",
    "resources__agendas",
    "resources__meeting_types__agenda",
)
_WAYS_TO_AGENDA = {
    Resource: ("agendas", "meeting_types__agenda"),
    Schedule: _WAYS_TO_OPEN,
    ClosureCalendar: _WAYS_TO_OPEN,
}


def is_administrator(user) -> bool:
    """Whether `user` may do everything with every agenda."""
    return user.is_active and user.has_perm(ADMINISTER)


def agendas_for(user, role: Role = Role.AGENT) -> QuerySet[Agenda]:
    """The agendas on which `user` has at least `role`; all of them for an administrator."""
    if is_administrator(user):
        return Agenda.objects.all()
    if not user.is_active:
        return Agenda.objects.none()
    return Agenda.objects.filter(Exists(_grants(user, role).filter(agenda=OuterRef("pk"))))


def may(user, role: Role, agenda: Agenda) -> bool:
    """Whether `user` has at least `role` on this agenda.

    The roles are read once and kept on the user object, so lists may ask for every line.
    """
    if agenda.pk is None:
        return False
    if is_administrator(user):
        return True
    return not _roles_of(user).get(agenda.pk, set()).isdisjoint(_ROLES_THAT_INCLUDE[Role(role)])


def has_role(user, role: Role = Role.AGENT) -> bool:
    """Whether `user` has at least `role` on any agenda, or is an administrator."""
    if is_administrator(user):
        return True
    wanted = _ROLES_THAT_INCLUDE[Role(role)]
    return any(not roles.isdisjoint(wanted) for roles in _roles_of(user).values())


def _roles_of(user) -> dict[int, set[str]]:
    """The roles that the user's groups give, by agenda.

    Menu, buttons and policies of one page ask dozens of times, so the answer is kept on the user
    object, as Django keeps a user's permissions: it lasts for the request.
    """
    if not user.is_active:
        return {}
    if not hasattr(user, "_agenda_roles"):
        roles: dict[int, set[str]] = {}
        granted = AgendaGrant.objects.filter(group__in=user.groups.all()).order_by()
        for agenda_id, role in granted.values_list("agenda_id", "role"):
            roles.setdefault(agenda_id, set()).add(role)
        user._agenda_roles = roles
    return user._agenda_roles


def visible(user, queryset: QuerySet) -> QuerySet:
    """The rows of `queryset` that `user` may see.

    Raises LookupError for a model that is not one of ours.
    """
    if is_administrator(user):
        return queryset
    if queryset.model in _OF_ADMINISTRATORS:
        return queryset.none()
    if queryset.model in _SHARED:
        return queryset if has_role(user) else queryset.none()
    if queryset.model is AttendanceReason and has_role(user):
        own = Q(agenda__in=agendas_for(user, Role.AGENT).values("pk"))
        # Those of no agenda are offered on every one.
        return queryset.filter(own | Q(agenda=None))
    return _of_agendas(queryset, agendas_for(user, Role.AGENT))


def editable(user, queryset: QuerySet) -> QuerySet:
    """The rows of `queryset` that `user` may change.

    Raises LookupError for a model that is not one of ours.
    """
    if is_administrator(user):
        return queryset
    model = queryset.model
    if model in _OF_ADMINISTRATORS:
        return queryset.none()
    if model not in _SHARED:
        role = Role.AGENT if model in _CHANGED_BY_AGENTS else Role.EDITOR
        return _of_agendas(queryset, agendas_for(user, role))
    if not has_role(user, Role.EDITOR):
        return queryset.none()
    foreign = Agenda.objects.exclude(pk__in=agendas_for(user, Role.EDITOR).values("pk"))
    return queryset.exclude(pk__in=_used_by(model, foreign))


def may_edit(user, instance: Model) -> bool:
    """Whether `user` may change this row."""
    return editable(user, type(instance)._default_manager.filter(pk=instance.pk)).exists()


def may_see(user, instance: Model) -> bool:
    """Whether `user` may see this row."""
    return visible(user, type(instance)._default_manager.filter(pk=instance.pk)).exists()


def _grants(user, role: Role) -> QuerySet[AgendaGrant]:
    return AgendaGrant.objects.filter(
        group__in=user.groups.all(), role__in=_ROLES_THAT_INCLUDE[Role(role)]
    )


def _of_agendas(queryset: QuerySet, agendas: QuerySet[Agenda]) -> QuerySet:
    within = Q()
    for path in _PATHS_TO_AGENDA[queryset.model]:
        within |= Q(**{f"{path}__in": agendas.values("pk")})
    return queryset.filter(within)


def _used_by(model: type[Model], agendas: QuerySet[Agenda]) -> QuerySet:
    """The keys of the rows of a shared model that any of `agendas` uses, in whatever way."""
    rows = model._default_manager.order_by()
    if model in _WAYS_TO_AGENDA:
        used = Q(pk__in=[])
        for way in _WAYS_TO_AGENDA[model]:
            used |= Q(pk__in=rows.filter(**{f"{way}__in": agendas}).values("pk"))
        return rows.filter(used).values("pk")
    workflows = Workflow.objects.order_by().filter(
        Q(pk__in=agendas.filter(workflow__isnull=False).values("workflow"))
        | Q(pk__in=agendas.filter(meeting_workflow__isnull=False).values("meeting_workflow"))
        # An agenda that has chosen none uses the built-in one.
        | Q(slug=_built_in_slugs()[About.BOOKINGS]) & Exists(agendas.filter(workflow=None))
        | Q(slug=_built_in_slugs()[About.MEETINGS]) & Exists(agendas.filter(meeting_workflow=None))
    )
    if model is WorkflowStatus:
        return rows.filter(workflow__in=workflows.values("pk")).values("pk")
    return workflows.values("pk")


def _built_in_slugs() -> dict[About, str]:
    # Imported late: the workflow's own imports reach the policies of this module.
    from wagtail_agenda.workflow import SLUGS

    return SLUGS


class AgendaPermissionPolicy(ModelPermissionPolicy):
    """Answers Wagtail's questions about one of our models from the functions above.

    Asked about no instance, it answers for the set-up screens, so seeing them takes an editor of
    some agenda too; agents work in the agenda view. Wagtail's generic views ask no other question,
    which is why `hooks.scope` filters the objects themselves.
    """

    def user_has_permission(self, user, action: str) -> bool:
        if is_administrator(user):
            return True
        if self.model in _OF_ADMINISTRATORS:
            return False
        if self.model is Agenda and action in ("add", "delete"):
            return False
        role = Role.AGENT if self.model in _CHANGED_BY_AGENTS else Role.EDITOR
        return has_role(user, role)

    def user_has_permission_for_instance(self, user, action: str, instance: Model) -> bool:
        if action == "view":
            return may_see(user, instance)
        return self.user_has_permission(user, action) and may_edit(user, instance)

    def instances_user_has_any_permission_for(self, user, actions: Iterable[str]) -> QuerySet:
        rows = self.model._default_manager.all()
        if "view" in actions:
            return visible(user, rows)
        return editable(user, rows) if self.user_has_any_permission(user, actions) else rows.none()

    def users_with_any_permission(self, actions: Iterable[str]) -> QuerySet:
        alone = self.model in _OF_ADMINISTRATORS or (
            self.model is Agenda and set(actions) <= {"add", "delete"}
        )
        return _users(self.model, None if alone else AgendaGrant.objects.all())

    def users_with_any_permission_for_instance(self, actions: Iterable[str], instance) -> QuerySet:
        users = self.users_with_any_permission(actions)
        permitted = [
            user.pk
            for user in users
            if self.user_has_any_permission_for_instance(user, actions, instance)
        ]
        return users.filter(pk__in=permitted)


def _users(model: type[Model], grants: QuerySet[AgendaGrant] | None) -> QuerySet:
    """The administrators, and with `grants` whoever these give what the model asks for."""
    administer = Permission.objects.filter(
        content_type__app_label="wagtail_agenda", codename="administer_agendas"
    )
    wanted = (
        Q(is_superuser=True)
        | Q(user_permissions__in=administer)
        | Q(groups__permissions__in=administer)
    )
    if grants is not None:
        role = Role.AGENT if model in _CHANGED_BY_AGENTS else Role.EDITOR
        groups = grants.filter(role__in=_ROLES_THAT_INCLUDE[role]).values("group")
        wanted |= Q(groups__in=groups)
    return get_user_model()._default_manager.filter(wanted, is_active=True).distinct()


POLICIES = {
    model: AgendaPermissionPolicy(model)
    for model in (
        Agenda,
        ApiClient,
        AttendanceReason,
        Booking,
        ClosureCalendar,
        Delivery,
        Desk,
        Event,
        EventSeries,
        MailSettings,
        Meeting,
        MeetingType,
        Resource,
        Schedule,
        Workflow,
        WorkflowStatus,
    )
}


def _register_policies() -> None:
    try:
        from wagtail.permissions import register_permission_policy
    except ImportError:
        # Wagtail below 8 has no registry: the viewsets pass the policies to their views.
        return
    for model, policy in POLICIES.items():
        register_permission_policy(model, policy, exact_class=True)


_register_policies()
