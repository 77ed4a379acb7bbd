"""Checks the translations: current with the sources, compiled, and complete where promised.

French says everything. The languages of `FOR_VISITORS` say what visitors see and receive: the texts
of all sources but `SOURCES_FOR_COLLEAGUES`, which may stay in English there unless they are among
`SOURCES_HANDED_OUT`.
"""

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "wagtail_agenda"

COMPLETE = {"fr"}
FOR_VISITORS = {"de", "ru"}
SOURCES_FOR_COLLEAGUES = (
    "actions/",
    "api/",
    "apps.py",
    "availability/reasons/",
    "blocks/",
    "booking/waiting_list.py",
    "choices.py",
    "clients.py",
    "consistency/",
    "export.py",
    "health.py",
    "hooks/",
    "importers/agenda_json/",
    "mail.py",
    "mail_settings.py",
    "management/",
    "meeting_tables.py",
    "models.py",
    "outbox/",
    "outside_tables.py",
    "removal.py",
    "schedule_words.py",
    "setup_rules/",
    "subject_tables.py",
    "templates/wagtail_agenda/admin/",
    "templates/wagtail_agenda/schedule_preview.html",
    "templates/wagtail_agenda/schedule_week.html",
    "validators.py",
    "views/admin/",
    "webhooks.py",
    "workflow/engine.py",
)
"""How the paths of the sources begin whose texts only editors and agents see.

Visitors see or receive the texts of all others: a new module is theirs until it stands here.
"""

SOURCES_HANDED_OUT = (
    "templates/wagtail_agenda/admin/includes/person.html",
    "templates/wagtail_agenda/admin/person_file.html",
    "views/admin/person_cards.py",
    "views/admin/timeline.py",
)
"""Those among them of the file that says what is held about a person, which is given to them."""

TOOLS = ("msgfmt", "msgmerge", "msguniq", "msgunfmt", "xgettext")

Key = tuple[str, str, str]
"""What tells messages apart: context, text, text in the plural."""


@dataclass
class Message:
    """One entry of a catalogue. `translations` holds one text, or one for each plural form."""

    key: Key = ("", "", "")
    translations: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    fuzzy: bool = False

    @property
    def for_visitors(self) -> bool:
        return any(
            source.startswith(SOURCES_HANDED_OUT) or not source.startswith(SOURCES_FOR_COLLEAGUES)
            for source in self.sources
        )


def main() -> int:
    missing_tools = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing_tools:
        print(
            f"{', '.join(missing_tools)} missing. On Debian: apt install gettext", file=sys.stderr
        )
        return 1
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def problems() -> list[str]:
    """Returns what is wrong with the catalogues and with the lists above, in words."""
    catalogues = {path.parts[-3]: path for path in PACKAGE.glob("locale/*/LC_MESSAGES/django.po")}
    with tempfile.TemporaryDirectory() as folder:
        wanted = extracted(Path(folder))
        found = list_problems(wanted)
        for language in sorted({*catalogues, *COMPLETE, *FOR_VISITORS}):
            if language in catalogues:
                found += catalogue_problems(catalogues[language], wanted, Path(folder))
            else:
                found.append(
                    f"wagtail_agenda/locale/{language} is missing. Run {making(language)}, "
                    "then translate what it collects."
                )
    return found


def list_problems(wanted: dict[Key, Message]) -> list[str]:
    """Returns which sources of the lists above are gone: what is renamed is looked at anew."""
    sources = {source for message in wanted.values() for source in message.sources}
    return [
        f"tools/check_messages.py: nothing to translate in “{start}”. Correct {name}."
        for name, starts in (
            ("SOURCES_FOR_COLLEAGUES", SOURCES_FOR_COLLEAGUES),
            ("SOURCES_HANDED_OUT", SOURCES_HANDED_OUT),
        )
        for start in starts
        if not any(source.startswith(start) for source in sources)
    ]


def catalogue_problems(path: Path, wanted: dict[Key, Message], folder: Path) -> list[str]:
    """Returns what is wrong with one catalogue, in words, and what to do about it."""
    language, name = path.parts[-3], path.relative_to(ROOT)
    run = f"Run {making(language)}."
    fresh = folder / f"{language}.mo"
    checked = subprocess.run(
        ["msgfmt", "--check", "--output-file", fresh, name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode:
        return [checked.stderr.strip()]
    problems = []
    compiled = path.with_suffix(".mo")
    if not compiled.exists():
        problems.append(f"{name} is not compiled. {run}")
    elif unpacked(fresh) != unpacked(compiled):
        problems.append(f"{name} has changed since it was compiled. {run}")
    known = parsed(path.read_text(encoding="utf-8"))
    problems += [
        f"{name} does not have: {key[1]!r}. {run}" for key in sorted(wanted.keys() - known.keys())
    ]
    problems += [
        f"{name} has what no source asks for: {key[1]!r}. {run}"
        for key in sorted(known.keys() - wanted.keys())
    ]
    for key in sorted(wanted.keys() & known.keys()):
        if known[key].fuzzy:
            problems.append(
                f"{name} only guesses at: {key[1]!r}. Correct its translation, remove “fuzzy”, "
                f"then run {making(language)}."
            )
        elif is_promised(language, wanted[key]) and not all(known[key].translations):
            problems.append(
                f"{name} does not translate: {key[1]!r} ({', '.join(wanted[key].sources)}). "
                f"Translate it, then run {making(language)}."
            )
    return problems


def is_promised(language: str, message: Message) -> bool:
    """Whether a language has to say this."""
    return language in COMPLETE or (language in FOR_VISITORS and message.for_visitors)


def making(language: str) -> str:
    """Returns the command that collects and compiles a language's messages."""
    return f'`make messages LANGUAGES="{language}"`'


def extracted(folder: Path) -> dict[Key, Message]:
    """Returns every message that the package's sources ask for."""
    copy = folder / "sources" / "wagtail_agenda"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    subprocess.run(
        [sys.executable, "-m", "django", "makemessages"]
        + ["--add-location", "file", "--locale", "fr"],
        cwd=copy,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    made = copy / "locale" / "fr" / "LC_MESSAGES" / "django.po"
    return parsed(made.read_text(encoding="utf-8"))


def unpacked(compiled: Path) -> dict[Key, tuple[str, ...]]:
    """Returns the translations in a compiled catalogue, its header left out."""
    unpacking = subprocess.run(
        ["msgunfmt", compiled], capture_output=True, encoding="utf-8", check=True
    )
    return {key: message.translations for key, message in parsed(unpacking.stdout).items()}


def parsed(text: str) -> dict[Key, Message]:
    """Returns the messages of a .po file, without its header and what is commented out."""
    messages = [_message(entry) for entry in re.split(r"\n\s*\n", text)]
    return {message.key: message for message in messages if message.key[1]}


def _message(entry: str) -> Message:
    message = Message()
    texts: dict[str, str] = {}
    keyword = ""
    for line in entry.split("\n"):
        if line.startswith("#: "):
            message.sources += tuple(line.removeprefix("#: ").split())
        elif line.startswith("#,"):
            message.fuzzy = "fuzzy" in line
        elif line and not line.startswith("#"):
            start, quote, rest = line.partition('"')
            keyword = start.strip() or keyword
            texts[keyword] = texts.get(keyword, "") + ast.literal_eval(quote + rest)
    message.key = tuple(texts.get(part, "") for part in ("msgctxt", "msgid", "msgid_plural"))
    message.translations = tuple(
        text for keyword, text in texts.items() if keyword.startswith("msgstr")
    )
    return message


if __name__ == "__main__":
    sys.exit(main())
