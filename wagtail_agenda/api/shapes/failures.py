"""The shapes that answers to calls of every kind can have."""

from typing import Any

from ninja.responses import codes_4xx
from pydantic import BaseModel, Field


class Answer(BaseModel):
    """What every answer has."""

    err: int = Field(0, description="0, or a number of an error.")


class Failure(Answer):
    """The answer to a call that did nothing."""

    err: int
    err_class: str = Field(description="The code of the error, which never changes.")
    err_desc: str = Field(description="What happened, in the language of the call.")
    reason: str = Field(description="The same as `err_class`.")
    errors: dict[str, list[str]] = Field({}, description="What is wrong with which field.")


def or_failure(shape: Any) -> dict[Any, Any]:
    """What a call is described to answer: this, or why not.

    What the site itself refuses comes with status 200, and in the second shape as well.
    """
    return {200: shape | Failure, codes_4xx: Failure}
