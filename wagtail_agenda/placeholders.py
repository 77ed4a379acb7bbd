"""`{name}` templates: names from an allow-list, replaced in one pass, without an engine.

A value is never read again as a template, a name reaches no attribute, and braces have no
other meaning: what is no known name in braces stays as it was typed, `{{7*7}}` and
`{x.__class__}` included. So nothing that an editor or a visitor types is code.
"""

import re
from collections.abc import Container, Iterable, Mapping
from html import escape, unescape
from urllib.parse import quote

from wagtail_agenda.cleaning import clean_text, one_line, web_address

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# What an editor means as a name, however misspelt; `{7*7}` or a smiley is not one.
_MEANT_AS_NAME = re.compile(r"\s*[^\W\d][\w.\- ]*\s*")
# A tag as sanitised rich text writes it, else a placeholder in the text between tags.
_TAG_OR_PLACEHOLDER = re.compile(
    r"""
    (?P<tag> </? (?P<element>[a-zA-Z][\w-]*) (?: [^<>"'] | "[^"]*" | '[^']*' )* >)
    | (?<!<)(?<!</) \{ (?P<name>[^{}]*) \}
    """,
    re.VERBOSE,
)
# A paragraph or list item that holds neither.
_INNERMOST_BLOCK = re.compile(
    r"<(p|li)\b[^<>]*>(?:(?!<(?:p|li)\b).)*?</\1>", re.DOTALL | re.IGNORECASE
)
_QUOTED_ATTRIBUTE = re.compile(r"""([^\s<>"'=/]+)=("[^"]*"|'[^']*')""")
_ADDRESS_ATTRIBUTES = {"action", "cite", "formaction", "href", "poster", "src"}
_CODE_ATTRIBUTES = {"srcdoc", "srcset", "style"}
_SAFE_SCHEMES = ("http://", "https://", "mailto:", "tel:", "/", "#", "?")
_WEB_ADDRESS_IN_TEXT = re.compile(r"(?<![^\s(\[«\"'<])https?://[^\s<>\"«»]+", re.IGNORECASE)


def render(template: str, values: Mapping[str, str]) -> str:
    """Return the plain text `template` with every `{name}` of `values` replaced.

    Names that are not in `values` are left as typed.
    """
    return _PLACEHOLDER.sub(
        lambda match: _value(values, match[1]) if match[1] in values else match[0], str(template)
    )


def render_line(template: str, values: Mapping[str, str]) -> str:
    """Return `render()` on one line, fit for a subject or a label: no value adds a header."""
    return one_line(render(template, values))


def render_url(template: str, values: Mapping[str, str]) -> str:
    """Return the web address `template` with every `{name}` replaced by its percent-quoted value.

    So no value ends a path, begins a query or adds a parameter. A name at the very beginning is an
    address itself and stays as it is.
    """
    template = one_line(template)
    first = _PLACEHOLDER.match(template)
    begun = ""
    if first is not None and first[1] in values:
        begun, template = one_line(_value(values, first[1])), template[first.end() :]
    return begun + _PLACEHOLDER.sub(
        lambda match: (
            quote(clean_text(_value(values, match[1])), safe="") if match[1] in values else match[0]
        ),
        template,
    )


def render_html(html: str, values: Mapping[str, str], links: Container[str] = frozenset()) -> str:
    """Return the rich text `html` with every `{name}` of `values` replaced by escaped text.

    `html` itself is trusted: it was sanitised when the editor saved it. Line breaks in a value
    become `<br>`. A name in `links` becomes a link when its value is an http(s) URL, unless it
    already stands inside one. Inside a quoted attribute a value stays within its quotes, and
    an address attribute (`href`) that would lead anywhere but to the web, an e-mail address or
    a phone number is emptied; elsewhere inside a tag nothing is replaced.
    """
    open_links = 0

    def replace(match: re.Match) -> str:
        nonlocal open_links
        if match["tag"]:
            if match["element"].lower() == "a":
                open_links = 0 if match["tag"].startswith("</") else 1
            return _rendered_tag(match["tag"], values)
        name = match["name"]
        if name not in values:
            return match[0]
        value = clean_text(_value(values, name))
        if name in links and not open_links and web_address(value):
            return _link(value.strip(" "))
        return _with_line_breaks(value)

    return _TAG_OR_PLACEHOLDER.sub(replace, str(html))


