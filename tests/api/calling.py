"""Another system as the tests of the interface play it."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client

from wagtail_agenda import clients
from wagtail_agenda.models import ApiClient

BASE = "/agendas/api/"


@dataclass
class Answer:
    """What a call was answered: its status, its JSON, and the response itself."""

    status: int
    data: Any
    response: HttpResponse = field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    def __contains__(self, name: str) -> bool:
        return name in self.data


@dataclass
class Caller:
    """A client with a key: `caller.get("agenda/")`, `caller.post("agenda/x/fillslot/y/", {…})`."""

    client: ApiClient
    told: clients.Told = field(repr=False)

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Any = None, *, headers: Any = None, **query: Any) -> Answer:
        return self.call("POST", path, body, query=query, headers=headers)

    def patch(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self.call("PATCH", path, body, query=query)

    def delete(self, path: str, **query: Any) -> Answer:
        return self.call("DELETE", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Any = None,
        headers: Any = None,
    ) -> Answer:
        """Call a path below `BASE`, or a whole address as an answer gives it."""
        path = path.removeprefix("http://testserver")
        response = Client().generic(
            method,
            path if path.startswith("/") else BASE + path,
            b"" if body is None else json.dumps(body),
            content_type="application/json",
            query_params=query,
            headers={"Authorization": f"Bearer {self.told.key}", **(headers or {})},
        )
        is_json = response.headers["Content-Type"].startswith("application/json")
        return Answer(response.status_code, response.json() if is_json else None, response)
