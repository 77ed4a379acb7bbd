"""Keeps every set-up screen to the objects that its user may see or change.

Wagtail's generic views ask for a permission on the model, hardly ever on the object. So our
viewsets build every view through `scoped()`, which puts a check in front of it that no view of a
later Wagtail can be without: whatever names a row in its address answers 404 unless the user may
change that row, and whatever lists rows lists those that the user may see.
"""

import copy
from collections.abc import Callable

from django import forms
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import BigIntegerField, Model, QuerySet
from django.db.models.base import ModelState
from django.http import Http404, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.datastructures import MultiValueDictKeyError
from django.utils.functional import cached_property, classproperty
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic.base import View
from modelcluster.models import get_all_child_relations
from wagtail.admin import messages
from wagtail.admin.admin_url_finder import ModelAdminURLFinder
from wagtail.admin.forms.choosers import BaseFilterForm
from wagtail.admin.views import generic
from wagtail.admin.views.generic.chooser import (
    BaseChooseView,
    ChosenMultipleViewMixin,
    ChosenViewMixin,
)
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.fields import StreamField
from wagtail.snippets.bulk_actions.delete import DeleteBulkAction
from wagtail.snippets.models import get_snippet_models
from wagtail.snippets.views.chooser import SnippetChooserViewSet
from wagtail.snippets.views.snippets import SnippetViewSet
from wagtail.snippets.widgets import AdminSnippetChooser

from wagtail_agenda import permissions, removal

Scope = Callable[[object, QuerySet], QuerySet]


class AgendaScopedMixin:
    """Stands in front of any view of one of our models."""

    scope: Scope = staticmethod(permissions.editable)

    def setup(self, request, *args, **kwargs):
        if "pk" in kwargs:
            self.require_row(request, kwargs["pk"])
        super().setup(request, *args, **kwargs)

    def dispatch(self, request, *args, **kwargs):
        try:
            if request.method == "POST" and not counts_are_numbers(self.model, request.POST):
                return garbled()
            return super().dispatch(request, *args, **kwargs)
        except MultiValueDictKeyError:
            # Wagtail takes it for granted that a form has every field that its page had.
            return garbled()

    def require_row(self, request, pk) -> None:
        """Raises Http404 unless the user may do with this row what the view does."""
        rows = type(self).scope(request.user, self.model._default_manager.all())
        try:
            found = rows.filter(pk=int(unquote(str(pk)))).exists()
        except ValueError:
            found = False
        if not found:
            raise Http404


BLOCK_COUNTS = ("-count", "-order")
ROW_COUNTS = ("-TOTAL_FORMS", "-INITIAL_FORMS", "-id", "-ORDER")


def counts_are_numbers(model: type[Model], data: QueryDict) -> bool:
    """Whether counts, positions and keys of a form's StreamFields and rows of children are numbers.

    Those of a row that is new, or gone, are empty.
    """
    fields = tuple(
        f"{field.name}-" for field in model._meta.get_fields() if isinstance(field, StreamField)
    )
    children = tuple(f"{rel.get_accessor_name()}-" for rel in get_all_child_relations(model))
    return all(
        (value.isascii() and value.isdigit() and len(value) < 10)
        or (value == "" and name.startswith(children))
        for name, value in data.items()
        if (name.startswith(fields) and name.endswith(BLOCK_COUNTS))
        or (name.startswith(children) and name.endswith(ROW_COUNTS))
    )


def garbled() -> HttpResponse:
    """For forms that no page of ours sends."""
    return HttpResponseBadRequest(
        gettext("This form came incomplete, so nothing was saved. Go back, reload it, try again."),
        content_type="text/plain; charset=utf-8",
    )


class ScopedIndex(AgendaScopedMixin):
    """A list of what one may see, with links on what one may change."""

    def get_base_queryset(self):
        return permissions.visible(self.request.user, super().get_base_queryset())

    @cached_property
    def editable_keys(self) -> set[int]:
        rows = permissions.editable(self.request.user, self.model._default_manager.order_by())
        return set(rows.values_list("pk", flat=True))

    def get_edit_url(self, instance):
        return super().get_edit_url(instance) if instance.pk in self.editable_keys else None

    def get_delete_url(self, instance):
        return super().get_delete_url(instance) if instance.pk in self.editable_keys else None

    def order_queryset(self, queryset):
        queryset = super().order_queryset(queryset)
        if self.show_ordering_column:
            # As `ScopedReorder` counts them.
            return queryset.order_by(self.sort_order_field, "pk")
        return queryset


class ScopedReorder(AgendaScopedMixin):
    """Moves a row among those of its list, and writes the order of nobody else's rows."""

    def get_queryset(self):
        return permissions.visible(self.request.user, self.model._default_manager.all()).order_by(
            self.sort_order_field, "pk"
        )

    def post(self, request, *args, **kwargs):
        mine = set(
            permissions.editable(request.user, self.model._default_manager.all()).values_list(
                "pk", flat=True
            )
        )
        with transaction.atomic():
            rows = list(self.get_queryset())
            moved = next(row for row in rows if row.pk == int(kwargs["pk"]))
            rows.remove(moved)
            rows.insert(_position(request.GET.get("position"), len(rows)), moved)
            for order, row in enumerate(rows):
                if row.pk in mine and getattr(row, self.sort_order_field) != order:
                    self.model._default_manager.filter(pk=row.pk).update(
                        **{self.sort_order_field: order}
                    )
        return HttpResponse(status=200)


def _position(asked: str | None, last: int) -> int:
    try:
        position = int(asked or "")
    except ValueError:
        return last
    return position if 0 <= position <= last else last


class ScopedCopy(AgendaScopedMixin):
    """Fills a new form from a row that one may see. The form is sent to the “add” view.

    A POST to this very address would write to the row that was meant to be copied.
    """

    scope: Scope = staticmethod(permissions.visible)
    http_method_names = ["get", "head", "options"]
    not_copied = {"slug": "", "bookable_id": None}

    def get_initial_form_instance(self):
        return fresh_copy(self.get_object(), **self.not_copied)


def fresh_copy(original: Model, **changed) -> Model:
    """An unsaved instance with the field values of `original`."""
    instance = copy.copy(original)
    instance.pk = None
    instance._state = ModelState()
    for field, value in changed.items():
        if hasattr(instance, field):
            setattr(instance, field, value)
    return instance


class ScopedRevert(AgendaScopedMixin):
    """Goes back to an unfinished draft too, where Wagtail's own view ends in an error."""

    def save_instance(self):
        instance = self.form.save(commit=not self.object.live)
        self.has_content_changes = self.form.has_changed()
        self.new_revision = instance.save_revision(
            user=self.request.user,
            log_action=True,
            previous_revision=self.revision,
            clean=not self.saving_as_draft,
        )
        return instance


class ScopedDelete(AgendaScopedMixin):
    """Says why a row has to stay, instead of failing or taking others along."""

    def dispatch(self, request, *args, **kwargs):
        if self.user_has_permission("delete") and (reason := removal.why_kept(self.object)):
            messages.error(request, reason)
            return redirect(reverse(self.edit_url_name, args=[self.object.pk]))
        return super().dispatch(request, *args, **kwargs)


class ScopedBulkDelete(DeleteBulkAction):
    """Deletes several of one's own rows at once, if nothing keeps any of them."""

    @classproperty
    def models(cls):
        return [model for model in get_snippet_models() if model in permissions.POLICIES]

    def get_actionable_objects(self):
        """Rows of others are not even named. Raises Http404 if none are left."""
        return self._rows, {"items_with_no_access": []}

    @cached_property
    def _rows(self) -> list[Model]:
        user, asked = self.request.user, self.request.GET.getlist("id")
        rows = permissions.editable(user, self.model._default_manager.all())
        if "all" not in asked:
            rows = rows.filter(pk__in=_numbers(asked))
        may_delete = permissions.POLICIES[self.model].user_has_permission(user, "delete")
        found = list(rows) if may_delete else []
        if not found:
            raise Http404
        return found

    def dispatch(self, request, *args, **kwargs):
        reasons = [reason for row in self._rows if (reason := removal.why_kept(row))]
        if reasons:
            for reason in reasons:
                messages.error(request, reason)
            return redirect(reverse(self.model.snippet_viewset.get_url_name("list")))
        return super().dispatch(request, *args, **kwargs)

    @classmethod
    def execute_action(cls, objects, user=None, **kwargs):
        for row in objects:
            row.delete()
        return len(objects), 0


