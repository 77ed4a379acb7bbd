"""Wagtail publishes a meeting: somebody by a form, or the clock by `publish_scheduled`.

A form is told what is wrong, and nothing is published. The clock can be told nothing, and must not
be stopped from publishing what else is due: then the meeting stays as it was announced, its history
says why, and its organiser gets a mail.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone, translation
from wagtail.models import Site
from wagtail.signals import published

from wagtail_agenda import outbox
from wagtail_agenda.built_in_meeting_mails import NOT_ANNOUNCED
from wagtail_agenda.choices import Actor, Audience, MailTo
from wagtail_agenda.contention import all_or_nothing
from wagtail_agenda.errors import BookingError
from wagtail_agenda.mail_settings import calendar_domain
from wagtail_agenda.meetings.calling import call
from wagtail_agenda.meetings.wanted import missing_of, wanted_of
from wagtail_agenda.models import CalledMeeting, Entry, Meeting

logger = logging.getLogger(__name__)

_by_hand: ContextVar[AbstractBaseUser | None] = ContextVar("agenda_meeting_by_hand", default=None)


@contextmanager
def published_by_hand(user: AbstractBaseUser) -> Iterator[None]:
    """Let what refuses a meeting that is published in here be raised, for a form to say it.

    Then nothing that was done in here is saved.
    """
    token = _by_hand.set(user)
    try:
        with all_or_nothing():
            yield
    finally:
        _by_hand.reset(token)


@receiver(published, sender=Meeting, dispatch_uid="wagtail_agenda.meeting_published")
def _meeting_published(instance: Meeting, **_kwargs) -> None:
    if not instance.live:
        # Wagtail sends the signal for what is to go live later, too.
        return
    now, user = timezone.now(), _by_hand.get()
    if user is not None:
        call(instance, now=now, user=user)
        return
    try:
        with transaction.atomic():
            call(instance, now=now)
    except BookingError as error:
        logger.warning("Meeting %s was published and not announced: %s", instance.pk, error)
        _note_not_announced(instance, error, now)


def _note_not_announced(meeting: Meeting, error: BookingError, now: datetime) -> None:
    if missing_of(meeting):
        # Nobody to write to, or nothing to write of. Its form does not let anybody schedule it.
        return
    wanted = wanted_of(meeting)
    with translation.override(settings.LANGUAGE_CODE):
        problem = str(error)
    with transaction.atomic():
        called = CalledMeeting.objects.filter(meeting=meeting).first()
        if called is None:
            site = Site.objects.filter(is_default_site=True).first()
            called = CalledMeeting.objects.create(
                meeting=meeting, language=settings.LANGUAGE_CODE, site=site, **wanted.columns
            )
        entry = Entry.objects.create(
            called_meeting=called,
            what=NOT_ANNOUNCED,
            actor=Actor.SYSTEM,
            at=now,
            data={"reason": problem},
        )
        mail = outbox.Mail(
            booking=called,
            audience=Audience.STAFF.value,
            recipient=wanted.organiser_address,
            invitation=None,
            action={
                "to": MailTo.ORGANISER.value,
                "news": NOT_ANNOUNCED,
                "facts": {"problem": problem},
            },
            cause=f"{entry.pk}.0",
        )
        outbox.enqueue_mails([mail], domain=calendar_domain(), now=now)
