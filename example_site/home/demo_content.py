"""The town hall of the demo: its pages, its agendas and a fortnight of bookings.

Everything is looked up by its slug or name and made only if it is not there, so that loading twice
changes nothing and what somebody has edited since stays as it is. Bookings and workshops follow the
calendar: loading again on a later day adds the days that have come nearer.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils import timezone
from wagtail.models import GroupPagePermission, Page, Site

from example_site.home import (
    demo_agendas,
    demo_bookings,
    demo_forms,
    demo_meetings,
    demo_offices,
    demo_sports,
)
from example_site.home.demo_town_hall import TownHall, town_hall
from example_site.home.models import HomePage, Notice
from wagtail_agenda.choices import DeliveryState, Role
from wagtail_agenda.models import Agenda, AgendaGrant, Delivery

ADMINISTRATOR = "admin"
AGENT = "agent"
EDITOR = "editor"

PRIVACY = (
    "<p>The town hall keeps what I wrote here until three months after the appointment, "
    "and uses it for nothing else.</p>"
)


def load(now: datetime | None = None) -> None:
    """Makes what is missing of the town hall and of its bookings, seen from that moment."""
    now = now or timezone.now()
    made = load_town_hall(now)
    demo_bookings.load(made, now)
    demo_forms.load(made, now)
    demo_meetings.load(made.site, now)
    # Mails that left days ago took along, at that moment, what is to wait for the worker.
    Delivery.objects.filter(state=DeliveryState.DUE, due_at__lt=now).update(due_at=now)


@transaction.atomic
def load_town_hall(now: datetime) -> TownHall:
    """Makes what is missing of the pages, the agendas and the people who work with them."""
    load_administrator()
    site = load_site()
    made = town_hall(site, now)
    load_passport_page(site.root_page, made.passports)
    workshop_page = load_workshop_page(site.root_page, made.workshops)
    load_study_page(site.root_page, made.study_rooms)
    demo_sports.load_page(site.root_page, made.sports, page)
    demo_offices.load_pages(site.root_page, made.offices, page)
    load_colleague(AGENT, "Passport agents", made.passports, Role.AGENT)
    load_colleague(EDITOR, "Workshop editors", made.workshops, Role.EDITOR, workshop_page)
    return made


# People who work there


def load_administrator() -> None:
    """Makes admin/admin, in a site that is being tried out and in no other."""
    users = get_user_model().objects
    if settings.DEBUG and not users.filter(username=ADMINISTRATOR).exists():
        users.create_superuser(
            username=ADMINISTRATOR,
            email="admin@fairbridge.example",
            password=ADMINISTRATOR,
        )


def load_colleague(
    name: str, group_name: str, agenda: Agenda, role: Role, edits: Page | None = None
) -> None:
    """Makes a group with a role on one agenda and, like the administrator, a user in it.

    Whoever is in the group may also change and publish the page `edits`.
    """
    group, is_new = Group.objects.get_or_create(name=group_name)
    if is_new:
        group.permissions.add(
            Permission.objects.get(content_type__app_label="wagtailadmin", codename="access_admin")
        )
        AgendaGrant.objects.create(agenda=agenda, group=group, role=role)
        for codename in ("change_page", "publish_page") if edits else ():
            GroupPagePermission.objects.create(
                group=group,
                page=edits,
                permission=Permission.objects.get(
                    content_type__app_label="wagtailcore", codename=codename
                ),
            )
    users = get_user_model().objects
    if settings.DEBUG and not users.filter(username=name).exists():
        user = users.create_user(username=name, email=f"{name}@fairbridge.example", password=name)
        user.groups.add(group)


# Pages


def load_site() -> Site:
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
    return site


def load_passport_page(home: Page, agenda: Agenda) -> HomePage:
    return page(
        home,
        demo_agendas.PASSPORT_PAGE,
        "Passport and identity card",
        "Apply for a new document, or collect one that is ready.",
        [
            (
                "paragraph",
                "<p>Come in person, with your old document and one photo that is less than six "
                "months old. A first passport for a child takes one parent and the child.</p>",
            ),
            (
                "booking_form",
                {
                    "agenda": agenda,
                    "heading": "Book an appointment",
                    "introduction": "<p>Choose what you come for, then a day and a time. The "
                    "confirmation comes by e-mail, with an entry for your calendar.</p>",
                    "fields": [
                        (
                            "choice",
                            {
                                "label": "Document",
                                "required": True,
                                "choices": demo_bookings.DOCUMENTS,
                            },
                        ),
                        (
                            "document_number",
                            {
                                "label": "Number of your old document",
                                "help_text": "Ten letters and digits, such as L898902C36, at the "
                                "foot of the page with your photo. Leave it empty for a first "
                                "document.",
                                "clean_name": "old_number",
                            },
                        ),
                        (
                            "phone",
                            {
                                "label": "Telephone number",
                                "help_text": "Only to reach you if we have to close.",
                                "clean_name": "phone",
                            },
                        ),
                        (
                            "consent",
                            {
                                "label": "I agree to how my data is used",
                                "required": True,
                                "clean_name": "consent",
                                "text": PRIVACY,
                            },
                        ),
                    ],
                    "confirmation_text": "<p>Please be there five minutes early, at the entrance "
                    "on <b>Market Square</b>. You do not have to queue at the reception.</p>",
                    "fully_booked_text": "Every counter is taken for the next two months. New "
                    "times appear each morning at six.",
                },
            ),
            ("heading", "What it costs"),
            (
                "paragraph",
                "<p>A passport costs 86 €, an identity card nothing. A child’s passport costs "
                "17 € up to the age of 14, and 42 € after that.</p>",
            ),
        ],
    )


def load_workshop_page(home: Page, agenda: Agenda) -> HomePage:
    return page(
        home,
        demo_agendas.WORKSHOP_PAGE,
        "Workshops",
        "Mend it, grow it, read it, click it: an hour or two with people who know how.",
        [
            (
                "paragraph",
                "<p>Our workshops are free. Places are few, so that everybody gets a turn; if you "
                "cannot come after all, cancel by the link in your mail and somebody else will be "
                "glad.</p>",
            ),
            (
                "booking_form",
                {
                    "agenda": agenda,
                    "heading": "Take a place",
                    "fields": [
                        (
                            "radio",
                            {
                                "label": "How did you hear of it?",
                                "choices": demo_bookings.CHANNELS,
                                "clean_name": "channel",
                            },
                        ),
                        (
                            "multi_line",
                            {
                                "label": "Anything we should prepare?",
                                "help_text": "A wheelchair, a hearing loop, the thing you want "
                                "to mend …",
                                "clean_name": "to_prepare",
                            },
                        ),
                    ],
                    "confirmation_text": "<p>Materials are there. Bring clothes that may get "
                    "dirty.</p>",
                    "fully_booked_text": "All workshops are full. The next ones are announced "
                    "here on Monday.",
                },
            ),
        ],
    )


def load_study_page(home: Page, agenda: Agenda) -> HomePage:
    """A page whose booking form stands in a snippet, as a site would share it between pages."""
    notice = Notice.objects.filter(title="Book a study room").first()
    if notice is None:
        notice = Notice.objects.create(
            title="Book a study room",
            body=[
                (
                    "booking_form",
                    {
                        "agenda": agenda,
                        "heading": "Book a study room",
                        "introduction": "<p>Two hours at a time. Your library card opens the "
                        "door.</p>",
                        "fields": [
                            (
                                "number",
                                {
                                    "label": "How many of you will come?",
                                    "required": True,
                                    "minimum": 1,
                                    "maximum": 6,
                                    "clean_name": "people",
                                },
                            ),
                        ],
                    },
                ),
            ],
        )
    return page(
        home,
        demo_agendas.STUDY_PAGE,
        "Study rooms",
        "Two quiet rooms in the library, for one person or six.",
        [
            (
                "paragraph",
                "<p>Both rooms have a large screen, a whiteboard and a door that closes. Food "
                "stays outside.</p>",
            ),
            ("notice", notice),
        ],
    )


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
        body=blocks,
    )
    parent.add_child(instance=made)
    made.save_revision().publish()
    return made
