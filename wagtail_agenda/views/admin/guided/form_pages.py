"""The pages of a site that can take a booking form, for those who may edit them."""

from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.db.models import F, QuerySet
from django.urls import reverse
from wagtail.blocks import Block, ListBlock
from wagtail.fields import StreamField
from wagtail.models import Page, ReferenceIndex, get_page_models
from wagtail.permission_policies.pages import PagePermissionPolicy

from wagtail_agenda.blocks.booking_form import BookingFormBlock
from wagtail_agenda.models import Agenda


@dataclass(frozen=True)
class FormPage:
    """A page, where it is edited, and whether it takes bookings for the agenda already."""

    title: str
    kind: str
    edit_url: str
    has_form: bool


def holds_booking_form(block: Block, _seen: frozenset[int] = frozenset()) -> bool:
    """Whether a booking form can be put into this block, however deep inside it."""
    if isinstance(block, BookingFormBlock):
        return True
    # A block may contain itself.
    if id(block) in _seen:
        return False
    inside = [block.child_block] if isinstance(block, ListBlock) else []
    inside += getattr(block, "child_blocks", {}).values()
    return any(holds_booking_form(child, _seen | {id(block)}) for child in inside)


def page_models() -> list[type[Page]]:
    """The sorts of page with a StreamField that takes a booking form."""
    return [
        model
        for model in get_page_models()
        if any(
            isinstance(field, StreamField) and holds_booking_form(field.stream_block)
            for field in model._meta.get_fields()
        )
    ]


def pages_for(user) -> QuerySet[Page]:
    """The pages into which `user` may put a booking form, those edited last first."""
    kinds = ContentType.objects.get_for_models(*page_models()).values()
    editable = PagePermissionPolicy().instances_user_has_permission_for(user, "change")
    return (
        editable.filter(content_type__in=list(kinds), alias_of__isnull=True)
        .select_related("content_type")
        .order_by(F("latest_revision_created_at").desc(nulls_last=True), "pk")
    )


def form_pages(pages: list[Page], agenda: Agenda) -> list[FormPage]:
    """One query, whatever the number of pages."""
    using = set(
        ReferenceIndex.objects.filter(
            to_content_type=ContentType.objects.get_for_model(Agenda),
            to_object_id=str(agenda.pk),
            base_content_type=ContentType.objects.get_for_model(Page),
        ).values_list("object_id", flat=True)
    )
    return [
        FormPage(
            title=page.get_admin_display_title(),
            kind=str(page.content_type.name),
            edit_url=reverse("wagtailadmin_pages:edit", args=[page.pk]),
            has_form=str(page.pk) in using,
        )
        for page in pages
    ]
