"""Who books, and what they answered."""

from dataclasses import dataclass, field
from typing import Any

from wagtail.models import Site

from wagtail_agenda.models import MOST_PLACES, ApiClient, FormVersion


@dataclass(frozen=True)
class Details:
    """Who books, and what they answered. Everything may be empty.

    `places` is how many places the booking takes; None takes those that its hold keeps, or one.
    `label`, `user_display_label`, `description`, `backoffice_url` and `form_url` win over what the
    agenda's templates make of them. `site` and `language` are where and in which language the
    booking was made; mails are written for them. `client` is the other system that makes it, and
    the callback addresses are what that wants to be called at. With `only_once`, nobody who has
    something in the agenda at that time already gets a second booking.

    Raises ValueError for a number of places that no booking can have.
    """

    user_name: str = ""
    user_email: str = ""
    user_phone_number: str = ""
    user_external_id: str = ""
    label: str = ""
    user_display_label: str = ""
    description: str = ""
    backoffice_url: str = ""
    form_url: str = ""
    cancel_callback_url: str = ""
    presence_callback_url: str = ""
    absence_callback_url: str = ""
    extra_emails: tuple[str, ...] = ()
    extra_phone_numbers: tuple[str, ...] = ()
    answers: dict[str, Any] = field(default_factory=dict)
    extra_data: dict[str, Any] = field(default_factory=dict)
    language: str = ""
    site: Site | None = None
    places: int | None = None
    form_version: FormVersion | None = None
    client: ApiClient | None = None
    only_once: bool = False

    def __post_init__(self) -> None:
        if self.places is not None and not 1 <= self.places <= MOST_PLACES:
            raise ValueError(
                f"A booking takes between one and {MOST_PLACES:,} places, not {self.places}"
            )
