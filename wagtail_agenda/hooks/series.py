"""Series of events, and what is done with single events: screens, addresses, words of the log."""

from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column

from wagtail_agenda.hooks.offers import (
    OPEN_FOR_BOOKING,
    WHAT_TAKES_PLACE,
    WHERE_IT_TAKES_PLACE,
    OfferViewSet,
)
from wagtail_agenda.models import EventSeries
from wagtail_agenda.views.admin.setup import event_acts, series, series_changes, series_panels


class EventSeriesViewSet(OfferViewSet):
    model = EventSeries
    icon = "rotate"
    index_view_class = series_changes.SeriesIndexView
    add_view_class = series_changes.SeriesCreateView
    edit_view_class = series_changes.SeriesEditView
    delete_view_class = series_changes.SeriesDeleteView
    filterset_class = series_changes.SeriesFilterSet
    list_display = [
        "label",
        "agenda",
        Column("days", label=_("Days"), accessor=series.days_in_words),
        Column("first_day", label=_("From"), sort_key="first_day"),
        Column("until", label=_("Until"), sort_key="until"),
    ]
    edit_handler = ObjectList(
        [
            series_panels.BookedDatesPanel(heading=_("Dates that are booked"), icon="warning"),
            WHAT_TAKES_PLACE,
            MultiFieldPanel(
                [
                    FieldPanel("weekdays"),
                    FieldPanel(
                        "every_weeks",
                        help_text=_(
                            "1 is every week; 2 every second one, counted from the week of the "
                            "first day."
                        ),
                    ),
                    FieldRowPanel([FieldPanel("start_time"), FieldPanel("duration")]),
                    FieldRowPanel([FieldPanel("first_day"), FieldPanel("until")]),
                    FieldPanel("exceptions"),
                ],
                heading=_("When it takes place"),
            ),
            MultiFieldPanel(
                [
                    FieldRowPanel(
                        [
                            FieldPanel("places"),
                            FieldPanel(
                                "waiting_places",
                                help_text=_(
                                    "How many can wait for a place once all are taken. With 0, "
                                    "there is no waiting list."
                                ),
                            ),
                        ]
                    ),
                    FieldPanel("publish_days"),
                    OPEN_FOR_BOOKING,
                ],
                heading=_("For how many, and when visitors can book it"),
            ),
            MultiFieldPanel(
                WHERE_IT_TAKES_PLACE,
                heading=_("Where, and where to read more"),
            ),
            series_panels.ComingDatesPanel(heading=_("Dates to come"), icon="date"),
        ],
        base_form_class=series.SeriesForm,
    )

    @property
    def following_view(self):
        return self.construct_view(series_changes.FollowingEditView, **self.get_edit_view_kwargs())

    def get_urlpatterns(self):
        following = path("following/<int:pk>/<int:event>/", self.following_view, name="following")
        return [*super().get_urlpatterns(), following]


@hooks.register("register_admin_urls")
def register_event_acts():
    pages = [
        path("which-dates/<int:pk>/", event_acts.WhichDatesView.as_view(), name="which"),
        path("cancel/<int:pk>/", event_acts.CancelEventView.as_view(), name="cancel"),
    ]
    return [path("agendas/setup/event-acts/", include((pages, event_acts.NAMESPACE)))]


@hooks.register("register_log_actions")
def register_log_actions(actions):
    """What is done with events and their series, in the words of the site's history."""
    actions.register_action("wagtail_agenda.cancel_event", _("Cancel"), _("Event cancelled"))
    actions.register_action(
        "wagtail_agenda.change_series", _("Change the series"), _("Dates to come changed")
    )
    actions.register_action(
        "wagtail_agenda.end_series",
        _("End the series"),
        _("Ended, because the dates after it are a series of their own"),
    )
