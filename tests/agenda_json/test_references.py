"""What blocks have chosen goes by names, not by primary keys."""

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from wagtail.documents import get_document_model
from wagtail.models import Page

from tests.factories import make_schedule
from wagtail_agenda.importers.agenda_json import CannotBeNamed, references

pytestmark = pytest.mark.django_db


def make_document(title, content=b"map"):
    document = get_document_model()(title=title)
    document.file.save("map.txt", ContentFile(content))
    document._set_file_hash()
    document.save()
    return document


def test_a_document_is_known_by_its_content_and_else_by_its_title():
    document = make_document("Map")
    model, data = type(document), references.named(document)
    assert set(data) == {"title", "file_hash"}
    make_document("Map", b"another")
    assert references.found(model, data) == document
    with pytest.raises(ValidationError, match="several"):
        references.found(model, {"title": "Map"})
    document.title = "Plan"
    document.save()
    assert references.found(model, data) == document
    assert references.found(model, {"title": "Plan", "file_hash": "unknown"}) == document


def test_what_has_no_name_of_its_own_cannot_leave():
    with pytest.raises(CannotBeNamed):
        references.named(Page.objects.first())
    with pytest.raises(ValidationError, match="cannot name"):
        references.found(Page, "home")


def test_keys_are_made_from_labels_and_used_once():
    labels = ["Office hours", "Office Hours!", "營業時間", "Office hours 2"]
    rows = [make_schedule(label=label) for label in labels]
    keys = references.keys_of(rows, "schedule")
    assert list(keys.values()) == ["office-hours", "office-hours-2", "schedule", "office-hours-2-2"]


def test_links_to_pages_go_by_their_path():
    page = Page.objects.filter(depth=2).first() or Page.objects.first()
    portable = f'<p><a linktype="page" path="{page.url_path}">x</a></p>'
    for attributes in (f'linktype="page" id="{page.pk}"', f'id="{page.pk}" linktype="page"'):
        stored = f'<p data-block-key="a1b2c"><a {attributes}>x</a></p>'
        assert references.portable_html(stored) == portable
    assert references.html_of_site(portable) == f'<p><a linktype="page" id="{page.pk}">x</a></p>'
