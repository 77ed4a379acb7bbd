"""Meetings with several participants: their form and their list."""

from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import (
    FieldPanel,
    FieldRowPanel,
    MultiFieldPanel,
    ObjectList,
    PublishingPanel,
)
from wagtail.admin.ui.tables import Column, DateColumn

from wagtail_agenda.models import Meeting
from wagtail_agenda.views.admin.scope import ScopedSnippetViewSet
from wagtail_agenda.views.admin.setup import meeting_lists, meetings


class MeetingViewSet(ScopedSnippetViewSet):
    model = Meeting
    icon = "group"
    add_view_class = meeting_lists.MeetingCreateView
    index_view_class = meeting_lists.MeetingIndexView
    edit_view_class = meeting_lists.MeetingEditView
    unpublish_view_class = meeting_lists.MeetingUnpublishView
    filterset_class = meeting_lists.MeetingFilterSet
    search_fields = [
        "title",
        "location",
        "description",
        "organiser_name",
        "participants__name",
        "participants__address",
    ]
    ordering = ["-start", "-pk"]
    list_display = [
        "title",
        Column("when", label=_("When"), accessor=meeting_lists.when_in_words, sort_key="start"),
        "agenda",
        Column("organiser", label=_("Organiser"), accessor=meeting_lists.organiser_in_words),
        Column("state", label=_("State"), accessor=meetings.state_in_words),
        DateColumn("created_at", label=_("Created"), sort_key="created_at"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel(
                        "title",
                        help_text=_("What participants find in their calendar."),
                    ),
                    FieldPanel("agenda", widget=forms.Select),
                    FieldRowPanel([FieldPanel("start"), FieldPanel("end")]),
                ],
                heading=_("What, and when"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("location"),
                    FieldPanel("video_link"),
                    FieldRowPanel(
                        [
                            FieldPanel("desk", widget=forms.Select),
                            FieldPanel("resource", widget=forms.Select),
                        ]
                    ),
                ],
                heading=_("Where"),
            ),
            MultiFieldPanel(
                [
                    # “Agenda” is something else on all these screens.
                    FieldPanel("description", heading=_("Topics and description")),
                    FieldPanel("documents"),
                ],
                heading=_("What is talked about"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("organiser"),
                    FieldRowPanel([FieldPanel("organiser_name"), FieldPanel("organiser_address")]),
                ],
                heading=_("Who calls it"),
            ),
            meetings.ParticipantsPanel(
                "participants",
                panels=[
                    FieldRowPanel([FieldPanel("user"), FieldPanel("required")]),
                    FieldRowPanel([FieldPanel("name"), FieldPanel("address")]),
                ],
                heading=_("Who is invited"),
                label=_("participant"),
                icon="user",
                help_text=_(
                    "A colleague, or anybody with an e-mail address. Each gets a mail of their own "
                    "when the meeting is published, and is named to nobody else."
                ),
            ),
            PublishingPanel(),
        ],
        base_form_class=meetings.MeetingForm,
    )
