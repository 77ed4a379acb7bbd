"""Settings of `manage.py demo`: one machine, one person, nothing to configure.

DEMO_PORT  port of the web server, and of the site in Wagtail (default 8000)
DEMO_DATA  folder of the database, the mails and the uploads (default example_site/var)
"""

import os
import secrets

from example_site.settings.base import *

DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
# Shows the links to the inbox and the admin at the foot of every page.
INTERNAL_IPS = ["127.0.0.1", "::1"]
MIDDLEWARE = ["example_site.loopback.LoopbackOnly", *MIDDLEWARE]

# A European town: weeks begin on Monday.
LANGUAGE_CODE = "en-gb"
LANGUAGES = WAGTAIL_CONTENT_LANGUAGES = [("en-gb", "English"), *LANGUAGES[1:]]

DEMO_PORT = int(os.environ.get("DEMO_PORT") or 8000)
DEMO_DATA = Path(os.environ.get("DEMO_DATA") or SITE_DIR / "var").resolve()
DEMO_DATA.mkdir(parents=True, exist_ok=True)


def secret_key(path: Path) -> str:
    """A key of this machine's own, so that nobody can sign with the key of a public repository."""
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


SECRET_KEY = secret_key(DEMO_DATA / "secret-key")
DATABASES = {"default": sqlite(DEMO_DATA / "demo.sqlite3")}
# Web and worker are two processes, and limits count in what they share.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DEMO_DATA / "cache",
    }
}
MEDIA_ROOT = DEMO_DATA / "media"

EMAIL_BACKEND = "example_site.demo_inbox.mail.FolderBackend"
DEMO_MAIL_FOLDER = DEMO_DATA / "mail"

WAGTAILADMIN_BASE_URL = f"http://localhost:{DEMO_PORT}"
WAGTAIL_AGENDA = {
    **WAGTAIL_AGENDA,
    "BASE_TEMPLATE": "base.html",
    "BASE_URL": WAGTAILADMIN_BASE_URL,
}

# One person at a keyboard sees a mail leave soon after a click.
Q_CLUSTER = {**Q_CLUSTER, "poll": 0.5}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "wagtail_agenda": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
