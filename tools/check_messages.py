"""Checks the translations: catalogues compiled, placeholders kept, French complete and current."""

import gettext
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "wagtail_agenda"
COMPLETE = {"fr"}


def main() -> int:
    if not shutil.which("msgfmt"):
        print("msgfmt is missing. On Debian: apt install gettext", file=sys.stderr)
        return 1
    catalogues = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/django.po"))
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for source in catalogues:
            problems += catalogue_problems(source, Path(folder))
        missing = COMPLETE - {source.parts[-3] for source in catalogues} if catalogues else set()
        problems += [f"wagtail_agenda/locale/{language} is missing" for language in missing]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def catalogue_problems(source: Path, folder: Path) -> list[str]:
    """Returns what is wrong with one catalogue, in words."""
    language = source.parts[-3]
    name = source.relative_to(ROOT)
    fresh = folder / f"{language}.mo"
    checked = subprocess.run(
        ["msgfmt", "--check", "--output-file", fresh, source],
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode:
        return [checked.stderr.strip()]
    problems = []
    compiled = source.with_suffix(".mo")
    if not compiled.exists():
        problems.append(f"{name} is not compiled. Run `make messages`.")
    elif messages(fresh) != messages(compiled):
        problems.append(f"{name} has changed since it was compiled. Run `make messages`.")
    if language in COMPLETE:
        texts = messages(fresh)
        problems += [
            f"{name} does not translate: {text!r}"
            for text in sorted(extracted(language, folder) - texts.keys())
        ]
    return problems


def messages(compiled: Path) -> dict[str, str]:
    """Returns the messages of a compiled catalogue, its header left out.

    Untranslated and fuzzy messages are not in it; of a plural, each form is one entry.
    """
    with compiled.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    return {
        key if isinstance(key, str) else key[0]: value
        for key, value in catalogue.items()
        if key and (isinstance(key, str) or key[1] == 0)
    }


def extracted(language: str, folder: Path) -> set[str]:
    """Returns every message that the package's sources ask for."""
    copy = folder / "sources" / "wagtail_agenda"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    subprocess.run(
        [sys.executable, "-m", "django", "makemessages", "--locale", language],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    template = copy / "locale" / language / "LC_MESSAGES" / "django.po"
    # `msgen` copies every message into its own translation, so that compiling leaves none out.
    filled = folder / "extracted.po"
    subprocess.run(["msgen", "--output-file", filled, template], check=True)
    compiled = folder / "extracted.mo"
    subprocess.run(["msgfmt", "--use-fuzzy", "--output-file", compiled, filled], check=True)
    return set(messages(compiled))


if __name__ == "__main__":
    sys.exit(main())
