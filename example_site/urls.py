"""URLs of the example site. `agendas/` is the one line that wagtail-agenda asks a site for."""

from django.conf import settings
from django.conf.urls.static import static
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from example_site.home.views import back_office

urlpatterns = [
    path("agendas/", include("wagtail_agenda.urls")),
    path("demo/inbox/", include("example_site.demo_inbox.urls")),
    path("demo/back-office/<slug:number>/", back_office),
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    *(static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT) if settings.DEBUG else []),
    path("", include(wagtail_urls)),
]
