"""The addresses that visitors and other systems reach.

A site includes them once, outside ``i18n_patterns``::

path("agendas/", include("wagtail_agenda.urls"))
"""

from django.urls import include, path

from wagtail_agenda.api.urls import urlpatterns as calls
from wagtail_agenda.views import (
    changing,
    choosing,
    feeds,
    manage,
    offers,
    picker,
    replying,
    until,
    visitor,
)

app_name = "wagtail_agenda"

urlpatterns = [
    path("book/", choosing.choose, name="choose"),
    path("book/<str:digest>/<str:lock_code>/", picker.picker, name="picker"),
    path("book/<str:digest>/<str:lock_code>/until/", until.until, name="until"),
    path("book/<str:digest>/<str:lock_code>/details/", visitor.details, name="details"),
    path("book/<str:digest>/<str:lock_code>/summary/", visitor.summary, name="summary"),
    path("book/<str:digest>/<str:lock_code>/confirmed/", visitor.confirmed, name="confirmed"),
    path("manage/<str:token>/", manage.manage, name="manage"),
    path("manage/<str:token>/cancel/", manage.manage_cancel, name="manage_cancel"),
    path("manage/<str:token>/accept/", offers.accept, name="offer_accept"),
    path("manage/<str:token>/decline/", offers.decline, name="offer_decline"),
    path("manage/<str:token>/places/", changing.places, name="manage_places"),
    path("manage/<str:token>/move/", changing.move, name="manage_move"),
    path("manage/<str:token>/move/to/", changing.move_to, name="manage_move_to"),
    path("manage/<str:token>/again/", manage.mail_again, name="mail_again"),
    path("manage/<str:token>/invitation.ics", manage.manage_ics, name="manage_ics"),
    path("reply/<str:token>/", replying.reply, name="reply"),
    path("calendar/<str:token>.ics", feeds.entry, name="feed"),
    path("api/", include(calls)),
]
