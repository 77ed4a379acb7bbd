"""The choice of a status, for rules and actions."""

from wagtail.snippets.blocks import SnippetChooserBlock


class StatusChooserBlock(SnippetChooserBlock):
    """Takes what cannot be a key for nothing, where Wagtail's own fails over a forged form."""

    def value_from_form(self, value):
        try:
            return super().value_from_form(value)
        except (TypeError, ValueError, OverflowError):
            return None
