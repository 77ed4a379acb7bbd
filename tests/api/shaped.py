"""Whether an answer has the shape that the description of the interface promises."""

from typing import Any

from pydantic import BaseModel


def assert_shaped(answer: Any, shape: type[BaseModel]) -> None:
    """Every key of an answer is described, and every key that is not optional is there."""
    assert shape.model_validate(answer, strict=True).model_dump(exclude_unset=True) == answer
