"""Where in a file something stands, and what is wrong there, in words."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from wagtail.blocks.list_block import ListBlockValidationError
from wagtail.blocks.stream_block import StreamBlockValidationError
from wagtail.blocks.struct_block import StructBlockValidationError


class Refused(ValueError):
    """Nothing was changed. `problems` says by place what is wrong there and what is expected.

    A place is a path of keys such as ``agendas[0].desks[2].schedule``; empty for the whole.
    """

    def __init__(self, problems: dict[str, str]):
        super().__init__(problems)
        self.problems = problems

    def __str__(self):
        lines = (f"{place}: {said}" if place else said for place, said in self.problems.items())
        return "\n".join(lines)


class Place(str):
    """A path of keys."""

    __slots__ = ()

    def key(self, name: str) -> "Place":
        return Place(f"{self}.{name}" if self else name)

    def item(self, number: int) -> "Place":
        return Place(f"{self}[{number}]")


class Problems(dict[str, str]):
    """What has been found so far, by place."""

    def add(self, place: Place, said: Any) -> None:
        said = str(said)
        if place not in self:
            self[place] = said
        elif said not in self[place]:
            self[place] += f" {said}"

    def add_error(self, place: Place, error: ValidationError) -> None:
        """Take in what models and blocks say, each part at the place that it is about."""
        if isinstance(error, StreamBlockValidationError):
            self._add_parts(error, lambda index: place.item(index).key("value"), place)
        elif isinstance(error, ListBlockValidationError):
            self._add_parts(error, place.item, place)
        elif isinstance(error, StructBlockValidationError):
            self._add_parts(error, place.key, place)
        elif hasattr(error, "error_dict"):
            for name, errors in error.error_dict.items():
                at = place if name == NON_FIELD_ERRORS else place.key(name)
                for one in errors:
                    self.add_error(at, one)
        else:
            for message in error.messages:
                self.add(place, message)

    def _add_parts(self, error, at, place: Place) -> None:
        for part, inner in error.block_errors.items():
            self.add_error(at(part), inner)
        for inner in error.non_block_errors.as_data():
            self.add_error(place, inner)

    def raise_if_any(self) -> None:
        if self:
            raise Refused(dict(self))
