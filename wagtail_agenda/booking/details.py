"""Who books, and what they answered."""

from dataclasses import dataclass, field
from typing import Any

from wagtail.models import Site

from wagtail_agenda.models import MOST_PLACES, FormVersion


@dataclass(frozen=True)
class Details:
    """Who books, and what they answered. Everything may be empty.

    `places` is how many places the booking takes; None takes those that its hold keeps, or one.
    `description` wins over the agenda's template. `site` and `language` are where and in which
    language the booking was made; mails are written for them.

    Raises ValueError for a number of places that no booking can have.
    """

    user_name: str = ""
    user_email: str = ""
    user_phone_number: str = ""
    user_external_id: str = ""
    description: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    extra_data: dict[str, Any] = field(default_factory=dict)
    language: str = ""
    site: Site | None = None
    places: int | None = None
    form_version: FormVersion | None = None

    def __post_init__(self) -> None:
        if self.places is not None and not 1 <= self.places <= MOST_PLACES:
            raise ValueError(
                f"A booking takes between one and {MOST_PLACES:,} places, not {self.places}"
            )
