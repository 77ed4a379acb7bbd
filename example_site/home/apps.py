from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "example_site.home"
    label = "home"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        # They register on import.
        from example_site.home import actions, document_number, placeholders  # noqa: F401
