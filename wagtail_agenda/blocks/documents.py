"""Documents of Wagtail's that go with something, where the site has documents."""

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from wagtail import blocks


def document_block(**kwargs) -> blocks.Block:
    """The choice of a document; ``wagtail.documents`` must be installed.

    Takes what cannot be a key for nothing, where Wagtail's own fails over a forged form.
    """
    from wagtail.documents.blocks import DocumentChooserBlock

    class ForgivingDocumentBlock(DocumentChooserBlock):
        def value_from_form(self, value):
            try:
                return super().value_from_form(value)
            except (TypeError, ValueError, OverflowError):
                return None

    return ForgivingDocumentBlock(**kwargs)


class DocumentsBlock(blocks.StreamBlock):
    """Any number of documents; none can be chosen where ``wagtail.documents`` is not installed."""

    def __init__(self, local_blocks=(), **kwargs):
        if apps.is_installed("wagtail.documents"):
            local_blocks = [*local_blocks, ("document", document_block(label=_("Document")))]
        super().__init__(local_blocks, **kwargs)
