"""How the documentation is built: `make docs`, strictly, into build/docs.

Sphinx, as for Wagtail and Django, because `-W -n` makes every broken link, anchor and reference
an error, and MyST, because the pages stay plain Markdown that reads as well in the repository.
README.md is the only list of pages: the navigation is made from its headings and links, and a
page that it forgets is an error.
"""

import re
import shutil
from pathlib import Path

from pygments.lexers.special import TextLexer

from wagtail_agenda import __version__

project = "wagtail-agenda"
author = "The wagtail-agenda maintainers"
copyright = author
version = release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "README"
language = "en_GB"
nitpicky = True

# Anchors of headings are made as on GitHub.
myst_heading_anchors = 4
suppress_warnings = []

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False

HEADING = re.compile(r"^## (?P<caption>.+)$")
PAGE = re.compile(r"\]\((?P<path>[\w/-]+)\.md\)")


def navigation(index: str) -> str:
    """A hidden table of contents per heading of the index, with the pages linked below it."""
    parts: dict[str, list[str]] = {}
    caption = ""
    for line in index.splitlines():
        heading = HEADING.match(line)
        caption = heading["caption"] if heading else caption
        parts.setdefault(caption, []).extend(PAGE.findall(line))
    named = set()
    trees = []
    for caption, pages in parts.items():
        pages = [page for page in dict.fromkeys(pages) if page not in named]
        named.update(pages)
        if pages:
            lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
            trees.append("\n".join(lines))
    return "\n\n".join(trees)


def add_navigation(app, docname: str, source: list[str]) -> None:
    if docname == root_doc:
        source[0] += "\n" + navigation(source[0])


def add_index(app, failure) -> None:
    if failure is None and app.builder.name == "html":
        folder = Path(app.outdir)
        shutil.copyfile(folder / f"{root_doc}.html", folder / "index.html")


def setup(app) -> None:
    # Pygments has no lexer for calendars, nor for a call with its answer.
    app.add_lexer("ics", TextLexer)
    app.add_lexer("call", TextLexer)
    app.connect("source-read", add_navigation)
    app.connect("build-finished", add_index)
