"""What axe finds on a page, in the least time: its engine takes longer than most pages."""

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page

THEMED = ["color-contrast", "link-in-text-block"]
"""The rules of axe that look at colours, all that the dark theme changes."""

# A colour on its way to another is neither; what never ends has no end to be put to.
SETTLED_VIOLATIONS = """async ({ context, options }) => {
  for (const one of document.getAnimations()) {
    if (Number.isFinite(one.effect.getComputedTiming().endTime)) one.finish();
  }
  const results = await axe.run(context || document, { resultTypes: ["violations"], ...options });
  return results.violations;
}"""


LARGEST_ICON = 64
"""Pixels. An icon that no style reaches is as wide as the page allows."""

LARGE_ICONS = """({ context, largest }) =>
  [...document.querySelectorAll(`${context || "body"} svg.icon`)]
    .filter((icon) => icon.getBoundingClientRect().width > largest)
    .map((icon) => icon.parentElement.textContent.trim())"""


def assert_accessible(page: Page, context: str | None = None, **options) -> None:
    """Asserts that axe finds nothing inside `context`, a selector, or on the whole page.

    No icon may be of a size that nobody gave it either.

    `options` are those of `axe.run`. The page must be there: where a click leads to another one,
    wait first for something that only that page has.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    large = page.evaluate(LARGE_ICONS, {"context": context, "largest": LARGEST_ICON})
    assert not large, f"{page.url}\nIcons without a size beside: {large}"
    violations = page.evaluate(SETTLED_VIOLATIONS, {"context": context, "options": options})
    assert not violations, f"{page.url}\n{AxeResults({'violations': violations}).generate_report()}"


def assert_accessible_in_both_themes(page: Page, context: str | None = None) -> None:
    """Asserts the same in the light theme, and of the colours in the dark one."""
    page.emulate_media(color_scheme="light")
    assert_accessible(page, context)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page, context, runOnly={"type": "rule", "values": THEMED})
    page.emulate_media(color_scheme="light")