def without_empty_lines(template: str, values: Mapping[str, str]) -> str:
    """Return the plain text `template` without the lines that would have nothing to say.

    Such a line holds names of `values`, and every one of them is empty: « Telephone: {phone} »
    of somebody who gave none. A line without names stays, whatever it says.
    """
    return "\n".join(line for line in str(template).splitlines() if not _says_nothing(line, values))


def without_empty_paragraphs(html: str, values: Mapping[str, str]) -> str:
    """The same for rich text: `html` without the paragraphs and list items with nothing to say."""
    return _INNERMOST_BLOCK.sub(
        lambda match: "" if _says_nothing(match[0], values) else match[0], str(html)
    )


def names_in(*templates: str) -> set[str]:
    """Return every name in braces of plain texts or rich texts, known or not, as typed."""
    return {match[1] for template in templates for match in _PLACEHOLDER.finditer(str(template))}


def unknown_names(template: str, allowed: Iterable[str]) -> list[str]:
    """Return the names in braces that are not in `allowed`, as typed, each once, in order.

    For field validation: `{Name}`, `{ name }` and `{name.upper}` are reported for `name`,
    braces around something else are ordinary text.
    """
    known = set(allowed)
    typed = (match[1] for match in _PLACEHOLDER.finditer(str(template)))
    unknown = (name for name in typed if name not in known and _MEANT_AS_NAME.fullmatch(name))
    return list(dict.fromkeys(unknown))


def html_from_text(text: str, foreign: Iterable[str] = ()) -> str:
    """Return plain text as HTML: paragraphs at blank lines, `<br>` at line breaks, escaped.

    Whole http(s) URLs become links; `www.example.org` is ordinary text. What begins like a URL in
    one of the `foreign` texts stays ordinary text as well: a stranger may have typed it, to be
    read by somebody else.
    """
    found = (url for said in foreign for url in _WEB_ADDRESS_IN_TEXT.findall(clean_text(said)))
    unlinked = tuple(map(_without_trailing_punctuation, found))
    paragraphs = re.split(r"\n[ \t]*(?:\n[ \t]*)+", clean_text(text).strip())
    return "\n".join(
        f"<p>{_linked(paragraph, unlinked)}</p>" for paragraph in paragraphs if paragraph
    )


def _says_nothing(part: str, values: Mapping[str, str]) -> bool:
    names = [name for name in _PLACEHOLDER.findall(part) if name in values]
    return bool(names) and not any(_value(values, name).strip() for name in names)


def _value(values: Mapping[str, str], name: str) -> str:
    value = values[name]
    return "" if value is None else str(value)


def _with_line_breaks(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _link(url: str) -> str:
    return f'<a href="{escape(web_address(url))}">{escape(url)}</a>'


def _rendered_tag(tag: str, values: Mapping[str, str]) -> str:
    if "{" not in tag:
        return tag
    return _QUOTED_ATTRIBUTE.sub(lambda match: _rendered_attribute(match, values), tag)


def _rendered_attribute(match: re.Match, values: Mapping[str, str]) -> str:
    name, quoted = match[1], match[2]
    if name.lower().startswith("on") or name.lower() in _CODE_ATTRIBUTES:
        return match[0]
    typed = unescape(quoted[1:-1])
    value = render(typed, {key: one_line(_value(values, key)) for key in values})
    if value == typed:
        return match[0]
    if name.lower() in _ADDRESS_ATTRIBUTES and not value.lower().startswith(_SAFE_SCHEMES):
        value = ""
    return f'{name}="{escape(value)}"'


def _linked(text: str, unlinked: tuple[str, ...]) -> str:
    pieces = []
    end = 0
    for match in _WEB_ADDRESS_IN_TEXT.finditer(text):
        url = _without_trailing_punctuation(match[0])
        if web_address(url) and not url.startswith(unlinked):
            pieces += [_with_line_breaks(text[end : match.start()]), _link(url)]
            end = match.start() + len(url)
    return "".join([*pieces, _with_line_breaks(text[end:])])


def _without_trailing_punctuation(url: str) -> str:
    while url and (
        url[-1] in ".,;:!?'’…"
        or (url[-1] == ")" and url.count(")") > url.count("("))
        or (url[-1] == "]" and url.count("]") > url.count("["))
    ):
        url = url[:-1]
    return url
