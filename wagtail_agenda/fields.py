"""A StreamField whose blocks are named by a dotted path."""

from django.utils.functional import cached_property
from django.utils.module_loading import import_string
from wagtail.fields import StreamField


class BlocksField(StreamField):
    """A StreamField that takes the dotted path of its top-level ``StreamBlock`` class.

    The path is resolved at first use and is all that a migration records. So the models need not
    import the blocks above them, and neither a reworded label nor an action that a project
    registers asks for a migration of this package.
    """

    def __init__(self, block_path: str, **kwargs):
        self.block_path = block_path
        super().__init__([], **kwargs)

    @cached_property
    def stream_block(self):
        block = import_string(self.block_path)()
        block.set_meta_options(self.block_opts)
        return block

    def deconstruct(self):
        name, path, _args, kwargs = super(StreamField, self).deconstruct()
        return name, path, [self.block_path], kwargs
