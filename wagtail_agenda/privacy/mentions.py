"""Where an address stands besides: in what is about others, and in what editors have written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models import (
    BinaryField,
    CharField,
    Field,
    JSONField,
    Model,
    Q,
    QuerySet,
    TextField,
)
from django.db.models.functions import Cast
from wagtail.fields import StreamField
from wagtail.models import ModelLogEntry, Revision

from wagtail_agenda.booking import forgetting
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.meetings.forgetting import Part
from wagtail_agenda.models import (
    Agenda,
    ApiClient,
    AttendanceReason,
    Booking,
    CalledMeeting,
    ClosedAddress,
    ClosureCalendar,
    Delivery,
    Desk,
    Entry,
    Event,
    EventSeries,
    FormVersion,
    Hold,
    Invitation,
    KeptFile,
    MailSettings,
    Meeting,
    MeetingType,
    Participant,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)
from wagtail_agenda.privacy.addresses import Address, unpacked

MAY_NAME_SOMEBODY: dict[type[Model], tuple[str, ...]] = {
    Booking: ("label", "extra_emails", "extra_data", "answers", *forgetting.PERSONAL_TEXTS),
    Entry: ("data",),
    Delivery: ("recipient", "action", "letter", "url", "last_error"),
    Invitation: ("address",),
    Hold: ("answers", "return_path"),
    KeptFile: ("name", "content"),
    ClosedAddress: ("url",),
}
"""Columns that are filled by visitors, agents and other systems. An address is taken out there."""

WRITTEN_BY_EDITORS: tuple[type[Model], ...] = (
    Agenda,
    ApiClient,
    AttendanceReason,
    CalledMeeting,
    ClosureCalendar,
    Desk,
    Event,
    EventSeries,
    FormVersion,
    MailSettings,
    Meeting,
    MeetingType,
    Participant,
    Resource,
    Schedule,
    Workflow,
    WorkflowStatus,
)
"""What is published or set up: an address in there is an editor's to remove, and nobody else's."""


@dataclass(frozen=True)
class Mention:
    """A row in which the address stands, and in which of its columns."""

    row: Any
    fields: list[str]

    @property
    def booking_id(self) -> int | None:
        """The booking that the row is, or belongs to."""
        if isinstance(self.row, Booking):
            return self.row.pk
        return getattr(self.row, "booking_id", None)


def mentions(address: Address, *, besides: Iterable[Model | Part] = ()) -> Iterator[Mention]:
    """Where it stands in what is about others: the rows in `besides` are known already."""
    besides = list(besides)
    known = {(type(row), row.pk) for row in besides}
    known |= {(Meeting, row.pk) for row in besides if isinstance(row, Part)}
    for model, names in MAY_NAME_SOMEBODY.items():
        for row in _candidates(model.objects.all(), names, address):
            found = [name for name in names if address.stands_in(_content(row, name))]
            mention = Mention(row, found)
            about = {(type(row), row.pk), (Booking, mention.booking_id)}
            if getattr(row, "called_meeting_id", None):
                about.add((Meeting, row.called_meeting.meeting_id))
            if found and known.isdisjoint(about):
                yield mention
    yield from _in_wagtails_own(address)
    yield from _in_failed_tasks(address)


def of_editors(address: Address) -> Iterator[Model]:
    """What editors have written it into, such as the staff that an agenda tells of bookings."""
    for model in WRITTEN_BY_EDITORS:
        names = text_columns(model)
        for row in _candidates(model.objects.all(), names, address):
            if any(address.stands_in(_content(row, name)) for name in names):
                yield row


def text_columns(model: type[Model]) -> tuple[str, ...]:
    """The columns of a table in which words can stand."""
    kinds = (CharField, TextField, JSONField, StreamField, BinaryField)
    return tuple(field.name for field in model._meta.concrete_fields if isinstance(field, kinds))


def _candidates(rows: QuerySet, names: Iterable[str], address: Address) -> Iterator[Any]:
    """The rows that may have it. What a database cannot look into is read as a whole."""
    opaque = [name for name in names if _is_opaque(rows.model._meta.get_field(name))]
    texts = {f"{name}_text": Cast(name, TextField()) for name in names if name not in opaque}
    wanted = Q()
    for name in texts:
        for spelling in address.spellings:
            wanted |= Q(**{f"{name}__icontains": spelling})
    for name in opaque:
        wanted |= Q(**{f"{name}__isnull": False})
    yield from rows.annotate(**texts).filter(wanted).order_by("pk").iterator(chunk_size=100)


def _is_opaque(field: Field) -> bool:
    # A finished mail has its files in Base64. Few have one: it goes when the mail has left.
    return isinstance(field, BinaryField) or (field.model, field.name) == (Delivery, "letter")


def _content(row: Model, name: str) -> Any:
    value = getattr(row, name)
    field = row._meta.get_field(name)
    if isinstance(field, StreamField):
        return field.get_prep_value(value)
    return unpacked(value) if _is_opaque(field) and isinstance(value, dict) else value


# In what Wagtail and the task queue keep of ours


def _in_wagtails_own(address: Address) -> Iterator[Mention]:
    """The log of what was done, and what editors' rows said before: as they are now is theirs."""
    ours = ContentType.objects.filter(app_label=Agenda._meta.app_label).values("pk")
    for model, names in ((ModelLogEntry, ("label", "data")), (Revision, ("object_str", "content"))):
        for row in _candidates(model.objects.filter(content_type__in=ours), names, address):
            found = [name for name in names if address.stands_in(getattr(row, name))]
            if found and not (isinstance(row, Revision) and row.is_latest_revision()):
                yield Mention(row, found)


def _in_failed_tasks(address: Address) -> Iterator[Mention]:
    """Tasks of ours that broke off: what they said then may name somebody, and is kept for good."""
    if not apps.is_installed("django_q"):
        return
    failed = apps.get_model("django_q", "Failure").objects.filter(
        func__startswith="wagtail_agenda."
    )
    for task in failed.order_by("pk").iterator(chunk_size=100):
        if address.stands_in(str(task.result)):
            yield Mention(task, ["result"])


# Taking it out


def take_out(mention: Mention, address: Address) -> None:
    """Write the row without the address; what cannot be read without it goes as a whole."""
    row = mention.row
    changed = {name: address.taken_out_of(getattr(row, name)) for name in mention.fields}
    if isinstance(row, KeptFile) or mention.fields == ["result"]:
        # A file without a part of it may be one that no programme reads.
        row.delete()
    elif isinstance(row, Invitation):
        forgetting.forget_invitation(row)
    elif isinstance(row, Delivery):
        _take_out_of_delivery(row, changed, address)
    elif isinstance(row, Booking | Hold):
        forgetting.rewrite(row, changed)
    else:
        type(row)._base_manager.filter(pk=row.pk).update(**changed)


def _take_out_of_delivery(row: Delivery, changed: dict[str, Any], address: Address) -> None:
    changed["key"] = forgetting.anonymous_key(row)
    if "letter" in changed and row.kind == DeliveryKind.MAIL:
        # It is written anew at the next attempt, from what there is then.
        changed["letter"] = None
    if row.state in forgetting.NOT_OVER and address.is_all_of(row.recipient):
        changed["state"] = DeliveryState.CANCELLED
    Delivery.objects.filter(pk=row.pk).update(**changed)