def _numbers(texts: list[str]) -> list[int]:
    """Those that can be a key; SQLite fails over longer ones."""
    found = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20]
    return [number for number in found if number <= BigIntegerField.MAX_BIGINT]


class LabelSearchForm(BaseFilterForm):
    """Searches a chooser's rows by their label, or title.

    Through the database, since search backends cannot filter by who may see a row.
    """

    q = forms.CharField(
        label=_("Search term"),
        widget=forms.TextInput(attrs={"placeholder": _("Search")}),
        required=False,
    )

    def filter(self, objects):
        objects = super().filter(objects)
        if query := self.cleaned_data.get("q"):
            self.is_searching, self.search_query = True, query
            name = "label" if hasattr(objects.model, "label") else "title"
            objects = objects.filter(**{f"{name}__icontains": query})
        return objects


class ScopedChoose(AgendaScopedMixin):
    filter_form_class = LabelSearchForm

    def get_object_list(self):
        return permissions.visible(self.request.user, super().get_object_list())


class ScopedChosen(AgendaScopedMixin):
    scope: Scope = staticmethod(permissions.visible)


class ScopedChosenMultiple(AgendaScopedMixin):
    def get_objects(self, pks):
        return permissions.visible(self.request.user, super().get_objects(_numbers(pks)))


# The first that fits is put in front of a view.
_SCOPES = (
    (generic.IndexView, ScopedIndex),
    (generic.RevisionsRevertMixin, ScopedRevert),
    (generic.ReorderView, ScopedReorder),
    (generic.DeleteView, ScopedDelete),
    (generic.models.CopyViewMixin, ScopedCopy),
    (BaseChooseView, ScopedChoose),
    (ChosenViewMixin, ScopedChosen),
    (ChosenMultipleViewMixin, ScopedChosenMultiple),
    (View, AgendaScopedMixin),
)


def scoped(view_class: type[View]) -> type[View]:
    """`view_class` with the check in front that its kind of view needs."""
    if issubclass(view_class, AgendaScopedMixin):
        return view_class
    scope = next(mixin for kind, mixin in _SCOPES if issubclass(view_class, kind))
    return type(view_class.__name__, (scope, view_class), {"__module__": view_class.__module__})


class ScopedViewSetMixin:
    """A viewset all of whose views are scoped, on every version of Wagtail."""

    # A search backend could not filter by who may see a row; the database can.
    search_backend_name = None
    search_fields = ["label"]

    @cached_property
    def permission_policy(self):
        return permissions.POLICIES[self.model]

    def construct_view(self, view_class, **kwargs):
        return super().construct_view(scoped(view_class), **kwargs)

    def get_permissions_to_register(self):
        """None: roles are granted per agenda, so Django's own permissions would mean nothing."""
        return Permission.objects.none()


class Chooser(AdminSnippetChooser):
    """Shows as empty what cannot be a key, where Wagtail's own fails over a form sent by hand."""

    def __init__(self, **kwargs):
        super().__init__(**{"model": self.model, **kwargs})

    def get_instance(self, value):
        try:
            return super().get_instance(value)
        except (TypeError, ValueError):
            return None


class ScopedChooserViewSet(SnippetChooserViewSet):
    """A chooser of what its user may see. Nothing is made in it, so it has no such address."""

    @cached_property
    def widget_class(self):
        # Wagtail 7.4 has no `base_widget_class` for snippets.
        return type("Chooser", (Chooser,), {"model": self.model, "icon": self.icon})

    def construct_view(self, view_class, **kwargs):
        return super().construct_view(scoped(view_class), **kwargs)

    def get_urlpatterns(self):
        return [pattern for pattern in super().get_urlpatterns() if pattern.name != "create"]


class ScopedSnippetViewSet(ScopedViewSetMixin, SnippetViewSet):
    chooser_viewset_class = ScopedChooserViewSet

    @property
    def url_finder_class(self):
        """Links to those who may change the row; Wagtail 7.4 asks whether they may change all."""
        attributes = {
            "edit_url_name": self.get_url_name("edit"),
            "permission_policy": self.permission_policy,
        }
        return type("_ScopedUrlFinder", (ModelAdminURLFinder,), attributes)


class ScopedModelViewSet(ScopedViewSetMixin, ModelViewSet):
    pass
