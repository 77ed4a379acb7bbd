#!/usr/bin/env python
"""Runs Django's commands on the example site, for instance `python manage.py demo`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_site.settings.demo")
    execute_from_command_line(sys.argv)
