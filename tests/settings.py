"""Settings of the test suite: the example site, on the database that the environment asks for.

TEST_DATABASE       sqlite (the default), postgresql or mariadb
TEST_DATABASE_NAME  name of the test database, where several suites share a server
TEST_QUEUE          orm (the default) or redis: where django-q2 keeps its tasks
POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD
MARIADB_HOST, MARIADB_PORT, MARIADB_USER, MARIADB_PASSWORD
REDIS_URL
"""

import os
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from example_site.settings.base import *

SECRET_KEY = "only-for-tests"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
ROOT_URLCONF = "tests.urls"
MIDDLEWARE = ["tests.csp.StrictContentSecurityPolicy", *MIDDLEWARE]

WAGTAILADMIN_BASE_URL = "http://testserver"
MEDIA_ROOT = Path(tempfile.gettempdir()) / f"wagtail-agenda-media-{os.getpid()}"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

TEST_DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
TEST_QUEUE = os.environ.get("TEST_QUEUE", "orm")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


def database() -> dict:
    name = os.environ.get("TEST_DATABASE_NAME")
    if TEST_DATABASE == "sqlite":
        # A file, because the tests use threads; one per process, so that suites run side by side.
        name = name or f"wagtail-agenda-{os.getpid()}"
        path = Path(tempfile.gettempdir()) / f"{name}.sqlite3"
        # Never ":memory:", not even as the name of the database that the tests leave alone: the
        # live server starts before the test database, would take it for one in memory, and share
        # one connection between its threads.
        return {**sqlite(path.with_suffix(".unused")), "TEST": {"NAME": str(path)}}
    if TEST_DATABASE == "postgresql":
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "wagtail_agenda",
            "HOST": os.environ.get("POSTGRES_HOST", "127.0.0.1"),
            "PORT": int(os.environ.get("POSTGRES_PORT", "5432")),
            "USER": os.environ.get("POSTGRES_USER", "postgres"),
            "PASSWORD": os.environ.get("POSTGRES_PASSWORD", ""),
            # No test pulls the plug of the server: none needs to wait for its disk.
            "OPTIONS": {"options": "-c synchronous_commit=off"},
            "TEST": {"NAME": name or "test_wagtail_agenda"},
        }
    if TEST_DATABASE == "mariadb":
        import pymysql

        pymysql.install_as_MySQLdb()
        return {
            "ENGINE": "django.db.backends.mysql",
            "NAME": "wagtail_agenda",
            "HOST": os.environ.get("MARIADB_HOST", "127.0.0.1"),
            "PORT": int(os.environ.get("MARIADB_PORT", "3306")),
            "USER": os.environ.get("MARIADB_USER", "root"),
            "PASSWORD": os.environ.get("MARIADB_PASSWORD", ""),
            "OPTIONS": {"charset": "utf8mb4", "isolation_level": "read committed"},
            "TEST": {"NAME": name or "test_wagtail_agenda", "CHARSET": "utf8mb4"},
        }
    raise ImproperlyConfigured(
        f"TEST_DATABASE is “{TEST_DATABASE}”. Set it to sqlite, postgresql or mariadb."
    )


DATABASES = {"default": database()}

if TEST_QUEUE == "redis":
    Q_CLUSTER = {**{key: value for key, value in Q_CLUSTER.items() if key != "orm"}}
    Q_CLUSTER["redis"] = REDIS_URL
Q_CLUSTER["name"] = "wagtail-agenda-tests"
