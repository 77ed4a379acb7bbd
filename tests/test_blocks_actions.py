"""The actions and rules of a booking workflow, as editors write them."""

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from django.urls import reverse

from wagtail_agenda.blocks.actions import (
    RICH_TEXT_FEATURES,
    ActionsBlock,
    SendEmailBlock,
    TextBlock,
    languages,
)
from wagtail_agenda.blocks.transitions import TransitionBlock, TransitionsBlock
from wagtail_agenda.choices import About, Trigger
from wagtail_agenda.models import Workflow, WorkflowStatus


def cleaned(block, value, *, draft=False):
    value = block.to_python(value)
    return block.clean_deferred(value) if draft else block.clean(value)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("subject", "Hello {user_nme}"),
        ("text", "See you at {tiem}"),
        ("html", "<p>See you at {tiem}</p>"),
    ],
)
def test_a_misspelt_placeholder_is_refused_at_its_field_with_those_there_are(field, text):
    with pytest.raises(ValidationError) as caught:
        cleaned(TextBlock(), {field: text})
    assert list(caught.value.block_errors) == [field]
    message = str(caught.value.block_errors[field])
    assert "{user_name}" in message
    assert "{manage_url}" in message


def test_known_placeholders_single_answers_and_other_braces_are_fine():
    value = {
        "subject": "{user_display_label}, {date}",
        "text": "Dear {user_name}, :-{ and {7*7} and {answer_passport}",
        "html": '<p>{answers} <a href="https://fairbridge.example/">us</a></p>',
    }
    assert cleaned(TextBlock(), value)["subject"] == value["subject"]


def test_a_mail_without_texts_uses_the_built_in_wording():
    value = cleaned(SendEmailBlock(), {"to": "visitor"})
    assert list(value["texts"]) == []
    assert value["with_invitation"] is True


@pytest.mark.parametrize("about", [None, *About])
def test_whom_a_mail_goes_to_is_asked_first(about):
    block = SendEmailBlock(about=about)
    asked = block.meta.form_layout.get_sorted_block_names()
    assert asked[:2] == ["to", "addresses"]
    assert asked == list(block.child_blocks)
    assert ("answer" in asked) == (about != About.MEETINGS)


def test_a_language_has_one_text():
    texts = [{"language": "fr"}, {"language": ""}, {"language": "fr"}]
    with pytest.raises(ValidationError) as caught:
        cleaned(SendEmailBlock(), {"to": "visitor", "texts": texts})
    assert list(caught.value.block_errors["texts"].block_errors) == [2]


@override_settings(WAGTAIL_CONTENT_LANGUAGES=[("br", "Brezhoneg")])
def test_languages_are_those_of_the_sites_content():
    assert languages() == [("br", "Brezhoneg")]


def test_formatted_text_knows_a_few_features():
    assert set(RICH_TEXT_FEATURES) == {"h3", "bold", "italic", "link", "ol", "ul"}


def test_drafts_may_lack_anything():
    cleaned(
        ActionsBlock(), [{"type": "send_email", "value": {"to": None, "texts": [{}]}}], draft=True
    )


@pytest.fixture
def _admin_is_loaded():
    """Choosers of snippets exist once the admin's URLs do."""
    reverse("wagtailadmin_home")


@pytest.mark.django_db
@pytest.mark.usefixtures("_admin_is_loaded")
def test_a_trigger_leads_to_one_status():
    workflow = Workflow.objects.create(label="Own", slug="own")
    status = WorkflowStatus.objects.create(workflow=workflow, label="New", slug="new")
    rule = {"trigger": Trigger.BOOKED.value, "status": status.pk}
    other = {"trigger": Trigger.PRESENT.value, "status": status.pk}
    rows = [{"type": "transition", "value": value} for value in (rule, other, rule)]
    assert len(cleaned(TransitionsBlock(), rows[:2])) == 2
    with pytest.raises(ValidationError) as caught:
        cleaned(TransitionsBlock(), rows)
    assert list(caught.value.block_errors) == [2]
    assert list(caught.value.block_errors[2].block_errors) == ["trigger"]


@pytest.mark.django_db
@pytest.mark.usefixtures("_admin_is_loaded")
def test_two_unfinished_rules_do_not_repeat_each_other():
    rows = [{"type": "transition", "value": {}}] * 2
    assert len(cleaned(TransitionsBlock(), rows, draft=True)) == 2


@pytest.mark.usefixtures("_admin_is_loaded")
def test_rules_must_be_complete_once_saved():
    with pytest.raises(ValidationError):
        cleaned(TransitionBlock(), {"trigger": None, "status": None})
