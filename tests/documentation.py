"""What the code blocks of a page of the documentation must stand, by their language.

Python is executed: in a site's settings, in its URLs, in a plain Wagtail site, or here, with the
agendas of `an_office()` in the database. Shell is compared with the commands, options, targets and
extras that there are. Data is parsed. A block that can do none of this says why, in the source of
its page: ``<!-- skip: next "needs a mail server" -->``.
"""

import configparser
import copy
import doctest
import email
import email.policy
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path
from unittest import SkipTest
from unittest.mock import patch

import icalendar
from django.core import checks as django_checks
from django.core.management import CommandError, get_commands, load_command_class
from django.db.utils import ConnectionHandler
from django.template import Engine, engines
from django.template.loader import get_template
from django.test import override_settings
from django.urls import include, path
from django.utils.module_loading import import_string
from sybil import Document, Example, Region
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls

from tests import factories, migrated
from tests.documented_calls import check_call
from wagtail_agenda import conf
from wagtail_agenda.choices import AgendaKind

ROOT = Path(__file__).resolve().parent.parent
ADD_IT_TO_A_SITE = ROOT / "docs" / "how-to" / "add-it-to-a-site.md"
FILE_NAME = re.compile(r"(?:# (?P<code>[\w./]+\.py)\b|\{# (?P<template>\S+\.html) #\})[^\n]*\n")
NAMED_BLOCK = re.compile(r"```(?:python|html\+django)\n(?P<source>.*?)```", re.DOTALL)

OTHER_PROGRAMS = frozenset(
    {"cd", "export", "journalctl", "mkdir", "pg_dump", "pg_restore", "python3", "systemctl"}
    | {".", "apt", "cp", "curl", "dig", "mariadb-dump", "redis-cli", "rsync", "sqlite3", "wagtail"}
)
"""What shell blocks may start besides `pip`, `make` and `manage.py`; none of it is ours."""


@dataclass(frozen=True)
class Block:
    language: str
    source: str


class Page:
    """One page of the documentation, with what its blocks have in common."""

    def __init__(self, file: Path, plain_site: Callable[[], Path], template: Path | None = None):
        self.file = file
        self.document = Document.parse(str(file), self._blocks, SkipParser())
        self.plain_site = plain_site
        self.template = template
        self.site_files: list[tuple[str, str]] = []

    def _blocks(self, document: Document) -> Iterable[Region]:
        mapping = {"language": "language", "source": "source"}
        for found in FencedCodeBlockLexer(r"[^\n]*", mapping)(document):
            block = Block(str(found.lexemes["language"]).strip(), str(found.lexemes["source"]))
            yield Region(found.start, found.end, block, self._evaluate)

    def run(self) -> None:
        """Put every block to its test. What fails names the page and the line."""
        for example in self.document.examples():
            try:
                if not isinstance(example.parsed, Block):
                    require_reason(*example.parsed)
                example.evaluate()
            except SkipTest:
                continue
            except Exception as error:
                place = f"{self.file.relative_to(ROOT)}:{example.line}"
                raise AssertionError(f"{place}: {error!r}") from error
        if any(needs_a_site(name) for name, _code in self.site_files):
            run_in_a_site(self.plain_site(), tuple(self.site_files), self.template)

    def _evaluate(self, example: Example) -> None:
        block = example.parsed
        check = CHECKS.get(block.language)
        assert check, f"nothing here can check the language {block.language!r}"
        check(self, block.source, example)


def require_reason(action: str, reason: str | None) -> None:
    """Nothing is skipped without a word why."""
    assert action == "end" or reason, "say why this is skipped"


def an_office() -> None:
    """What the examples find in the database: appointments « passports », events « workshops »."""
    agenda = factories.make_agenda(label="Passport counters", slug="passports")
    desk = factories.make_desk(agenda, label="Counter 1")
    factories.make_desk(agenda, label="Counter 2")
    passport = factories.make_meeting_type(agenda, label="Passport", slug="passport")
    assert (desk.slug, passport.slug) == ("counter-1", "passport")
    workshops = factories.make_agenda(kind=AgendaKind.EVENTS, label="Workshops", slug="workshops")
    now = factories.timezone.now()
    for days, slug in ((3, "repair-cafe"), (10, "repair-cafe-2")):
        start = now + factories.timedelta(days=days)
        factories.make_event(workshops, label="Repair café", slug=slug, start=start, places=12)


# Python


def check_python(page: Page, source: str, example: Example) -> None:
    name = file_of(source)
    if not name:
        filled = "\n" * example.line + source
        exec(compile(filled, example.path, "exec"), example.namespace)  # noqa: S102
        return
    page.site_files.append((name, source))
    if is_settings(name):
        check_settings(source, example)
    elif name == "urls.py":
        check_urls(source, example)


def check_session(page: Page, source: str, example: Example) -> None:
    """A Python session with prompts: what it answers is what stands there."""
    name = Path(example.path).name
    test = doctest.DocTestParser().get_doctest(
        source, example.namespace, name, example.path, example.line
    )
    said: list[str] = []
    runner = doctest.DocTestRunner(
        verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    failed, _tried = runner.run(test, out=said.append, clear_globs=False)
    assert not failed, "".join(said)
    example.namespace.update(test.globs)


def file_of(source: str) -> str:
    """The file that a block names in its first line, or ""."""
    named = FILE_NAME.match(source)
    return (named["code"] or named["template"]) if named else ""


def needs_a_site(name: str) -> bool:
    return name.endswith(".py") and name != "urls.py" and not is_settings(name)


def is_settings(name: str) -> bool:
    return name == "settings.py" or "/settings/" in name


def check_settings(source: str, example: Example) -> None:
    """Settings that a site may have: their modules are there, and the system checks are content."""
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {}}
    settings = {
        "os": os,
        "Path": Path,
        "BASE_DIR": ROOT,
        "INSTALLED_APPS": [],
        "MIDDLEWARE": [],
        "DATABASES": {"default": sqlite},
    }
    before = copy.deepcopy({name: settings[name] for name in settings if name.isupper()})
    environment = dict.fromkeys(re.findall(r'environ\["(\w+)"\]', source), "secret")
    with patch.dict(os.environ, environment):
        exec(compile(source, example.path, "exec"), settings)  # noqa: S102
    changed = {
        name: value
        for name, value in settings.items()
        if name.isupper() and value != before.get(name)
    }
    assert changed, "this sets nothing"
    for name in changed.pop("INSTALLED_APPS", ()):
        assert find_spec(name.removesuffix(".apps")), name
    for name in changed.pop("MIDDLEWARE", ()):
        import_string(name)
    unknown = set(changed.get("WAGTAIL_AGENDA", {})) - set(conf.DEFAULTS)
    assert not unknown, f"no such setting: {unknown}"
    databases = changed.pop("DATABASES", None)
    if databases:
        judged = patch("wagtail_agenda.checks.connections", ConnectionHandler(databases))
    else:
        judged = patch.dict(os.environ)
    with override_settings(**changed), judged:
        complaints = django_checks.run_checks(tags=["wagtail_agenda"])
    assert not complaints, complaints


def check_urls(source: str, example: Example) -> None:
    """URLs that a site may have: with them, the system checks find the add-on's where they are."""
    module = types.ModuleType("urls_of_an_example")
    urls = [path("admin/", include(wagtailadmin_urls)), path("", include(wagtail_urls))]
    module.__dict__.update(path=path, include=include, urlpatterns=urls)
    exec(compile(source, example.path, "exec"), module.__dict__)  # noqa: S102
    assert module.urlpatterns != urls
    with override_settings(ROOT_URLCONF=module):
        complaints = django_checks.run_checks(tags=["wagtail_agenda"])
    assert not complaints, complaints


# A plain site, as `wagtail start` makes it


def start_site(folder: Path) -> Path:
    """A new Wagtail site, as plain as `wagtail start` makes it."""
    site = folder / "site"
    site.mkdir()
    starter = "from wagtail.bin.wagtail import main; main()"
    run([sys.executable, "-c", starter, "start", "townhall", site], folder)
    return site


def named_blocks(file: Path) -> list[tuple[str, str]]:
    """The blocks of a page that name the file they belong to: name and source."""
    sources = [found["source"] for found in NAMED_BLOCK.finditer(file.read_text())]
    return [(file_of(source), source) for source in sources if file_of(source)]


def add_to_site(site: Path, name: str, code: str) -> None:
    """Settings and URLs are added to what is there; any other file is replaced."""
    places = {"settings.py": "townhall/settings/base.py", "urls.py": "townhall/urls.py"}
    target = site / places.get(name, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = target.read_text() if is_settings(name) or name == "urls.py" else ""
    target.write_text(f"{kept}\n\n{code}")


@functools.cache
def run_in_a_site(
    plain: Path, files: tuple[tuple[str, str], ...], template: Path | None = None
) -> None:
    """A copy of the plain site with these files passes the system checks and its own tests.

    A page that does not itself add the package to the site is for sites that have it. Tests begin
    with the database `template`, which is made here if it is missing.
    """
    site = plain.with_name(f"{plain.name}-copy")
    shutil.copytree(plain, site)
    added = named_blocks(ADD_IT_TO_A_SITE)
    before = [] if added[0] in files else added
    has_tests = any("tests" in name for name, _code in files)
    manage = [sys.executable, "manage.py"]
    try:
        for name, code in before:
            add_to_site(site, name, code)
        if has_tests and template is not None:
            begin_with(template, site)
        for name, code in files:
            add_to_site(site, name, code)
        # Runs the system checks as well.
        run([*manage, "makemigrations", "home"], site)
        if has_tests:
            run([*manage, "test", "--keepdb"], site)
    finally:
        shutil.rmtree(site)


def begin_with(template: Path, site: Path) -> None:
    """Let the tests of a site that has the package begin with its migrated database."""
    if not template.exists():
        run([sys.executable, "manage.py", "migrate"], site)
        migrated.keep(site / "db.sqlite3", template)
    migrated.copy(template, site / "test.sqlite3")
    name = 'DATABASES["default"]["TEST"] = {"NAME": f"{BASE_DIR}/test.sqlite3"}'
    add_to_site(site, "settings.py", name)


def run(command: list, folder: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
    }
    done = subprocess.run(  # noqa: S603
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[1:]}\n{done.stdout}\n{done.stderr}"


# Shell


def check_shell(page: Page, source: str, example: Example) -> None:
    for line in source.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        if words and words[0] == "sudo":
            words.pop(0)
        if words:
            check_command(words)


def check_command(words: list[str]) -> None:
    program, *arguments = words
    if program.endswith(("python", "python3")) and arguments and arguments[0] == "manage.py":
        program, *arguments = arguments
    if program.endswith("manage.py"):
        check_management_command(arguments)
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
        unknown = [word for word in arguments if "=" not in word and word not in targets]
        assert not unknown, f"the Makefile has no {unknown}"
    elif program == "pip":
        check_requirement(arguments)
    else:
        assert program in OTHER_PROGRAMS, f"nothing here can check {program!r}"


def check_management_command(arguments: list[str]) -> None:
    name, *options = arguments
    found = get_commands().get(name)
    assert found, f"there is no command {name!r}"
    command = load_command_class(found, name) if isinstance(found, str) else found
    try:
        command.create_parser("manage.py", name).parse_args(options)
    except (CommandError, SystemExit) as error:
        raise AssertionError(f"manage.py {name}: {error}") from error


def check_requirement(arguments: list[str]) -> None:
    known = set(metadata("wagtail-agenda").get_all("Provides-Extra"))
    for wanted in arguments[1:]:
        ours = re.fullmatch(r"wagtail-agenda\[(?P<extras>[\w,]+)\].*", wanted)
        unknown = set(ours["extras"].split(",")) - known if ours else None
        assert not unknown, f"there is no extra {unknown}"


# Data and templates


def check_template(page: Page, source: str, example: Example) -> None:
    """A template that compiles; one that takes the place of ours has one of ours to replace."""
    engine: Engine = engines["django"].engine
    template = engine.from_string(source)
    assert template.nodelist
    name = file_of(source)
    if name:
        page.site_files.append((name, source))
    if "wagtail_agenda/" in name:
        get_template(name[name.index("wagtail_agenda/") :])


def check_style(page: Page, source: str, example: Example) -> None:
    """A style sheet that sets properties which the package's own reads."""
    known = (ROOT / "wagtail_agenda/static/wagtail_agenda/booking.css").read_text()
    named = re.findall(r"(--agenda-[\w-]+):", source)
    unknown = [name for name in named if f"var({name}," not in known]
    assert named
    assert not unknown, f"nothing reads {unknown}"


def check_ini(page: Page, source: str, example: Example) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(source)
    for section in parser.values():
        if "manage.py" in section.get("ExecStart", ""):
            command = section["ExecStart"]
            check_management_command(shlex.split(command.partition("manage.py")[2]))


def check_calendar(page: Page, source: str, example: Example) -> None:
    calendar = icalendar.Calendar.from_ical(source.strip())
    assert calendar.walk("VEVENT")
    assert not [error for event in calendar.walk() for error in event.errors]


def check_mail(page: Page, source: str, example: Example) -> None:
    message = email.message_from_string(source, policy=email.policy.default)
    assert message["To"]
    assert not message.defects


def check_nothing(page: Page, source: str, example: Example) -> None:
    """Pictures made of letters, and what somebody reads on a screen."""


CHECKS: dict[str, Callable[[Page, str, Example], None]] = {
    "python": check_python,
    "pycon": check_session,
    "sh": check_shell,
    "html+django": check_template,
    "css": check_style,
    "call": check_call,
    "ini": check_ini,
    "json": lambda page, source, example: json.loads(source),
    "ics": check_calendar,
    "eml": check_mail,
    "text": check_nothing,
}
