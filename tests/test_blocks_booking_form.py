"""The block renders from its value alone, wherever it stands and whatever it lacks."""

import hashlib
import html as html_module
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.template import engines
from django.test import RequestFactory
from django.utils import translation
from freezegun import freeze_time
from wagtail import blocks

from tests.factories import (
    NOW,
    make_agenda,
    make_appointments,
    make_booking,
    make_desk,
    make_event,
    make_meeting_type,
    make_schedule,
)
from wagtail_agenda import form_definition
from wagtail_agenda.blocks import BookingFormBlock, FormFieldsBlock
from wagtail_agenda.blocks.fields import fields_asked
from wagtail_agenda.choices import AgendaKind

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


def value(agenda=None, **values):
    return BookingFormBlock().to_python({"agenda": agenda and agenda.pk, **values})


def rendered(agenda=None, context=None, **values):
    return BookingFormBlock().render(value(agenda, **values), context)


def definition_in(html):
    signed = html_module.unescape(re.search(r'name="definition" value="([^"]+)"', html)[1])
    return form_definition.read(signed, NOW)


def text_of(html):
    return " ".join(re.sub("<[^>]+>", " ", html_module.unescape(html)).split())


def preview():
    request = RequestFactory().get("/")
    request.is_preview = True
    return {"request": request}


# What it shows


def test_shows_the_next_free_times_in_full():
    agenda, _type, _desks = make_appointments()
    html = rendered(agenda, heading="Passports", introduction="<p>Bring a <b>photo</b>.</p>")
    assert "Monday 30 November 2026, 09:00 to 09:30 (Europe/Paris, UTC+01:00)" in html
    assert html.count('type="radio" name="slot"') == 6
    assert "<h2>Passports</h2>" in html
    assert "<b>photo</b>" in html
    assert 'name="more"' in html


def test_asks_for_the_appointment_type_first_if_there_are_several():
    agenda, passport, _desks = make_appointments()
    make_meeting_type(agenda, label="Wedding", duration=60)
    html = rendered(agenda)
    assert html.count('type="radio" name="type"') == 2
    assert 'name="slot"' not in html
    chosen = rendered(agenda, meeting_type=str(passport.pk))
    assert 'name="type"' not in chosen
    assert definition_in(chosen).meeting_type_id == passport.pk


def test_shows_coming_events_with_their_places():
    event = make_event(places=3, label="Sourdough")
    make_booking(event.agenda)
    html = rendered(event.agenda)
    assert "Sourdough" in text_of(html)
    assert "2 places left" in text_of(html)
    assert f'value="{event.slug}"' in html


def test_says_when_nothing_is_free():
    event = make_event(places=1)
    make_booking(event.agenda)
    assert "nothing free" in rendered(event.agenda)
    html = rendered(event.agenda, fully_booked_text="Full!\nAsk <us>.")
    assert "Full!<br>Ask &lt;us&gt;." in html
    assert 'name="definition"' not in html


@pytest.mark.parametrize("state", ["draft", "expired", "no desks", "retired type"])
def test_says_politely_that_an_agenda_takes_no_bookings(state):
    agenda, passport, desks = make_appointments()
    values = {}
    if state == "draft":
        agenda.live = False
    elif state == "expired":
        agenda.expire_at = NOW - timedelta(minutes=1)
    elif state == "no desks":
        desks[0].delete()
    else:
        values["meeting_type"] = str(passport.pk)
        make_meeting_type(agenda, label="Other")
        passport.retired = True
        passport.save()
    agenda.save()
    html = rendered(agenda, **values)
    assert "Bookings are closed at the moment." in html
    assert "<form" not in html


def test_visitors_see_nothing_while_no_agenda_is_chosen():
    assert rendered().strip() == ""
    assert "choose an agenda" in rendered(context=preview())


def test_a_deleted_agenda_leaves_nothing_behind():
    agenda = make_agenda()
    raw = {"agenda": agenda.pk, "heading": "Gone"}
    agenda.delete()
    block = BookingFormBlock()
    assert block.render(block.to_python(raw)).strip() == ""


def test_tells_editors_that_the_agenda_is_not_published():
    agenda = make_appointments(live=False)[0]
    assert "not published" in rendered(agenda, context=preview())
    assert "not published" not in rendered(agenda)


def test_does_not_break_a_site_that_forgot_the_urls(settings, caplog):
    agenda = make_appointments()[0]
    settings.ROOT_URLCONF = "tests.test_blocks_booking_form"
    assert "Bookings are closed" in rendered(agenda)
    assert "wagtail_agenda.urls" in caplog.text


urlpatterns = []


# Where it stands


def test_stands_anywhere_without_a_request():
    agenda = make_appointments()[0]

    class Inner(blocks.StreamBlock):
        parts = blocks.ListBlock(BookingFormBlock())

    class Outer(blocks.StreamBlock):
        section = Inner()

    parts = [{"agenda": agenda.pk}, {"agenda": agenda.pk}]
    stream = Outer().to_python([{"type": "section", "value": [{"type": "parts", "value": parts}]}])
    template = engines["django"].from_string("{{ body }}")
    html = template.render({"body": stream})
    assert html.count('name="definition"') == 2
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_is_the_same_for_every_visitor_within_the_hour(clock):
    agenda = make_appointments()[0]
    first = rendered(agenda, context={"request": RequestFactory().get("/a/")})
    clock.tick(timedelta(minutes=50))
    other = RequestFactory().get("/b/", headers={"cookie": "sessionid=x; csrftoken=y"})
    later = rendered(agenda, context={"request": other})
    assert definition_in(first) == definition_in(later)
    assert "csrf" not in first
    signed = re.compile('name="definition" value="([^"]+)"')
    assert signed.search(first)[1] == signed.search(later)[1]


def test_carries_no_inline_script_or_style():
    html = rendered(make_appointments()[0], heading="x' onclick='y")
    assert not re.search(r"<style|style=|\son\w+=[\"]|<script(?![^>]*src=)", html)


def test_speaks_the_language_of_the_page():
    agenda = make_appointments()[0]
    with translation.override("fr"):
        html = rendered(agenda)
    assert 'lang="fr"' in html
    assert definition_in(html).language == "fr"


def test_marks_what_a_preview_shows():
    html = rendered(make_appointments()[0], context=preview())
    with pytest.raises(form_definition.FormDefinitionError) as caught:
        definition_in(html)
    assert caught.value.code == "preview"


def test_listing_takes_few_queries(django_assert_max_num_queries):
    agenda = make_appointments(desks=5)[0]
    shown = value(agenda)
    shown["agenda"]
    with django_assert_max_num_queries(12):
        BookingFormBlock().render(shown)


# What it asks


def questions(*raw):
    return FormFieldsBlock().to_python(
        [{"type": kind, "value": {"label": label, **more}} for kind, label, more in raw]
    )


def test_names_are_made_from_labels_and_never_twice():
    asked = fields_asked(
        questions(
            ("single_line", "Prénom d’un enfant", {}),
            ("single_line", "Имя", {}),
            ("single_line", "Имя", {}),
            ("single_line", "1st", {}),
            ("single_line", "🙂", {}),
            ("single_line", "Slot", {}),
            ("single_line", "Other", {"clean_name": "imia"}),
            ("single_line", "Bad", {"clean_name": "Not a name"}),
            ("single_line", "x" * 200, {}),
        )
    )
    names = [item["clean_name"] for item in asked]
    assert names[0] == "prenom_d_un_enfant"
    assert len(set(names)) == 9
    assert all(re.fullmatch("[a-z][a-z0-9_]{0,49}", name) for name in names)
    assert names[6] == "imia"
    assert "slot" not in names


def test_unfinished_questions_are_not_asked():
    asked = fields_asked(
        questions(
            ("single_line", "", {}),
            ("choice", "Which?", {"choices": []}),
            ("choice", "Which one?", {"choices": ["a", " ", "a ", "b"]}),
        )
    )
    assert [item["label"] for item in asked] == ["Which one?"]
    assert asked[0]["choices"] == ["a", "b"]


def test_what_the_editor_wrote_reaches_the_definition():
    agenda, _type, _desks = make_appointments()
    html = rendered(
        agenda,
        heading=" Passports ",
        confirmation_text="<p>See you.</p>",
        fields=[
            {
                "type": "number",
                "value": {"label": "Children", "required": True, "minimum": "0", "maximum": "12"},
            },
            {"type": "consent", "value": {"label": "I agree", "text": "<p>To <i>this</i>.</p>"}},
        ],
    )
    definition = definition_in(html)
    assert definition.texts == {"heading": "Passports", "confirmation": "<p>See you.</p>"}
    number, consent = definition.fields
    assert (number["minimum"], number["maximum"], number["required"]) == ("0", "12", True)
    assert consent["text"] == "<p>To <i>this</i>.</p>"


# What an editor can save


def errors_of(block, cleaned_value):
    with pytest.raises(ValidationError) as caught:
        block.clean(cleaned_value)
    return caught.value


def test_a_draft_may_lack_everything():
    block = BookingFormBlock()
    cleaned = block.clean_deferred(block.get_default())
    assert block.render(cleaned).strip() == ""
    assert cleaned["agenda"] is None


def test_publishing_needs_an_agenda():
    assert "agenda" in errors_of(BookingFormBlock(), value()).block_errors


def test_appointment_types_stand_under_their_agenda_even_if_two_have_one_name():
    first, second = (make_agenda(label="Papers", slug=slug) for slug in ("north", "south"))
    other = make_agenda(label="Weddings")
    types = [make_meeting_type(agenda, label="Passport") for agenda in (first, second, other)]

    form = BookingFormBlock().child_blocks["meeting_type"].field.widget.render("type", None)

    grouped = re.findall(r'<optgroup label="([^"]+)">\s*<option value="(\d+)">Passport<', form)
    assert grouped == [
        (label, str(kind.pk))
        for label, kind in zip(["Papers (north)", "Papers (south)", "Weddings"], types, strict=True)
    ]


def test_another_agendas_appointment_type_is_refused():
    agenda = make_appointments()[0]
    foreign = make_appointments()[1]
    error = errors_of(BookingFormBlock(), value(agenda, meeting_type=str(foreign.pk)))
    assert "does not give this appointment" in str(error.block_errors["meeting_type"].messages)


