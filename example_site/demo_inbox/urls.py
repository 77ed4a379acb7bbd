"""URLs of the demo's inbox."""

from django.urls import path

from example_site.demo_inbox import views

app_name = "demo_inbox"

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<str:name>/source/", views.source, name="source"),
    path("<str:name>/html/<int:number>/", views.html_part, name="html"),
    path("<str:name>/parts/<int:number>/", views.part, name="part"),
]
