"""What the documentation says is what there is: its code, its reference, its links."""

import ast
import functools
import inspect
import re
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader
from django.urls import URLPattern
from mdit_py_plugins.anchors.index import slugify

import wagtail_agenda
from tests.documentation import ADD_IT_TO_A_SITE, Page, an_office, named_blocks, start_site
from tools import make_reference
from wagtail_agenda import checks, conf, meeting_words, permissions, urls
from wagtail_agenda.choices import Audience, Role
from wagtail_agenda.correspondence import LABEL_PLACEHOLDERS, PLACEHOLDERS

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def plain_site(tmp_path_factory):
    """Makes the plain Wagtail site once, for the first page that wants it."""
    return functools.cache(lambda: start_site(tmp_path_factory.mktemp("site")))


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
@pytest.mark.django_db
@pytest.mark.one_database
def test_the_code_of_a_page_does_what_the_page_says(file, plain_site, migrated_template):
    an_office()
    template = migrated_template and migrated_template.with_name(f"plain-{migrated_template.name}")
    Page(file, plain_site, template).run()


def test_the_readme_adds_it_to_a_site_as_the_documentation_does():
    assert named_blocks(ROOT / "README.md") == named_blocks(ADD_IT_TO_A_SITE)


def rows(page: str, most: int | None = None) -> list[list[str]]:
    """The cells of the table rows of a reference page whose first cell is code."""
    lines = (REFERENCE / page).read_text().splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| `")
    ][:most]


def test_the_reference_says_what_the_code_says():
    stale = [page.name for page, text in make_reference.pages() if page.read_text() != text]
    assert stale == [], "run `make reference`"


def test_every_address_of_visitors_is_documented():
    visitors = [known for known in urls.urlpatterns if isinstance(known, URLPattern)]
    first = rows("urls.md", most=len(visitors))
    documented = [(path.strip("`"), name.strip("`")) for path, name, _is in first]
    assert documented == [(str(known.pattern), known.name) for known in visitors]


def test_every_table_is_documented():
    documented = re.findall(r"^## `(\w+)`$", (REFERENCE / "database.md").read_text(), re.MULTILINE)
    made = MigrationLoader(None).project_state().models
    known = [f"{app}_{name}" for app, name in made if app == "wagtail_agenda"]
    assert sorted(documented) == sorted(known)


def test_every_setting_is_documented_with_its_default():
    documented = {key.strip("`"): default for key, default, _meaning in rows("settings.md")}
    expected = {
        key: f"`{value}`" if not isinstance(value, str) else f'`"{value}"`'
        for key, value in conf.DEFAULTS.items()
    }
    assert documented == expected


def test_every_system_check_is_documented():
    documented = [check.strip("`") for check, *_rest in rows("checks.md")]
    known = set(re.findall(r'id="(wagtail_agenda\.[EW]\d+)"', inspect.getsource(checks)))
    assert sorted(documented) == sorted(known)


def test_every_rule_that_is_explained_is_documented():
    def codes(call: ast.Call) -> set[str]:
        named = getattr(call.func, "id", "")
        position = {"Reason": 0, "add": 0, "_said": 1}.get(named)
        if position is None or len(call.args) <= position:
            return set()
        return {
            node.value
            for node in ast.walk(call.args[position])
            if isinstance(node, ast.Constant) and node.value
        }

    folder = Path(wagtail_agenda.__file__).parent / "availability" / "reasons"
    known = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            known |= codes(node) if isinstance(node, ast.Call) else set()
    page = (REFERENCE / "rules.md").read_text().partition("## Persons")[0]
    documented = set(re.findall(r"^\| .* \| `([a-z ]+)` \|$", page, re.MULTILINE))
    assert documented == known


def test_every_template_of_visitors_is_documented_with_what_it_can_use():
    documented = {cells[0].strip("`"): cells[2] for cells in rows("templates.md")}
    folder = Path(wagtail_agenda.__file__).parent / "templates"
    known = {
        str(file.relative_to(folder))
        for part in ("visitor", "blocks")
        for file in (folder / "wagtail_agenda" / part).glob("*.html")
    }
    assert set(documented) == known
    for name, can_use in documented.items():
        source = (folder / name).read_text()
        unused = [word for word in re.findall(r"`(\w+)`", can_use) if word not in source]
        assert unused == [], name


def test_every_role_is_documented():
    documented = {role.strip("`") for role, *_rest in rows("permissions.md")}
    assert documented == set(Role.values)
    assert f"`{permissions.ADMINISTER}`" in (REFERENCE / "permissions.md").read_text()


def test_every_placeholder_is_documented_with_where_it_may_be_used():
    of_bookings = len(PLACEHOLDERS) + 3
    found = [(name.strip("`{}"), where) for name, _meaning, where in rows("placeholders.md")]
    documented = dict(found[:of_bookings])
    expected = {name: "yes" if name in LABEL_PLACEHOLDERS else "no" for name in PLACEHOLDERS} | {
        "answer_<name>": "yes",
        "call_<identifier>_<field>": "no",
        "file_<identifier>": "no",
    }
    assert documented == expected
    for_participants = meeting_words.names_for(Audience.VISITOR)
    assert dict(found[of_bookings:]) == {
        name: "yes" if name in for_participants else "no" for name in meeting_words.PLACEHOLDERS
    }


def anchors(file: Path) -> set[str]:
    return {slugify(heading) for heading in re.findall(r"^#+ (.+)$", file.read_text(), flags=re.M)}


@pytest.mark.parametrize("file", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda file: file.name)
def test_links_lead_somewhere_in_the_repository_too(file):
    """`make docs` checks them in the built pages, whose anchors have other names as well."""
    links = re.findall(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)]*))?\)", file.read_text())
    targets = [((file.parent / path) if path else file, anchor) for path, anchor in links]
    missing = [str(target) for target, _anchor in targets if not target.exists()]
    nowhere = [
        anchor
        for target, anchor in targets
        if anchor and target.exists() and anchor not in anchors(target)
    ]
    assert (missing, nowhere) == ([], [])


def test_every_page_is_in_the_index():
    """The navigation is made of it."""
    index = ROOT / "docs" / "README.md"
    named = set(re.findall(r"\]\(([^)#]+\.md)\)", index.read_text()))
    there = {str(page.relative_to(index.parent)) for page in index.parent.rglob("*.md")}
    assert there - named == {"README.md"}


def test_every_picture_is_used():
    shown = {
        Path(target).name
        for page in PAGES
        for target in re.findall(r"[(\"]([^(\"\s]+\.png)", page.read_text())
    }
    assert shown == {picture.name for picture in (ROOT / "docs" / "images").glob("*.png")}
