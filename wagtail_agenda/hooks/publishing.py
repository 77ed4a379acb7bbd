"""The buttons « Publish » and « Unpublish » for those to whom a role gives them.

Wagtail's own ask for Django's permission on the model alone, which our roles are not: whoever may
publish a row of ours would find no button for it.
"""

from wagtail import hooks
from wagtail.models import DraftStateMixin
from wagtail.snippets.action_menu import PublishMenuItem, UnpublishMenuItem

from wagtail_agenda import permissions


class _ByRole:
    """Shown where Wagtail's own button is not, to whoever the policy of the model lets publish."""

    def is_shown(self, context):
        if super().is_shown(context) or context.get("locked_for_user"):
            return False
        policy = permissions.POLICIES[context["model"]]
        return policy.user_has_permission(context["request"].user, "publish")


class PublishByRole(_ByRole, PublishMenuItem):
    pass


class UnpublishByRole(_ByRole, UnpublishMenuItem):
    def is_shown(self, context):
        is_live = context["view"] == "edit" and context["instance"].live
        return is_live and super().is_shown(context)


@hooks.register("register_snippet_action_menu_item")
def register_publishing(model):
    if model in permissions.POLICIES and issubclass(model, DraftStateMixin):
        return PublishByRole(order=30)


@hooks.register("register_snippet_action_menu_item")
def register_unpublishing(model):
    if model in permissions.POLICIES and issubclass(model, DraftStateMixin):
        return UnpublishByRole(order=20)
