from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class WagtailAgendaConfig(AppConfig):
    name = "wagtail_agenda"
    label = "wagtail_agenda"
    verbose_name = _("Agendas")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from wagtail_agenda import (  # noqa: F401  (they register what they have on import)
            actions,
            checks,
            meetings,
            permissions,
        )
        from wagtail_agenda.tasks import ensure_schedules
        from wagtail_agenda.workflow import ensure_default_workflow

        post_migrate.connect(
            ensure_default_workflow, sender=self, dispatch_uid="wagtail_agenda.default_workflow"
        )
        post_migrate.connect(ensure_schedules, sender=self, dispatch_uid="wagtail_agenda.schedules")
