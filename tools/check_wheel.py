"""Builds the package and tries it as a stranger would: in plain Wagtail sites, by the README.

For each supported Wagtail series: an empty environment, the wheel, `wagtail start`, the code of the
README's « Add it to a site » copied into the files it names, and then migrations, system checks and
a look at the site and its admin.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "wagtail_agenda"
SMOKE = Path(__file__).with_name("smoke.py")
# Oldest supported pair first: Django 5.2 is the oldest for both.
SITES = {"7.4": "wagtail~=7.4.0", "8.0": "wagtail~=8.0.0"}
DJANGO = "django~=5.2.0"
SETTINGS = "townhall/settings/base.py"
FILES = {"settings.py": SETTINGS, "urls.py": "townhall/urls.py", "home/models.py": "home/models.py"}


class Failed(Exception):
    """A step did not work; the text says which and shows its output."""


def main() -> int:
    try:
        with tempfile.TemporaryDirectory(prefix="wagtail-agenda-wheel-") as folder:
            wheel = build(ROOT / "dist")
            with ThreadPoolExecutor(len(SITES)) as pool:
                sites = [
                    pool.submit(try_site, wheel, requirement, Path(folder) / series)
                    for series, requirement in SITES.items()
                ]
                for series, site in zip(SITES, sites, strict=True):
                    print(f"Wagtail {series}: {site.result()}")
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def build(folder: Path) -> Path:
    """Builds sdist and, from it, the wheel; returns the wheel once both hold what they should."""
    for old in [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]:
        old.unlink()
    run("build", [sys.executable, "-m", "build", "--outdir", folder], cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}

    tracked = run("list the sources", ["git", "ls-files", "wagtail_agenda"], cwd=ROOT).split()
    foreign = {name for name in in_wheel if not name.startswith("wagtail_agenda/")} | {
        name
        for name in in_sdist
        if name.split("/")[0] not in {"wagtail_agenda", ".gitignore", "pyproject.toml", "PKG-INFO"}
        and name not in {"", "CHANGELOG.md", "LICENSE", "README.md"}
    }
    missing = set(tracked) - in_wheel | set(tracked) - in_sdist
    if foreign or missing:
        raise Failed(
            f"The built package holds what does not belong there: {sorted(foreign) or 'nothing'}; "
            f"it lacks: {sorted(missing) or 'nothing'}."
        )
    return wheel


def try_site(wheel: Path, wagtail: str, folder: Path) -> str:
    """Installs the wheel into a new plain site; returns the versions that were tried."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    run("pip install", [*pip, "install", "--quiet", wheel, wagtail, DJANGO])
    run("pip check", [*pip, "check"])

    site = folder / "site"
    site.mkdir()
    run("wagtail start", [environment / "bin" / "wagtail", "start", "townhall", site])
    follow_readme(site)

    manage = [python, "-Wd", "manage.py"]
    run("makemigrations --check", [*manage, "makemigrations", "--check", "wagtail_agenda"], site)
    run("makemigrations home", [*manage, "makemigrations", "home"], site)
    run("migrate", [*manage, "migrate", "--verbosity", "0"], site)
    run("check", [*manage, "check", "--fail-level", "WARNING"], site)
    (site / "smoke.py").write_text(SMOKE.read_text())
    return run("smoke test", [python, "smoke.py"], site).strip()


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
