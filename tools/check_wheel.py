"""Builds the package and tries it as a stranger would: in plain Wagtail sites, by the README.

The wheel and the wheel that comes out of the sdist must be the same, hold everything and nothing
else, and say of themselves what is true. Then, for each supported Wagtail series: an empty
environment, the package in one of its two forms, `wagtail start`, the code of the README's « Add
it to a site » copied into the files it names, and then migrations, system checks and a look at the
site and its admin. A copy of it prints `{{ page.body }}` in its template; there somebody books.
"""

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "wagtail_agenda"
SMOKE = Path(__file__).with_name("smoke.py")
# Oldest supported pair first: Django 5.2 is the oldest for both.
SITES = {"7.4": "wagtail~=7.4.0", "8.0": "wagtail~=8.0.0"}
DJANGO = "django~=5.2.0"
SETTINGS = "townhall/settings/base.py"
FILES = {"settings.py": SETTINGS, "urls.py": "townhall/urls.py", "home/models.py": "home/models.py"}
PAGE_TEMPLATE = """\
{% extends "base.html" %}
{% block content %}<h1>{{ page.title }}</h1>{{ page.body }}{% endblock %}
"""
EXTRAS = {"mysql", "postgres", "redis"}
"""What a site may install besides; the rest is for those who work on the package."""


class Failed(Exception):
    """A step did not work; the text says which and shows its output."""


