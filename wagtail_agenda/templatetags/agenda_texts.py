"""Dates and times in templates, worded as everywhere else (see `wagtail_agenda.wording`)."""

from django import template

from wagtail_agenda import wording

register = template.Library()


@register.filter
def day_text(moment) -> str:
    """“Thursday 3 December 2026”, of a day or of a moment in the zone it is to be read in."""
    return wording.day_text(moment)


@register.filter
def time_text(moment) -> str:
    """“09:30”, of a moment in the zone it is to be read in."""
    return wording.time_text(moment)


@register.filter(expects_localtime=True)
def short_moment_text(moment) -> str:
    """“03/12/2026, 09:30”, of a moment; in the zone that templates read times in."""
    return wording.short_moment_text(moment)


@register.filter
def span_text(slot) -> str:
    """“Thursday 3 December 2026, 09:30 to 10:00”, of a slot."""
    return wording.span_text(slot.start, slot.end)


@register.filter
def zone_text(slot) -> str:
    """“Europe/Paris, UTC+01:00”, of a slot."""
    return wording.zone_text(slot.start)
