"""Whether a row can be deleted, and if not, what keeps it and what to do instead.

Bookings never lose what they are about, and the foreign keys of revisioned rows are never
PROTECT, so the views that delete ask here first.
"""

from django.db.models import Model
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wagtail_agenda.models import (
    Agenda,
    AttendanceReason,
    Booking,
    CalledMeeting,
    ClosureCalendar,
    Desk,
    Event,
    EventSeries,
    Hold,
    Meeting,
    MeetingType,
    Occupation,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)

NAMES_SHOWN = 5


def why_kept(instance: Model) -> str:
    """A sentence that says why `instance` cannot be deleted; empty if it can."""
    reason = _REASONS.get(type(instance))
    return reason(instance) if reason else ""


def contents_in_words(agenda: Agenda) -> str:
    """What an agenda has, counted: “2 desks, 1 appointment type”; empty if it has nothing.

    The agendas behind a virtual one are those of the row, not those of a draft.
    """
    counts = [
        _counted(agenda.desks, "%(count)d desk", "%(count)d desks"),
        _counted(agenda.meeting_types, "%(count)d appointment type", "%(count)d appointment types"),
        _counted(agenda.events, "%(count)d event", "%(count)d events"),
        _counted(agenda.event_series, "%(count)d series of events", "%(count)d series of events"),
        _counted(agenda.members, "%(count)d agenda behind it", "%(count)d agendas behind it"),
        _counted(agenda.bookings, "%(count)d booking", "%(count)d bookings"),
    ]
    return ", ".join(text for text in counts if text)


def _counted(rows, one: str, many: str) -> str:
    count = rows.count()
    return ngettext(one, many, count) % {"count": count} if count else ""


def _agenda(agenda: Agenda) -> str:
    if agenda.bookings.exists() or agenda.bookings_through_it.exists():
        return _(
            "“%(name)s” has bookings, which would be lost with it. "
            "Unpublish it instead: it then takes no more bookings."
        ) % {"name": agenda}
    if agenda.meetings.exists():
        return _(
            "“%(name)s” has meetings, which would be lost with it. Delete them first, or unpublish "
            "the agenda instead."
        ) % {"name": agenda}
    contents = contents_in_words(agenda)
    if contents:
        return _(
            "“%(name)s” still has: %(contents)s. Delete these first, or unpublish the agenda."
        ) % {"name": agenda, "contents": contents}
    relying = [row.virtual_agenda for row in agenda.virtual_memberships.all()]
    if relying:
        return _("“%(name)s” stands behind %(users)s. Remove it there first.") % {
            "name": agenda,
            "users": listed(relying),
        }
    return ""


def _desk(desk: Desk) -> str:
    if _taken(desk=desk):
        return _(
            "“%(name)s” has appointments. Tick “retired” instead: it then takes no more of them."
        ) % {"name": desk}
    return _called_here(desk)


def _resource(resource: Resource) -> str:
    if called := _called_here(resource):
        return called
    taken = Occupation.objects.filter(bookable=resource.bookable_id)
    if resource.bookings.exists() or taken.exists():
        return _(
            "“%(name)s” has been booked. Tick “retired” instead: it then takes no more bookings."
        ) % {"name": resource}
    users = [*resource.agendas.all(), *resource.meeting_types.select_related("agenda")]
    if users:
        return _(
            "“%(name)s” is used by %(users)s. Take it away there first, or tick “retired” instead."
        ) % {"name": resource, "users": listed(users)}
    return ""


def _called_here(room: Desk | Resource) -> str:
    if not room.called_meetings.exists():
        return ""
    return _(
        "“%(name)s” has been booked for meetings. Tick “retired” instead: it is then no longer "
        "offered."
    ) % {"name": room}


def _meeting_type(meeting_type: MeetingType) -> str:
    if _taken(meeting_type=meeting_type):
        return _(
            "“%(name)s” has been booked. Tick “retired” instead: it is then no longer offered."
        ) % {"name": meeting_type}
    return ""


def _event(event: Event) -> str:
    if _taken(event=event):
        return _("“%(name)s” has been booked. Cancel its bookings; it stays as their record.") % {
            "name": event
        }
    return ""


