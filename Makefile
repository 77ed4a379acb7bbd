# Every target makes what it needs, and does nothing twice: a second run is quick.
#
#   make demo            the example town hall: migrate, load, web and worker, until Ctrl-C
#   make test            the test suite on SQLite, browser tests included
#   make test-databases  what a database can change, on PostgreSQL and MariaDB, and the queue on Redis
#   make prove           bookings at random at full length, races with large crowds, workers that are
#                        killed fifty times, an hour without a mail server; on three databases
#   make lint            style, templates, migrations, translations and documentation
#   make docs            builds the documentation into build/docs; a broken link is an error
#   make bench           measures the product beside the least it could cost (FIGURE=availability)
#   make reference       writes into docs/reference what the code itself can tell
#   make wheel           builds the package and tries it in plain Wagtail 7.4 and 8.0 sites
#   make screenshots     takes the pictures of docs/images from a demo of its own
#   make messages        collects and compiles the translations (LANGUAGES="fr de")

# Python of the environment that is made in .venv; 3.10 or newer.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_FOR_BENCH := .venv/.installed-for-bench
# Worker processes of the tests: each has a database of its own.
WORKERS ?= 2
# Not worksteal: tests that commit must come last in every process, for they empty the tables.
# Where Python may not keep what it compiles, every process would compile the whole suite anew.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist load --quiet
# Overridable as in `make test TESTS=tests/test_conf.py`.
TESTS ?=
LANGUAGES ?= fr de ru
# One benchmark of benchmarks/, as in `make bench FIGURE=booking`; all of them when empty.
FIGURE ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-databases test-postgresql test-mariadb test-redis prove bench lint docs reference wheel screenshots messages chromium clean

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

$(INSTALLED): pyproject.toml tools/make_environment
	tools/make_environment "$(PYTHON)" .venv
	touch $@

chromium: $(INSTALLED)
	@tools/require_chromium $(BIN)/python

demo: $(INSTALLED)
	@exec $(BIN)/python manage.py demo

test: $(INSTALLED) chromium
	$(PYTEST) $(TESTS)

# All at once, with one process each: while one server writes to its disk, the tests of another go on.
test-databases: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs --output-sync=target WORKERS=1 test-postgresql test-mariadb test-redis

test-postgresql: $(INSTALLED)
	TEST_DATABASE=postgresql $(PYTEST) -m "not browser and not redis" $(TESTS)

test-mariadb: $(INSTALLED)
	TEST_DATABASE=mariadb $(PYTEST) -m "not browser and not redis" $(TESTS)

test-redis: $(INSTALLED)
	TEST_QUEUE=redis $(BIN)/python -m pytest --quiet -m redis $(TESTS)

# Takes half an hour on two cores; the suite has a small part of each.
PROOFS := tests/booking/test_machine.py tests/test_availability_remembered.py tests/concurrency
prove: $(INSTALLED)
	AGENDA_PROVE=1 $(PYTEST) $(PROOFS)
	AGENDA_PROVE=1 TEST_DATABASE=postgresql $(PYTEST) $(PROOFS)
	AGENDA_PROVE=1 TEST_DATABASE=mariadb $(PYTEST) $(PROOFS)

$(INSTALLED_FOR_BENCH): $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' >&2
	@touch $@

# Standard output is one JSON object per line and nothing else.
bench: $(INSTALLED_FOR_BENCH)
	@$(BIN)/python -m benchmarks $(FIGURE)

lint: $(INSTALLED) docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_templates.py
	$(BIN)/python -m django makemigrations --check --dry-run --settings tests.settings
	$(BIN)/python tools/check_messages.py

docs: $(INSTALLED)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --fresh-env --quiet docs build/docs

reference: $(INSTALLED)
	$(BIN)/python tools/make_reference.py

wheel: $(INSTALLED)
	$(BIN)/python tools/check_wheel.py

screenshots: $(INSTALLED) chromium
	$(BIN)/python tools/make_screenshots.py

messages: $(INSTALLED)
	cd wagtail_agenda && ../$(BIN)/python -m django makemessages --no-obsolete --add-location file $(addprefix --locale ,$(LANGUAGES))
	cd wagtail_agenda && ../$(BIN)/python -m django compilemessages

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis
