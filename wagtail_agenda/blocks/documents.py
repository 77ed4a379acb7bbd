"""Documents of Wagtail's that go with something, where the site has documents."""

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from wagtail import blocks


class DocumentsBlock(blocks.StreamBlock):
    """Any number of documents; none can be chosen where ``wagtail.documents`` is not installed."""

    def __init__(self, local_blocks=(), **kwargs):
        if apps.is_installed("wagtail.documents"):
            from wagtail.documents.blocks import DocumentChooserBlock

            local_blocks = [*local_blocks, ("document", DocumentChooserBlock(label=_("Document")))]
        super().__init__(local_blocks, **kwargs)
