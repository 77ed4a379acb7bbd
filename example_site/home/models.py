"""The pages of the example town hall, and one snippet that carries a booking form."""

from django.db import models
from wagtail import blocks
from wagtail.admin.panels import FieldPanel
from wagtail.fields import StreamField
from wagtail.models import Page
from wagtail.snippets.blocks import SnippetChooserBlock
from wagtail.snippets.models import register_snippet

from wagtail_agenda.blocks import BookingFormBlock


class TextBlock(blocks.StreamBlock):
    """What an editor writes a notice of."""

    heading = blocks.CharBlock(icon="title", template="home/blocks/heading.html")
    paragraph = blocks.RichTextBlock(icon="pilcrow")
    booking_form = BookingFormBlock()


class ContentBlock(TextBlock):
    """What an editor composes a page of: the same, and notices."""

    notice = SnippetChooserBlock(
        "home.Notice", icon="info-circle", template="home/blocks/notice.html"
    )


class HomePage(Page):
    """Any page of the town hall: a title, a line under it, and blocks."""

    summary = models.CharField(max_length=255, blank=True)
    body = StreamField(ContentBlock(), blank=True)

    content_panels = [*Page.content_panels, FieldPanel("summary"), FieldPanel("body")]

    def get_context(self, request, *args, **kwargs):
        services = HomePage.objects.child_of(self).live().in_menu()
        return {**super().get_context(request, *args, **kwargs), "services": services}


@register_snippet
class Notice(models.Model):
    """A box that several pages may show. Proves that a booking form works outside a page."""

    title = models.CharField(max_length=100)
    body = StreamField(TextBlock(), blank=True)

    panels = [FieldPanel("title"), FieldPanel("body")]

    def __str__(self):
        return self.title
