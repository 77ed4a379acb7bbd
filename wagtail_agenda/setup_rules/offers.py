"""What an appointment type, a resource or an event cannot be as a whole."""

from collections.abc import Collection, Iterator
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda import removal
from wagtail_agenda.models import Agenda, Resource


def duration_error(duration: int | None, longest: int | None) -> ValidationError | None:
    """What to say at the longest duration of a type, in minutes."""
    if not (duration and longest and longest < duration):
        return None
    return ValidationError(
        _(
            "This is shorter than the duration. Choose at least %(duration)s minutes, or leave "
            "it empty for appointments that all take the same time."
        ),
        code="too_short",
        params={"duration": duration},
    )


def resource_errors(
    agenda: Agenda, duration: int | None, resources: Collection[Resource], offered: Collection[int]
) -> Iterator[ValidationError]:
    """Why a type of the agenda cannot need these, of which it offers those with keys `offered`."""
    foreign = ", ".join(str(resource) for resource in resources if resource.pk not in offered)
    if foreign:
        message = _(
            "“%(agenda)s” does not offer these: %(resources)s. Add them in the agenda first, "
            "or do not tick them."
        )
        params = {"agenda": agenda, "resources": foreign}
        yield ValidationError(message, "foreign_resource", params)
    for resource in resources:
        most = resource.maximum_duration
        if duration and most and most < duration:
            message = _(
                "“%(resource)s” can be had for %(most)s minutes at a time, and this takes "
                "%(duration)s. Choose a shorter duration, or do not tick it."
            )
            params = {"resource": resource, "most": most, "duration": duration}
            yield ValidationError(message, "resource_too_short", params)


def longest_use_error(resource: Resource, longest: int | None) -> ValidationError | None:
    """What to say if an appointment type that needs the resource takes longer."""
    if longest is None or resource.pk is None:
        return None
    longer = resource.meeting_types.filter(retired=False, duration__gt=longest)
    if not longer:
        return None
    return ValidationError(
        _(
            "Appointments that need it take longer: %(types)s. Choose more minutes here, or "
            "take it away there first."
        ),
        code="shorter_than_types",
        params={"types": removal.listed(list(longer.select_related("agenda")))},
    )


def dropped_resources_error(agenda: Agenda, kept: Collection[int]) -> ValidationError | None:
    """What to say if types of the agenda need others than those with keys `kept`."""
    missing = (
        Resource.objects.filter(meeting_types__agenda=agenda.pk).exclude(pk__in=kept).distinct()
    )
    if not missing:
        return None
    message = _(
        "Appointment types of this agenda need these: %(names)s. Take them away there first."
    )
    names = ", ".join(str(resource) for resource in missing)
    return ValidationError(message, code="resource_in_use", params={"names": names})


def event_time_errors(
    start: datetime | None, end: datetime | None, publish_at: datetime | None
) -> Iterator[tuple[str, ValidationError]]:
    """What is wrong with the times of an event, with the column that it stands at."""
    if start and end and end <= start:
        message = _("This is not after the start. Choose a later time.")
        yield "end", ValidationError(message, code="ends_before_start")
    if start and publish_at and publish_at >= start:
        message = _(
            "Visitors would only see it once it has begun. Choose a time before the start, or "
            "leave this empty."
        )
        yield "publish_at", ValidationError(message, code="published_too_late")
