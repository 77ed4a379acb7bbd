"""A migrated SQLite database, kept from one run to the next.

Migrating Wagtail takes longer than most tests. What follows a migration, such as our built-in
workflow and the schedules of the queue, is made anew in every run, so that it is always today's.
"""

import hashlib
import sqlite3
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from django.apps import apps

MADE_AFTER_MIGRATING = (
    "wagtail_agenda_workflowstatus",
    "wagtail_agenda_workflow",
    "django_q_schedule",
)


def fingerprint() -> str:
    """Changes with every migration that would have to run, and with what runs it."""
    digest = hashlib.sha256(f"{sys.version} {version('django')} {version('wagtail')}".encode())
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for path in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(f"{app.label} {path.name}".encode())
            if app.label == "wagtail_agenda":
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def copy(source: Path, target: Path) -> None:
    """Copy a database as it stands, also while a log of writes lies beside it."""
    unfinished = target.with_suffix(f".{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(unfinished)) as written:
        read.backup(written)
    unfinished.replace(target)


def keep(database: Path, template: Path) -> None:
    """Keep a database that has just been migrated, without what is made anew in every run."""
    beside = template.with_suffix(f".{database.name}")
    copy(database, beside)
    with closing(sqlite3.connect(beside)) as kept:
        kept.execute("PRAGMA journal_mode = DELETE")
        for table in MADE_AFTER_MIGRATING:
            kept.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        kept.commit()
    beside.replace(template)


def copy_without(app_label: str, template: Path, target: Path) -> None:
    """Copy a migrated database as if the migrations of this app had yet to run."""
    copy(template, target)
    with closing(sqlite3.connect(target)) as database:
        for model in apps.get_app_config(app_label).get_models(include_auto_created=True):
            database.execute(f"DROP TABLE {model._meta.db_table}")
        database.execute("DELETE FROM django_migrations WHERE app = ?", [app_label])
        database.commit()
