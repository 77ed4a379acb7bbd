"""Benchmarks: the product beside the least that the same work could cost.

Every other module here but `harness` and `settings` is one benchmark; `make bench` runs them all.
"""

import os

import django

# Benchmarks import models, so Django comes first.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
django.setup()
