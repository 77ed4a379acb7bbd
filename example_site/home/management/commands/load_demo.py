"""`manage.py load_demo`: fills the example site with a small town hall."""

from typing import Any

from django.core.management.base import BaseCommand

from example_site.home import demo_content


class Command(BaseCommand):
    help = "Fills the example site with a small town hall. Running it again adds what is missing."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Loading the town hall; the first time takes a few seconds …")
        demo_content.load()
        self.stdout.write("The town hall is loaded.")