def test_an_own_appointment_type_is_taken():
    agenda, passport, _desks = make_appointments()
    cleaned = BookingFormBlock().clean(value(agenda, meeting_type=str(passport.pk)))
    assert cleaned["meeting_type"] == str(passport.pk)


@pytest.mark.parametrize("name", ["Not a name", "1st", "_x", "a-b", "user_email", "slot", "é"])
def test_a_name_that_cannot_be_one_is_refused(name):
    stream = questions(("single_line", "Line", {"clean_name": name}))
    assert 0 in errors_of(FormFieldsBlock(), stream).block_errors


def test_two_questions_with_one_name_are_refused():
    stream = questions(
        ("single_line", "A", {"clean_name": "a"}), ("email", "B", {"clean_name": "a"})
    )
    assert list(errors_of(FormFieldsBlock(), stream).block_errors) == [1]


def test_the_same_choice_twice_and_bounds_upside_down_are_refused():
    stream = questions(
        ("radio", "A", {"choices": ["x", "x "]}), ("number", "B", {"minimum": 3, "maximum": 2})
    )
    assert set(errors_of(FormFieldsBlock(), stream).block_errors) == {0, 1}


def test_a_form_that_no_page_can_carry_is_refused():
    agenda = make_appointments()[0]
    # Digests, because text that repeats compresses to nothing.
    noise = [hashlib.sha512(bytes([index])).hexdigest() for index in range(240)]
    long_fields = [
        {
            "type": "single_line",
            "value": {"label": noise[index], "help_text": "".join(noise[index + 60 :: 60])},
        }
        for index in range(60)
    ]
    error = errors_of(BookingFormBlock(), value(agenda, fields=long_fields))
    assert "too long" in str(error.block_errors["fields"].messages)
    with translation.override("en"):
        assert "Bookings are closed" in rendered(agenda, fields=long_fields)


# How it behaves in the house


def test_migrations_of_a_site_name_the_class_alone():
    stream = blocks.StreamBlock([("booking", BookingFormBlock(label="Book here"))])
    _path, args, _kwargs = stream.deconstruct()
    path, block_args, block_kwargs = args[0][0][1].deconstruct()
    assert path == "wagtail_agenda.blocks.booking_form.BookingFormBlock"
    assert (list(block_args), block_kwargs) == ([], {"label": "Book here"})

    from wagtail.blocks.definition_lookup import BlockDefinitionLookup, BlockDefinitionLookupBuilder

    builder = BlockDefinitionLookupBuilder()
    index = builder.add_block(BookingFormBlock(label="Book here"))
    restored = BlockDefinitionLookup(builder.get_lookup_as_dict()).get_block(index)
    assert isinstance(restored, BookingFormBlock)
    assert restored.label == "Book here"


def test_has_a_picture_for_the_block_chooser_before_there_is_an_agenda():
    block = BookingFormBlock()
    assert block.is_previewable
    shown = block.get_preview_value()
    context = block.get_preview_context(
        shown, {"request": RequestFactory().get("/"), "block_def": SimpleNamespace(name="booking")}
    )
    html = engines["django"].get_template(block.get_preview_template(shown)).render(context)
    assert "Book an appointment" in html
    assert html.count('type="radio"') == 6
    assert block.get_description()


def test_two_agendas_on_one_page_keep_apart():
    first, second = make_appointments()[0], make_appointments()[0]
    make_desk(second)
    assert definition_in(rendered(first)).agenda_id == first.pk
    assert definition_in(rendered(second)).agenda_id == second.pk


def test_shows_nothing_bookable_outside_opening_hours():
    schedule = make_schedule()
    schedule.live = False
    schedule.save()
    agenda = make_agenda(kind=AgendaKind.MEETINGS, schedule=schedule)
    make_desk(agenda)
    make_meeting_type(agenda)
    assert "nothing free" in rendered(agenda)


def test_a_preview_cannot_be_mistaken_for_the_page():
    agenda = make_appointments()[0]
    shown, published = rendered(agenda, context=preview()), rendered(agenda)
    assert "nothing can be booked here" in shown
    assert '<button type="submit" disabled>' in shown
    assert "nothing can be booked here" not in published
    assert "disabled" not in published


def picture(block, now) -> str:
    with freeze_time(now):
        value = block.get_preview_value()
        context = block.get_preview_context(
            value, {"request": None, "block_def": block, "bound_block": block.bind(value)}
        )
        return engines["django"].get_template(block.get_preview_template(value)).render(context)


def test_the_picture_in_the_block_chooser_shows_times_to_come():
    html = picture(BookingFormBlock(), NOW)
    assert "Monday 7 December 2026" in html
    assert "made-up times" in html


def test_a_project_can_have_a_real_agenda_in_the_picture():
    agenda = make_appointments()[0]
    block = BookingFormBlock(preview_value=lambda: {"agenda": agenda})
    html = picture(block, NOW)
    assert "Monday 30 November 2026" in html
    assert "made-up" not in html
    assert "nothing can be booked here" in html