def _series(series: EventSeries) -> str:
    if _taken(event__series=series):
        return _(
            "“%(name)s” has been booked. Give it a last day instead: its dates stay as the record "
            "of their bookings."
        ) % {"name": series}
    return ""


def _attendance_reason(reason: AttendanceReason) -> str:
    if reason.bookings.exists():
        return _(
            "“%(name)s” has been given as a reason. Tick “retired” instead: it is then no longer "
            "offered."
        ) % {"name": reason}
    return ""


def _taken(**what) -> bool:
    return Booking.objects.filter(**what).exists() or Hold.objects.filter(**what).exists()


def _used_by_whatever_opens(shared: Schedule | ClosureCalendar) -> str:
    users = [
        *shared.agendas.all(),
        *shared.desks.select_related("agenda"),
        *shared.resources.all(),
    ]
    if users:
        return _("“%(name)s” is used by %(users)s. Remove it there first.") % {
            "name": shared,
            "users": listed(users),
        }
    return ""


def _meeting(meeting: Meeting) -> str:
    called = getattr(meeting, "called", None)
    if called is None or called.published_at is None or called.is_cancelled:
        return ""
    if called.end <= timezone.now():
        return ""
    return _(
        "“%(name)s” has been called, and people expect it. Cancel it first, so that they are told."
    ) % {"name": meeting}


def _workflow(workflow: Workflow) -> str:
    from wagtail_agenda.workflow import SLUGS

    if workflow.slug in SLUGS.values():
        return _(
            "“%(name)s” is a built-in workflow, which agendas use that have chosen no other. "
            "It can be changed, but not deleted."
        ) % {"name": workflow}
    agendas = [*workflow.agendas.all(), *workflow.agendas_of_meetings.all()]
    if agendas:
        return _("“%(name)s” is used by %(users)s. Choose another one there first.") % {
            "name": workflow,
            "users": listed(agendas),
        }
    if Booking.objects.filter(status__workflow=workflow).exists():
        return _("There are bookings in a status of “%(name)s”, so it has to stay.") % {
            "name": workflow
        }
    if CalledMeeting.objects.filter(status__workflow=workflow).exists():
        return _("There are meetings in a status of “%(name)s”, so it has to stay.") % {
            "name": workflow
        }
    return ""


def _status(status: WorkflowStatus) -> str:
    if status.bookings.exists():
        return _("There are bookings in the status “%(name)s”, so it has to stay.") % {
            "name": status
        }
    if status.called_meetings.exists():
        return _("There are meetings in the status “%(name)s”, so it has to stay.") % {
            "name": status
        }
    if any(child.value.get("status") == status for child in status.workflow.transitions):
        return _(
            "A rule of the booking workflow “%(workflow)s” leads to the status “%(name)s”. "
            "Remove that rule first."
        ) % {"workflow": status.workflow, "name": status}
    if any(status in (child.value.get("only_from") or ()) for child in status.workflow.transitions):
        return _(
            "A rule of the booking workflow “%(workflow)s” leads only from the status “%(name)s” "
            "or a few more. Take the status out of that rule first."
        ) % {"workflow": status.workflow, "name": status}
    return ""


def listed(rows: list[Model]) -> str:
    """The rows by name; with very many, the first of them and how many more there are."""
    names = [_name(row) for row in rows[:NAMES_SHOWN]]
    if len(rows) > NAMES_SHOWN:
        names.append(_("%(count)d more") % {"count": len(rows) - NAMES_SHOWN})
    return get_text_list(names, _("and"))


def _name(row: Model) -> str:
    if isinstance(row, (Desk, MeetingType)):
        return _("“%(desk)s” of “%(agenda)s”") % {"desk": row, "agenda": row.agenda}
    return _("“%(name)s”") % {"name": row}


_REASONS = {
    Agenda: _agenda,
    Desk: _desk,
    Resource: _resource,
    MeetingType: _meeting_type,
    Event: _event,
    Meeting: _meeting,
    EventSeries: _series,
    AttendanceReason: _attendance_reason,
    Schedule: _used_by_whatever_opens,
    ClosureCalendar: _used_by_whatever_opens,
    Workflow: _workflow,
    WorkflowStatus: _status,
}
