"""What this package registers in Wagtail's admin. `wagtail_agenda.wagtail_hooks` imports it all."""
