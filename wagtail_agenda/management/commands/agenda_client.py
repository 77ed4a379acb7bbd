"""`manage.py agenda_client`: lets another system in, and replaces what it was given."""

import json
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from wagtail.log_actions import log

from wagtail_agenda import clients
from wagtail_agenda.models import Agenda, ApiClient

ACTS = ("add", "list", "new-key", "new-secret", "drop-secret", "new-webhook-secret") + (
    "deactivate",
    "activate",
    "delete",
)


class Command(BaseCommand):
    help = (
        "Makes a client for another system, and tells its key and secrets once, as JSON; or lists "
        "the clients; or replaces what one was told, deactivates, activates or deletes it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "act",
            help=f"One of {', '.join(ACTS)}. Anything else is the name of a client to add.",
        )
        parser.add_argument("name", nargs="?", help="Name of the client, or its host.")
        parser.add_argument(
            "--orig",
            default="",
            metavar="HOST[:PORT]",
            help="With add: the host under which it signs its calls, and is called.",
        )
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            help=f"With add: what it may do, of {', '.join(clients.Scope.values)}; "
            "several with commas, or given several times.",
        )
        parser.add_argument(
            "--agenda",
            action="append",
            default=[],
            metavar="SLUG",
            help="With add: an agenda that it may touch; may be given several times. Without any "
            "it may touch all.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        act, name = options["act"], options["name"]
        if act not in ACTS and name is None:
            act, name = "add", act
        if act not in ACTS:
            raise CommandError(f"There is no act “{act}”. There are: {', '.join(ACTS)}.")
        if act == "list":
            self._list()
        elif not name:
            raise CommandError("Name the client.")
        elif act == "add":
            self._add(name, options)
        else:
            self._change(act, _client(name))

    def _add(self, name: str, options: dict[str, Any]) -> None:
        scopes = {word.strip() for words in options["scope"] for word in words.split(",")} - {""}
        if not scopes:
            raise CommandError(f"Say what it may do: --scope {','.join(clients.Scope.values)}")
        agendas = list(_agendas(options["agenda"]))
        try:
            client, told = clients.add(
                name, orig=options["orig"], scopes=scopes, agendas=agendas, now=timezone.now()
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        log(instance=client, action="wagtail.create")
        self._tell(
            client,
            token=told.key,
            secret=told.secret or None,
            webhook_secret=told.webhook_secret or None,
        )

    def _list(self) -> None:
        for client in ApiClient.objects.prefetch_related("agendas"):
            seen = client.last_used_at
            agendas = ",".join(agenda.slug for agenda in client.agendas.all())
            facts = [
                client.label,
                client.orig or "-",
                ",".join(client.scopes) or "-",
                agendas or "all agendas",
                "active" if client.active else "not active",
                f"seen {seen:%Y-%m-%d %H:%M}" if seen else "never seen",
            ]
            self.stdout.write("\t".join(facts))

    def _change(self, act: str, client: ApiClient) -> None:
        if act == "delete":
            log(instance=client, action="wagtail.delete", deleted=True)
            client.delete()
            return
        if act in ("new-secret", "new-webhook-secret") and not client.orig:
            raise CommandError(f"“{client}” has no host to sign as. Set it in the admin first.")
        do = {
            "new-key": ("token", clients.new_key),
            "new-secret": ("secret", clients.new_secret),
            "drop-secret": ("", clients.drop_previous_secret),
            "new-webhook-secret": ("webhook_secret", clients.new_webhook_secret),
            "deactivate": ("", clients.deactivate),
            "activate": ("", clients.activate),
        }
        word, function = do[act]
        told = function(client)
        log(instance=client, action=f"wagtail_agenda.{LOGGED[act]}")
        if word:
            self._tell(client, **{word: told})

    def _tell(self, client: ApiClient, **told: Any) -> None:
        facts = {"name": client.label, "orig": client.orig, **told}
        self.stdout.write(json.dumps(facts, ensure_ascii=False))


LOGGED = {
    "new-key": "new_client_key",
    "new-secret": "new_client_secret",
    "drop-secret": "drop_client_secret",
    "new-webhook-secret": "new_client_webhook_secret",
    "deactivate": "deactivate_client",
    "activate": "activate_client",
}


def _client(name: str) -> ApiClient:
    found = list(ApiClient.objects.filter(label=name)) or list(
        ApiClient.objects.filter(orig=name.lower())
    )
    if not found:
        raise CommandError(f"There is no client “{name}”. “manage.py agenda_client list” has all.")
    if len(found) > 1:
        raise CommandError(f"Several clients are called “{name}”. Name its host instead.")
    return found[0]


def _agendas(slugs: Iterable[str]) -> Iterable[Agenda]:
    for slug in slugs:
        agenda = Agenda.objects.filter(slug=slug).first()
        if agenda is None:
            raise CommandError(f"There is no agenda “{slug}”.")
        yield agenda
