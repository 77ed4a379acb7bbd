"""The interface as it describes itself, in OpenAPI 3.1."""

import copy
from typing import Any

from ninja import NinjaAPI
from ninja.operation import Operation

TEXT = """\
Agendas, free times and bookings for other systems. Compatible with the agenda interface that the
Publik suite documents. Every answer has `err`: 0, or a number of an error, whose stable code is
`err_class`. Every call may have an `Idempotency-Key`, except those that only read."""


class Described(NinjaAPI):
    """An interface whose calls are described by their docstrings, and written down once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._written: dict[str, dict[str, Any]] = {}

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Module and function: ``bookings_cancel``."""
        view = operation.view_func
        return f"{view.__module__.rpartition('.')[2]}_{view.__name__.strip('_')}"

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The description, for calls below `path_prefix`; by default, for where they are."""
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._written:
            # It takes as long as some hundred calls, and anybody may ask for it.
            self._written[prefix] = self._described(prefix)
        return copy.deepcopy(self._written[prefix])

    def _described(self, prefix: str) -> dict[str, Any]:
        schema = super().get_openapi_schema(path_prefix=prefix)
        for calls in schema["paths"].values():
            for call in calls.values():
                call["summary"] = " ".join(call["description"].split("\n\n")[0].split())
        return schema
