"""The panel on the admin's home: what today brings, what failed to leave, what does not run."""

from django.utils import timezone
from django.utils.functional import cached_property
from wagtail.admin.ui.components import Component

from wagtail_agenda import health, permissions
from wagtail_agenda.choices import DeliveryKind, DeliveryState
from wagtail_agenda.views.admin.agendas import todays
from wagtail_agenda.views.admin.base import agendas_of, page_of, url_to
from wagtail_agenda.views.admin.dates import with_query
from wagtail_agenda.views.admin.deciding import pending, soonest
from wagtail_agenda.views.admin.delivery_lines import whom
from wagtail_agenda.wording import short_moment_text

MOST_AGENDAS = 10
MOST_MAILS = 5
MOST_TO_DECIDE = 5


class AgendaPanel(Component):
    """Shown to whoever has a role on some agenda; limited to the agendas one may see.

    What does not run is told to agents too: they meet the visitors whose mails do not come.
    """

    name = "agendas"
    order = 150
    template_name = "wagtail_agenda/admin/dashboard.html"

    class Media:
        css = {"all": ["wagtail_agenda/dashboard.css"]}

    def __init__(self, request):
        self.request = request
        self.now = timezone.now()

    def get_context_data(self, parent_context):
        busy = [today for today in self.todays if today.bookings]
        failed = permissions.visible(self.request.user, health.failed_deliveries(self.now))
        to_decide = soonest(self.agendas, MOST_TO_DECIDE + 1)
        mails = list(
            failed.select_related("booking__agenda", "called_meeting__agenda")[: MOST_MAILS + 1]
        )
        return {
            "request": self.request,
            "csrf_token": parent_context["csrf_token"],
            "here": self.request.path,
            "problems": self.problems,
            "todays": [
                {"today": today, "done": today.bookings - today.expected}
                for today in busy[:MOST_AGENDAS]
            ],
            "further_agendas": len(self.todays) - len(busy[:MOST_AGENDAS]),
            "agendas_url": url_to("agenda"),
            "to_decide": to_decide[:MOST_TO_DECIDE],
            # Counted only when there is more than is shown.
            "to_decide_count": (
                pending(self.agendas).count() if len(to_decide) > MOST_TO_DECIDE else len(to_decide)
            ),
            "mails": [
                {
                    "delivery": mail,
                    "whom": whom(mail),
                    "when": short_moment_text(mail.subject.local_start),
                    "booking_url": page_of(mail.subject),
                    "retry_url": url_to("delivery_retry", mail.pk),
                }
                for mail in mails[:MOST_MAILS]
            ],
            # Counted only when there is more than is shown.
            "mails_count": failed.count() if len(mails) > MOST_MAILS else len(mails),
            "some_are_calls": any(mail.kind == DeliveryKind.CALL for mail in mails),
            "deliveries_url": with_query(url_to("deliveries"), {"state": DeliveryState.FAILED}),
            "retry_all_url": url_to("deliveries_retry"),
        }

    @cached_property
    def todays(self):
        return todays(self.agendas, self.now)

    @cached_property
    def agendas(self):
        return list(agendas_of(self.request.user))

    @property
    def problems(self) -> list[health.Problem]:
        found = health.problems(self.now)
        proxy = health.proxy_problem(self.request)
        # Nobody else can change the settings, or make sense of it.
        if proxy and permissions.is_administrator(self.request.user):
            found.append(proxy)
        return found
