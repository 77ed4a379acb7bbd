"""Settings of the benchmarks: those of the tests, addresses of the databases included.

BENCHMARK_DATABASE_NAME  the throw-away database of a benchmark that is running, which the harness
                         names so that a web server or worker started by it finds the same one
"""

import os

from tests.settings import *

ROOT_URLCONF = "example_site.urls"
# As a site would run: without what only tests look at.
MIDDLEWARE = [
    "benchmarks.site.count_queries",
    *(name for name in MIDDLEWARE if not name.startswith("tests.")),
]
# To the limits against abuse a benchmark would look like it.
WAGTAIL_AGENDA = {
    **WAGTAIL_AGENDA,
    "FORM_MINIMUM_SECONDS": 0,
    "HOLDS_PER_SESSION": 0,
    "HOLDS_PER_ADDRESS": 0,
    "HOLDS_PER_ADDRESS_PER_HOUR": 0,
    "BOOKINGS_PER_ADDRESS_PER_HOUR": 0,
    "BOOKINGS_PER_EMAIL_PER_DAY": 0,
}
CACHES = {
    "default": {
        **CACHES["default"],
        "LOCATION": "benchmarks",
    }
}

# As deployed: django-q2 gives up a connection without this age whenever it takes a task.
DATABASES["default"]["CONN_MAX_AGE"] = 600

_name = os.environ.get("BENCHMARK_DATABASE_NAME")
if _name:
    DATABASES["default"]["NAME"] = _name

# Standard error is for whoever watches, and nobody wants to read of every task.
Q_CLUSTER["log_level"] = "WARNING"
