"""The example site: a plain Wagtail site with wagtail-agenda installed as its README says."""

from pathlib import Path

SITE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "example_site.home",
    "example_site.demo_inbox",
    "wagtail_agenda",
    "wagtail_modeladmin",
    "django_q",
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wagtail.contrib.redirects.middleware.RedirectMiddleware",
]

ROOT_URLCONF = "example_site.urls"
WSGI_APPLICATION = "example_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SITE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
LANGUAGES = WAGTAIL_CONTENT_LANGUAGES = [
    ("en", "English"),
    ("fr", "Français"),
    ("de", "Deutsch"),
    ("ru", "Русский"),
]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Paris"

STATIC_URL = "/static/"
STATICFILES_DIRS = [SITE_DIR / "static"]
MEDIA_URL = "/media/"

DEFAULT_FROM_EMAIL = "Fairbridge Town Hall <agenda@fairbridge.example>"
# Seconds. Without it, one mail server that does not answer holds a worker for ever.
EMAIL_TIMEOUT = 20

WAGTAIL_AGENDA = {"SPAM_CHECKS": ["example_site.home.spam.no_advertising"]}

# Where the demo's mail backend keeps what it is given.
DEMO_MAIL_FOLDER = SITE_DIR / "var" / "mail"

# Page editors with many blocks send more fields than Django allows by default.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

WAGTAIL_SITE_NAME = "Fairbridge Town Hall"
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "wagtail.search.backends.database"}}

# The tasks lie in the site's own database. `retry` counts from the moment a worker takes a task
# into its queue, so it is well above `timeout` times the tasks that may wait there.
Q_CLUSTER = {
    "name": "wagtail-agenda",
    "orm": "default",
    "workers": 1,
    "timeout": 60,
    "retry": 600,
    "max_attempts": 5,
    "queue_limit": 4,
    "bulk": 1,
    "catch_up": False,
}


def sqlite(path: Path | str) -> dict:
    """A database entry for SQLite that web and worker can write to at the same time."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
