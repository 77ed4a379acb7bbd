"""Wagtail finds this module by its name; what is registered stands in `hooks/`."""

from wagtail_agenda.hooks import (  # noqa: F401  (importing them registers)
    agenda_view,
    bookings,
    clients,
    dashboard,
    mail_settings,
    menus,
    permissions,
    publishing,
    snippets,
)