def main() -> int:
    try:
        with tempfile.TemporaryDirectory(prefix="wagtail-agenda-wheel-") as folder:
            wheel, sdist = build(ROOT / "dist", Path(folder))
            check_contents(wheel, sdist)
            check_metadata(wheel, sdist)
            forms = {"7.4": wheel, "8.0": sdist}
            with ThreadPoolExecutor(len(SITES)) as pool:
                sites = [
                    pool.submit(try_package, forms[series], requirement, Path(folder) / series)
                    for series, requirement in SITES.items()
                ]
                for series, site in zip(SITES, sites, strict=True):
                    print(f"Wagtail {series}, from {forms[series].name}:\n{site.result()}")
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def build(folder: Path, scratch: Path) -> tuple[Path, Path]:
    """Builds wheel and sdist from the sources; returns both.

    Another wheel is built from the sdist, and must be the same to the byte.
    """
    for old in [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]:
        old.unlink()
    command = [sys.executable, "-m", "build", "--outdir"]
    run("build", [*command, folder, "--wheel", "--sdist"], cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(scratch / "sdist", filter="data")
    (unpacked,) = (scratch / "sdist").iterdir()
    run("build from the sdist", [*command, scratch / "again", "--wheel"], cwd=unpacked)
    (again,) = (scratch / "again").glob("*.whl")
    first, second = contents(wheel), contents(again)
    if first != second:
        differing = {name for name in first | second if first.get(name) != second.get(name)}
        raise Failed(f"The wheel made from the sdist is another one: {sorted(differing)}")
    return wheel, sdist


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check_contents(wheel: Path, sdist: Path) -> None:
    """Everything that belongs to the package is in both, and nothing else."""
    in_wheel = {name for name in contents(wheel) if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}

    tracked = run("list the sources", ["git", "ls-files", "wagtail_agenda"], cwd=ROOT).split()
    foreign = {name for name in in_wheel if not name.startswith("wagtail_agenda/")} | {
        name
        for name in in_sdist
        if name.split("/")[0] not in {"wagtail_agenda", ".gitignore", "pyproject.toml", "PKG-INFO"}
        and name not in {"", "CHANGELOG.md", "LICENSE", "README.md"}
    }
    foreign |= {name for name in in_wheel | in_sdist if re.search(r"\btests?\b|__pycache__", name)}
    missing = set(tracked) - in_wheel | set(tracked) - in_sdist
    # The sources hold them too, but these are what a package loses most easily.
    missing |= {
        f"any {ending}"
        for ending in (".html", ".css", ".js", ".mo", "/py.typed")
        if not any(name.endswith(ending) for name in in_wheel)
    }
    if foreign or missing:
        raise Failed(
            f"The built package holds what does not belong there: {sorted(foreign) or 'nothing'}; "
            f"it lacks: {sorted(missing) or 'nothing'}."
        )


def check_metadata(wheel: Path, sdist: Path) -> None:
    """What the package says of itself can be shown by an index, and is what is tried in tox."""
    run("twine check", [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist])
    (name,) = (name for name in contents(wheel) if name.endswith(".dist-info/METADATA"))
    metadata: Message = Parser().parsestr(contents(wheel)[name].decode())
    said, tried = set(metadata.get_all("Classifier")), classifiers_of_tox()
    about_versions = {line for line in said if re.search(r":: \d+(\.\d+)?$", line)}
    wrong = {f"says {line!r}, which tox does not try" for line in about_versions - tried} | {
        f"does not say {line!r}, which tox tries" for line in tried - about_versions
    }
    oldest = min(int(line.rpartition(".")[2]) for line in tried if "Python :: 3." in line)
    if metadata["Requires-Python"] != f">=3.{oldest}":
        wrong.add(f"requires Python {metadata['Requires-Python']}, but 3.{oldest} is tried")
    if metadata["License-Expression"] != "BSD-3-Clause" or not metadata["License-File"]:
        wrong.add("has no licence")
    if "Typing :: Typed" not in said:
        wrong.add("does not say that it is typed")
    if not set(metadata.get_all("Provides-Extra")) >= EXTRAS:
        wrong.add(f"lacks one of the extras {sorted(EXTRAS)}")
    if wrong:
        raise Failed("The package:\n" + "\n".join(sorted(wrong)))


def classifiers_of_tox() -> set[str]:
    """The classifiers of versions that the environments of tox.ini stand for."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    environments = config["tox"]["env_list"]
    pythons = {f"3.{minor}" for names in _factors("py3", environments) for minor in names}
    djangos = {
        f"{name[0]}.{name[1]}" for names in _factors("django", environments) for name in names
    }
    wagtails = {name[0] for names in _factors("wagtail", environments) for name in names}
    return {
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: {version}" for version in pythons),
        *(f"Framework :: Django :: {version}" for version in djangos),
        *(f"Framework :: Wagtail :: {version}" for version in wagtails),
    }


def _factors(stem: str, environments: str) -> list[list[str]]:
    """The numbers behind a stem: `wagtail{74,80}` gives 74 and 80, `wagtail80` gives 80."""
    found = re.findall(rf"{stem}(?:\{{([\d,]+)\}}|(\d+))", environments)
    return [(several or one).split(",") for several, one in found]


def try_package(package: Path, wagtail: str, folder: Path) -> str:
    """Installs the package into two new sites; returns what was tried."""
    environment = folder / "environment"
    # A copied interpreter is still open for writing in what the other thread starts meanwhile.
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    run("pip install", [*pip, "install", "--quiet", package, wagtail, DJANGO])
    run("pip check", [*pip, "check"])
    fresh, body = folder / "fresh", folder / "body"
    make_site(environment, fresh)
    shutil.copytree(fresh, body)
    (body / "home/templates/home/home_page.html").write_text(PAGE_TEMPLATE)
    return f"{try_site(python, fresh)}\n{try_site(python, body, '--book')}"


def make_site(environment: Path, site: Path) -> None:
    """Makes a site by the README, with its database."""
    python = environment / "bin" / "python"
    site.mkdir()
    run("wagtail start", [environment / "bin" / "wagtail", "start", "townhall", site])
    follow_readme(site)
    manage = [python, "-Wd", "manage.py"]
    run("makemigrations --check", [*manage, "makemigrations", "--check", "wagtail_agenda"], site)
    run("makemigrations home", [*manage, "makemigrations", "home"], site)
    run("migrate", [*manage, "migrate", "--verbosity", "0"], site)
    run("check", [*manage, "check", "--fail-level", "WARNING"], site)


def try_site(python: Path, site: Path, *options: str) -> str:
    """Looks whether a site works; returns what was tried."""
    (site / "smoke.py").write_text(SMOKE.read_text())
    said = run("smoke test", [python, "smoke.py", *options], site)
    return said.splitlines()[-1]


def follow_readme(site: Path) -> None:
    """Copies each of the README's code blocks into the file that its first line names.

    Settings and URLs are added to what `wagtail start` wrote; the page model replaces it.
    """
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", readme, flags=re.S)
    unknown = {name for name, _ in blocks} ^ FILES.keys()
    if unknown:
        raise Failed(f"README.md should have code for {sorted(FILES)}; look at {sorted(unknown)}.")
    for name, code in blocks:
        path = site / FILES[name]
        if name == "home/models.py":
            path.write_text(code)
        else:
            path.write_text(f"{path.read_text()}\n\n{code}")


def run(step: str, command: list, cwd: Path | None = None) -> str:
    """Runs a command; returns what it said, or raises `Failed` with it."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        words = " ".join(str(word) for word in command)
        raise Failed(f"{step} failed: {words}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
