import html as stdlib_html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wagtail_agenda.placeholders import (
    html_from_text,
    render,
    render_html,
    render_line,
    unknown_names,
)

VALUES = {"name": "Ada", "place": "Town hall", "manage_url": "https://example.org/m/?a=1&b=2"}
PIECES = st.sampled_from(
    [
        "{name}",
        "{place}",
        "{manage_url}",
        "{other}",
        "{",
        "}",
        "{{",
        "}}",
        "{name",
        "name}",
        "{}",
        "{name.__class__}",
        "{{7*7}}",
        "%s",
        "%(name)s",
        "$name",
        "a",
        " ",
        "\n",
        "\r\n",
        "\x00",
        "<b>",
        "\"'>",
        "&amp;",
        "\\",
        "é",
    ]
)
TEXTS = st.lists(PIECES, max_size=10).map("".join)


class Tags(HTMLParser):
    """What a browser would make of some HTML: its tags with attributes, and its text."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "br":
            self.text += "\n"

    def handle_data(self, data):
        self.text += data


def rendered_character_by_character(template: str, values: dict[str, str]) -> str:
    """An oracle: walks the template once and never looks at what it has written."""
    written = ""
    position = 0
    while position < len(template):
        for name, value in values.items():
            if template.startswith("{" + name + "}", position):
                written += value
                position += len(name) + 2
                break
        else:
            written += template[position]
            position += 1
    return written


@given(TEXTS, st.fixed_dictionaries({"name": TEXTS, "place": TEXTS, "manage_url": TEXTS}))
def test_render_replaces_known_names_in_one_pass(template, values):
    assert render(template, values) == rendered_character_by_character(template, values)


@pytest.mark.parametrize(
    "template",
    ["{{7*7}}", "{name.__class__}", "{name!r}", "{name:>9}", "{0}", "{}", "{ name }", "%(name)s"],
)
def test_everything_that_is_no_known_name_stays_as_typed(template):
    assert render(template, VALUES) == template


def test_braces_have_no_special_meaning():
    assert render("{{name}} {{{name}}} {name}}", VALUES) == "{Ada} {{Ada}} Ada}"


def test_a_value_is_never_read_again():
    assert render("{name} {place}", {"name": "{place}", "place": "{name}"}) == "{place} {name}"


def test_a_missing_value_is_empty():
    assert render("[{name}]", {"name": None}) == "[]"


def test_render_line_adds_no_header():
    value = "Ada\r\nBcc: all@example.org\x00\u2028\t x"
    assert render_line("Booking\n of {name} ", {"name": value}) == (
        "Booking of Ada Bcc: all@example.org x"
    )


@given(TEXTS, TEXTS)
def test_render_line_is_one_line(template, value):
    line = render_line(template, {"name": value})
    assert line.splitlines() in ([], [line])


def test_html_values_are_escaped_and_keep_their_line_breaks():
    value = "<script>alert('x')</script> & \"co\"\r\nsecond"
    html = render_html("<p>Hello {name}</p>", {"name": value})
    assert html == (
        "<p>Hello &lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;co&quot;"
        "<br>second</p>"
    )


def test_html_values_are_never_read_again():
    values = {"name": "{place} <b>{place}</b>", "place": "{name}"}
    assert Tags(render_html("<i>{name}</i>{place}", values)).text == (
        "{place} <b>{place}</b>{name}"
    )


def test_link_names_become_links():
    html = render_html("<p>{manage_url}</p>", VALUES, links={"manage_url"})
    assert html == (
        '<p><a href="https://example.org/m/?a=1&amp;b=2">https://example.org/m/?a=1&amp;b=2</a></p>'
    )


def test_only_names_meant_as_links_become_links():
    assert "<a" not in render_html("<p>{manage_url}</p>", VALUES)


@pytest.mark.parametrize(
    "value",
    ["javascript:alert(1)", "data:text/html,x", "example.org", 'https://x.org/"onclick="y', ""],
)
def test_only_web_addresses_become_links(value):
    html = render_html("<p>{manage_url}</p>", {"manage_url": value}, links={"manage_url"})
    assert [tag for tag, _ in Tags(html).tags] == ["p"]
    assert Tags(html).text == value


def test_no_link_inside_a_link():
    html = '<a href="{manage_url}">{manage_url}</a> or {manage_url}'
    read = Tags(render_html(html, VALUES, links={"manage_url"}))
    assert read.tags == [("a", {"href": VALUES["manage_url"]})] * 2


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize(
    "value", ['"><script>', "'><script>", '" onclick="x', "' onclick='x", "a\nb", "&quot;x", ">"]
)
def test_values_stay_inside_attributes(quote, value):
    html = f"<p title={quote}For {{name}}{quote}>x</p>"
    read = Tags(render_html(html, {"name": value}))
    assert read.tags == [("p", {"title": f"For {value}".replace("\n", " ")})]
    assert read.text == "x"


@pytest.mark.parametrize("value", ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x"])
def test_a_value_cannot_lead_a_link_to_code(value):
    read = Tags(render_html('<a href="{name}">x</a>', {"name": value}))
    assert read.tags == [("a", {"href": ""})]


@pytest.mark.parametrize("start", ["https://example.org/?q=", "mailto:", "tel:", "/search?q="])
def test_a_value_may_be_part_of_an_address(start):
    read = Tags(render_html(f'<a href="{start}{{name}}">x</a>', {"name": "a&b"}))
    assert read.tags == [("a", {"href": f"{start}a&b"})]


@pytest.mark.parametrize(
    "html", ["<p {name}>", "<p title={name}>", '<p onclick="{name}">', "<{name}>", "</{name}>"]
)
def test_nothing_is_replaced_where_a_value_would_be_code(html):
    assert render_html(html, {"name": "script"}) == html


def test_html_without_placeholders_comes_back_unchanged():
    html = '<p class="a" title=\'b "c"\'>1 < 2 &amp; {other} <br/> {{7*7}} <a href="{x}">y</a></p>'
    assert render_html(html, VALUES) == html


@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<br>", '<a href="{manage_url}">', "</a>", '<p title="{name}">']
        )
        | PIECES.filter(lambda piece: not set(piece) & set("<>\"'&\x00\r")),
        max_size=8,
    ).map("".join),
    st.lists(PIECES | st.text(max_size=5), max_size=6).map("".join),
)
def test_a_value_adds_no_tag_and_no_attribute(html, value):
    def structure(rendered):
        return [(tag, sorted(attrs)) for tag, attrs in Tags(rendered).tags if tag != "br"]

    hostile = render_html(html, {"name": value, "place": value, "manage_url": value})
    harmless = render_html(html, {"name": "x", "place": "x", "manage_url": "x"})
    assert structure(hostile) == structure(harmless)


def test_unknown_names_are_reported_once_in_order_as_typed():
    template = "{Name} {name} {place} { name } {nmae} {name.upper} {Name} {7*7} {} {;)} {{x}}"
    assert unknown_names(template, ["name", "place"]) == [
        "Name",
        " name ",
        "nmae",
        "name.upper",
        "x",
    ]


@given(TEXTS)
def test_a_template_without_unknown_names_keeps_no_name_in_braces(template):
    if not unknown_names(template, VALUES):
        assert "{other}" not in render(template, VALUES)


def test_html_from_text_makes_paragraphs():
    text = "Hello <Ada>,\r\nsee you & co.\n\n \n\nBye\x00"
    assert html_from_text(text) == ("<p>Hello &lt;Ada&gt;,<br>see you &amp; co.</p>\n<p>Bye</p>")
    assert html_from_text(" \n ") == ""


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("See https://example.org/a?b=1&c=2.", ["https://example.org/a?b=1&c=2"]),
        ("(https://example.org/x_(y)), or", ["https://example.org/x_(y)"]),
        ("«https://example.org/é»", ["https://example.org/%C3%A9"]),
        ("https://a.example\nhttp://b.example!", ["https://a.example", "http://b.example"]),
        ("www.example.org ftp://example.org xhttps://example.org", []),
        ("https:// https://u@example.org/ javascript:https://x.org", []),
    ],
)
def test_html_from_text_links_whole_web_addresses(text, links):
    read = Tags(html_from_text(text))
    assert [attrs["href"] for tag, attrs in read.tags if tag == "a"] == links
    assert read.text == text


@given(st.lists(PIECES | st.text(max_size=9) | st.just("https://x.org/"), max_size=9).map("".join))
def test_html_from_text_shows_the_text_and_no_tag_of_its_own(text):
    html = html_from_text(text)
    assert {tag for tag, _ in Tags(html).tags} <= {"p", "br", "a"}
    assert "<script" not in html
    assert stdlib_html.unescape(html).count("\x00") == 0


def test_html_from_text_does_not_link_what_a_stranger_typed():
    said = "Ada, see https://evil.example/a, (http://evil.example)"
    text = f"Hello {said}!\n\nhttps://town.example/manage/ https://evil.example/a/b"
    read = Tags(html_from_text(text, foreign=[said, "", "no address"]))
    links = [attrs["href"] for tag, attrs in read.tags if tag == "a"]
    assert links == ["https://town.example/manage/"]
