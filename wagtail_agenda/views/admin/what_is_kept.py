"""What personal data is kept, what for, how long and who sees it: read from what is set up."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView

from wagtail_agenda import conf
from wagtail_agenda.models import Agenda, ApiClient, MailSettings
from wagtail_agenda.privacy.record import AgendaRecord, records
from wagtail_agenda.views.admin.base import url_to
from wagtail_agenda.views.admin.persons import AdministratorPage
from wagtail_agenda.views.admin.setup.clients import agendas_of, scopes_of
from wagtail_agenda.views.admin.setup.mail_settings import server_in_words


@dataclass(frozen=True)
class Kept:
    """One kind of data, wherever it comes from."""

    what: str
    why: str
    until: str


class WhatIsKeptView(AdministratorPage, TemplateView):
    """What personal data is kept, and why: for whoever answers for its protection."""

    template_name = "wagtail_agenda/admin/what_is_kept.html"
    page_title = gettext_lazy("What is kept, and why")

    def get_page_title(self):
        return self.page_title

    def trail(self):
        return [(url_to("person"), _("Personal data")), ("", self.page_title)]

    def get_context_data(self, **kwargs):
        agendas = Agenda.objects.order_by("label", "pk")
        return super().get_context_data(
            **kwargs,
            person_url=url_to("person"),
            records=[(edit_url(one.agenda), one, how_long(one)) for one in records(agendas)],
            kept=what_is_kept(),
            clients=[
                (client, scopes_of(client), agendas_of(client))
                for client in ApiClient.objects.filter(active=True).prefetch_related("agendas")
            ],
            servers=[
                (one, server_in_words(one)) for one in MailSettings.objects.select_related("site")
            ],
        )


def edit_url(agenda: Agenda) -> str:
    return reverse("wagtailsnippets_wagtail_agenda_agenda:edit", args=[agenda.pk])


def how_long(record: AgendaRecord) -> str:
    """How long an agenda keeps who came; empty if for good."""
    days = record.agenda.retention_days
    if days is None:
        return ""
    return ngettext(
        "%(count)d day after the booking has ended",
        "%(count)d days after the booking has ended",
        days,
    ) % {"count": days}


def what_is_kept() -> list[Kept]:
    """The kinds of data that every agenda has, as this site is set up."""
    as_booking = _("As long as the agenda keeps who came: see above")
    return [
        Kept(
            _("Name, e-mail address, telephone, answers to the form, language"),
            _("To expect the visitor, to reach them, and to know what they come for"),
            as_booking,
        ),
        Kept(
            _("Whether they came, with a reason and a note"),
            _("For the colleagues who meet them next, and for counts"),
            _("Reason and note as the booking; that somebody came stays, without saying who"),
        ),
        Kept(
            _("The history of each booking, with what colleagues wrote in it"),
            _("To be able to say what happened, when, and who did it"),
            as_booking,
        ),
        Kept(
            _("Mails: address and state, and the finished text"),
            _("So that each is delivered once, tried again if it is refused, and can be traced"),
            _(
                "Address and state as the booking; the text until the mail has left, or is given "
                "up after %(hours)d hours"
            )
            % {"hours": conf.get("DELIVERY_GIVE_UP_HOURS")},
        ),
        Kept(
            _("What other systems sent along or answered, and files made for a booking"),
            _("For the mails and calls that need them"),
            as_booking,
        ),
        Kept(
            _("What somebody has typed without booking"),
            _("So that nothing is lost when the time they chose is"),
            _("A time is held for %(minutes)d minutes; what was typed is deleted a day after that")
            % {"minutes": conf.get("HOLD_MINUTES")},
        ),
        Kept(
            _("A digest of the network address; the address itself is never kept"),
            _("Against abuse: to limit how many times one address holds"),
            _("As what was typed, or as the booking it has become"),
        ),
        Kept(
            _("Counts for digests of network and e-mail addresses"),
            _("Against abuse: to limit how often one address books or is written to"),
            _("An hour or a day, in the cache"),
        ),
        Kept(
            _("The site’s log: which colleague did what with which booking number"),
            _("To be able to answer for it"),
            _("As long as Wagtail keeps its log; the number alone says nobody’s name"),
        ),
    ]
