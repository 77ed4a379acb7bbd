"""Choosing what the visitor's pages draw themselves over a radio button."""

from playwright.sync_api import Locator, expect


def pick(radio: Locator) -> None:
    """Clicks the label around a radio button, as people do, once it has stopped moving.

    The button itself is covered by its label, and a click forced on it goes wherever it stood
    before the page scrolled.
    """
    radio.locator("xpath=ancestor::label").click()
    expect(radio).to_be_checked()
