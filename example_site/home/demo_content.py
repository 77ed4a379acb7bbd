"""The town hall of the demo: its pages, its agendas and a fortnight of bookings.

Everything is looked up by its slug or name and made only if it is not there, so that loading twice
changes nothing and what somebody has edited since stays as it is.
"""

import uuid

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from wagtail.models import Page, Site

from example_site.home.models import HomePage

ADMINISTRATOR = "admin"


@transaction.atomic
def load() -> None:
    """Makes what is missing of the town hall."""
    load_administrator()
    load_site()


def load_administrator() -> None:
    """Makes admin/admin, in a site that is being tried out and in no other."""
    users = get_user_model().objects
    if settings.DEBUG and not users.filter(username=ADMINISTRATOR).exists():
        users.create_superuser(
            username=ADMINISTRATOR,
            email="admin@fairbridge.example",
            password=ADMINISTRATOR,
        )


def load_site() -> HomePage:
    """Puts the town hall's home page at the root of the default site, on the demo's port."""
    home = page(
        Page.get_first_root_node(),
        "town-hall",
        "Welcome to the town hall",
        "What do you need? Pick a day and a time here; no account, no phone queue.",
        [],
    )
    site = Site.objects.filter(is_default_site=True).first() or Site(is_default_site=True)
    site.hostname = "localhost"
    site.port = getattr(settings, "DEMO_PORT", 8000)
    site.site_name = settings.WAGTAIL_SITE_NAME
    site.root_page = home
    site.save()
    return home


def page(parent: Page, slug: str, title: str, summary: str, blocks: list[tuple]) -> HomePage:
    """Returns the page of that slug under a parent; makes and publishes it if there is none.

    `blocks` are pairs of a block's name and its value.
    """
    existing = HomePage.objects.child_of(parent).filter(slug=slug).first()
    if existing:
        return existing
    made = HomePage(
        title=title,
        slug=slug,
        summary=summary,
        show_in_menus=True,
        body=[(name, value, str(uuid.uuid4())) for name, value in blocks],
    )
    parent.add_child(instance=made)
    made.save_revision().publish()
    return made
