from django.apps import AppConfig


class DemoInboxConfig(AppConfig):
    name = "example_site.demo_inbox"
    label = "demo_inbox"
    verbose_name = "Inbox of the demo"
