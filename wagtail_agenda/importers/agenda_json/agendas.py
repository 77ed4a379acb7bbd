"""One agenda read from a file, with everything it offers."""

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wagtail_agenda.choices import AgendaKind
from wagtail_agenda.importers.agenda_json import offers, shared
from wagtail_agenda.importers.agenda_json.events import read_events
from wagtail_agenda.importers.agenda_json.format import SORTS, keys_that_fit
from wagtail_agenda.importers.agenda_json.places import Place
from wagtail_agenda.importers.agenda_json.settling import (
    Reading,
    differs,
    has_problems,
    named_rows,
    refuse_unknown_keys,
    settle_revisioned,
    slug_of,
    take_columns,
    take_references,
)
from wagtail_agenda.importers.agenda_json.writing import edited
from wagtail_agenda.models import Agenda, AgendaMember, Booking
from wagtail_agenda.setup_rules.agendas import agenda_errors, require_not_behind_another
from wagtail_agenda.setup_rules.members import MOST_MEMBERS, member_error
from wagtail_agenda.setup_rules.offers import dropped_resources_error

SORT = SORTS["agenda"]
FALLBACK_SLUG = "agenda"


def read_into(
    reading: Reading, data: Mapping[str, Any], place: Place, *, only_new: bool = False
) -> Agenda | None:
    """Make the agenda that the data says, or change it; answers with it, None with problems.

    `only_new` refuses a slug that there is, and gives one that is left out a free one.
    """
    present, agenda = _row(reading, data, place, only_new)
    changed = take_columns(reading, SORT, agenda, data, place)
    known = keys_that_fit(agenda.kind) if agenda.kind in AgendaKind.values else SORT.keys
    refuse_unknown_keys(reading, data, place, known)
    changed |= take_references(reading, SORT, agenda, data, place)
    for key in ("closure_calendars", "resources"):
        changed |= _take_several(reading, agenda, key, data, place)
    changed |= _take_members(reading, agenda, data, place)
    errors = list(_errors(agenda, present, changed)) if changed or present is None else []
    if agenda.kind == AgendaKind.VIRTUAL and data.get("live", present is None or present.live):
        if not agenda.members.all() and not has_problems(reading, place.key("members")):
            errors.append(("members", ValidationError(_("Name at least one agenda here."))))
    stands = settle_revisioned(reading, "agenda", agenda, changed, place, data, errors)
    if stands:
        agenda = Agenda.objects.get(pk=agenda.pk)
    reading.name("agenda", slug_of(data, FALLBACK_SLUG), agenda if stands else None)
    _read_parts(reading, agenda, data, place)
    if stands and "resources" in changed:
        reading.afterwards(lambda: _ask_about_resources(reading, agenda, place))
    return agenda if stands else None


def _ask_about_resources(reading: Reading, agenda: Agenda, place: Place) -> None:
    kept = [row.pk for row in agenda.resources.all()]
    if error := dropped_resources_error(agenda, kept):
        reading.problems.add_error(place.key("resources"), error)


def _row(
    reading: Reading, data: Mapping[str, Any], place: Place, only_new: bool
) -> tuple[Agenda | None, Agenda]:
    """The agenda as it stands on the site, None if it does not, and as it is edited."""
    slug = slug_of(data, FALLBACK_SLUG)
    present = Agenda.objects.filter(slug=slug).first()
    if only_new and present is not None:
        if "slug" in data:
            message = _("There is an agenda “%(slug)s” already. Choose another slug.")
            reading.problems.add(place.key("slug"), message % {"slug": slug})
        present, slug = None, ""
    if present is None:
        return None, Agenda(slug=slug)
    return present, edited(present)


def _take_several(
    reading: Reading, agenda: Agenda, key: str, data: Mapping[str, Any], place: Place
) -> set[str]:
    if key not in data:
        return set()
    rows = named_rows(reading, SORT.several[key], data[key], place.key(key))
    if rows is None or not differs(getattr(agenda, key).all(), rows):
        return set()
    setattr(agenda, key, rows)
    return {key}


def _take_members(
    reading: Reading, agenda: Agenda, data: Mapping[str, Any], place: Place
) -> set[str]:
    if "members" not in data:
        return set()
    at = place.key("members")
    rows = named_rows(reading, "agenda", data["members"], at)
    present = [row.agenda for row in agenda.members.all()]
    if rows is None or not differs(present, rows, ordered=True):
        return set()
    if len(rows) > MOST_MEMBERS:
        message = _("At most %(most)d agendas can stand behind one.")
        reading.problems.add(at, message % {"most": MOST_MEMBERS})
    for number, member in enumerate(rows):
        if member.kind != AgendaKind.MEETINGS:
            message = _("“%(agenda)s” is no agenda for appointments of its own.")
            reading.problems.add(at.item(number), message % {"agenda": member})
        elif error := member_error(member, agenda, agenda.timezone, ()):
            reading.problems.add_error(at.item(number), error)
    agenda.members = [
        AgendaMember(agenda=member, sort_order=number) for number, member in enumerate(rows)
    ]
    return {"members"}


def _errors(
    agenda: Agenda, present: Agenda | None, changed: set[str]
) -> Iterator[tuple[str, ValidationError]]:
    """What is wrong with the agenda as a whole, or with changing this."""
    values = {key: getattr(agenda, key) for key in (*SORT.columns, *SORT.one)}
    yield from agenda_errors(values).items()
    if present is None:
        return
    if "kind" in changed:
        message = _(
            "“%(agenda)s” is of another kind here, and stays so. Give this one another slug."
        )
        yield "kind", ValidationError(message, params={"agenda": present})
    if "timezone" in changed:
        if error := _zone_error(present):
            yield "timezone", error
        if any(row.agenda.timezone != agenda.timezone for row in agenda.members.all()):
            message = _("The agendas behind it are in another time zone.")
            yield "timezone", ValidationError(message, code="other_zone")


def _zone_error(present: Agenda) -> ValidationError | None:
    try:
        require_not_behind_another(present)
    except ValidationError as error:
        return error
    if Booking.objects.filter(agenda=present).exists():
        return ValidationError(
            _(
                "“%(agenda)s” has bookings, which would be told another time. Change the zone in "
                "the admin, which says whose."
            ),
            params={"agenda": present},
        )
    return None


def _read_parts(reading: Reading, agenda: Agenda, data: Mapping[str, Any], place: Place) -> None:
    fitting = keys_that_fit(agenda.kind)
    try:
        zone = agenda.zone
    except (LookupError, OSError, ValueError):
        # An unknown zone, which has been complained of.
        zone = ZoneInfo("UTC")
    if "desks" in data and "desks" in fitting:
        offers.read_desks(reading, agenda, data["desks"], place.key("desks"))
    if "meeting_types" in data and "meeting_types" in fitting:
        offers.read_types(reading, agenda, data["meeting_types"], place.key("meeting_types"))
    if "events" in fitting:
        read_events(reading, agenda, data, place, zone)
    if "attendance_reasons" in data:
        at = place.key("attendance_reasons")
        shared.read_reasons(reading, data["attendance_reasons"], at, agenda)
