"""The plan of the house is kept by a contract on its imports; here it is seen to bite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="comes with the extra « lint »")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def house(tmp_path):
    """A copy of the package and its contract, to break."""
    ignored = shutil.ignore_patterns("__pycache__", "locale", "static", "templates")
    shutil.copytree(ROOT / "wagtail_agenda", tmp_path / "wagtail_agenda", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def verdict(house: Path) -> str:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(  # noqa: S603  a fixed command
        [sys.executable, "-c", lint, "--no-cache"],
        cwd=house,
        env={"PYTHONPATH": str(house), "PATH": "", "TERM": "dumb", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return f"{done.returncode} {done.stdout} {done.stderr}"


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("booking", "from wagtail_agenda.views import visitor", "Imports run down the plan"),
        ("models", "from wagtail_agenda import booking", "Imports run down the plan"),
        ("ics", "from wagtail_agenda.models import Booking", "Imports run down the plan"),
        ("new_room", "", "Imports run down the plan"),
        ("timegrid", "from django.utils import timezone", "Time is reckoned without Django"),
        ("views/visitor", "import smtplib", "A face never talks to the network"),
        ("blocks/actions", "from wagtail_agenda import mail", "A face never talks to the network"),
    ],
)
def test_an_import_against_the_plan_is_found(house, module, line, contract):
    path = house / "wagtail_agenda" / f"{module}.py"
    path.write_text(f"{line}\n{path.read_text() if path.exists() else ''}")

    said = verdict(house)

    assert said.startswith("1 ")
    assert f"{contract} BROKEN" in said


def test_the_plan_is_kept(house):
    assert verdict(house).startswith("0 ")
