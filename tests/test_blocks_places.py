"""The booking form on real pages: copies, aliases, snippets, any language, behind a page cache."""

import re
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.template import engines
from django.test import Client
from django.utils import translation
from freezegun import freeze_time
from wagtail import blocks
from wagtail.models import Page

from example_site.home.models import HomePage, Notice
from tests.factories import NOW, make_appointments
from wagtail_agenda.blocks import BookingFormBlock
from wagtail_agenda.models import Hold

pytestmark = pytest.mark.django_db

PAGE_CACHE = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "limits"},
    "pages": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "pages"},
}


@pytest.fixture(autouse=True)
def clock():
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def agenda():
    return make_appointments(desks=2)[0]


def form_of(agenda):
    return {"type": "booking_form", "value": {"agenda": agenda.pk, "heading": "Passports"}}


def publish(*body, title="Passports"):
    page = HomePage(title=title, slug=title.lower(), body=list(body))
    return Page.objects.filter(depth=2).first().add_child(instance=page)


def forms_in(response):
    """The hidden fields of every booking form on a page."""
    assert response.status_code == 200
    return re.findall(r'name="definition" value="([^"]+)"', response.text)


def times_in(response):
    return re.findall(r'name="slot" value="([^"]+)"', response.text)


def choose(page, number=0):
    """Books the first time of a page's form as far as its details, in another browser."""
    data = {"definition": forms_in(page)[number], "slot": times_in(page)[0]}
    return Client().post("/agendas/book/", data, follow=True)


def test_a_copy_and_an_alias_take_bookings_as_their_page_does(client, agenda):
    page = publish(form_of(agenda))
    copy = page.copy(update_attrs={"slug": "copy", "title": "Copy"})
    alias = page.create_alias(update_slug="alias")
    for place in (page, copy, alias):
        response = choose(client.get(place.url))
        assert "Your details" in response.text
    assert Hold.objects.filter(agenda=agenda).count() == 3


def test_a_snippet_takes_bookings_on_every_page_that_shows_it(client, agenda):
    notice = Notice.objects.create(title="New hours", body=[form_of(agenda)])
    shown = {"type": "notice", "value": notice.pk}
    page = publish(shown, form_of(agenda), title="Both")
    response = client.get(page.url)
    assert len(forms_in(response)) == 2
    for number in (0, 1):
        assert "Your details" in choose(response, number).text


def test_stands_inside_a_struct_block_whose_template_knows_nothing_of_it(agenda):
    class Section(blocks.StructBlock):
        form = BookingFormBlock()
        forms = blocks.ListBlock(BookingFormBlock())

    value = form_of(agenda)["value"]
    section = Section().to_python({"form": value, "forms": [value, value]})
    template = (
        "{% load wagtailcore_tags %}{% include_block section.form %}"
        "{% for form in section.forms %}{% include_block form %}{% endfor %}"
    )
    html = engines["django"].from_string(template).render({"section": section})
    assert html.count('name="definition"') == 3


def test_pages_of_other_languages_lead_to_a_form_in_that_language(agenda):
    with translation.override("ar"):
        html = BookingFormBlock().render(BookingFormBlock().to_python(form_of(agenda)["value"]))
    assert 'lang="ar" dir="rtl"' in html
    data = {
        "definition": re.search(r'name="definition" value="([^"]+)"', html)[1],
        "slot": re.search(r'name="slot" value="([^"]+)"', html)[1],
    }
    response = Client().post("/agendas/book/", data, follow=True)
    assert response.headers["Content-Language"] == "ar"
    assert '<html lang="ar" dir="rtl"' in response.text


@pytest.fixture
def page_cache(settings):
    settings.CACHES = PAGE_CACHE
    settings.CACHE_MIDDLEWARE_ALIAS = "pages"
    settings.CACHE_MIDDLEWARE_SECONDS = 3600
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    for cache in caches.all():
        cache.clear()


def test_a_cached_page_takes_bookings_of_visitors_who_never_met(page_cache, agenda, clock):
    page = publish(form_of(agenda))
    first = Client().get(page.url)
    assert not first.cookies
    clock.tick(timedelta(minutes=40))
    second = Client().get(page.url)
    assert second.headers["Expires"] == first.headers["Expires"], "it did not come from the cache"
    assert forms_in(second) == forms_in(first)
    assert "Your details" in choose(second).text


def test_nothing_of_a_visitors_own_pages_is_kept_by_a_page_cache(page_cache, agenda):
    page = publish(form_of(agenda))
    choosing = {"slot": times_in(Client().get(page.url))[0]}
    choosing["definition"] = forms_in(Client().get(page.url))[0]
    before = set(caches["pages"]._cache)
    visitor = Client()
    steps = visitor.post("/agendas/book/", choosing).headers["Location"].removesuffix("details/")
    for path in (steps, f"{steps}details/", f"{steps}summary/", f"{steps}confirmed/"):
        response = visitor.get(path)
        assert "no-store" in response.headers["Cache-Control"]
    for path, status in (
        ("/agendas/book/", 405),
        (f"/agendas/book/{'0' * 64}/{'A' * 22}/", 404),
        (f"/agendas/manage/{'A' * 43}/", 404),
        (f"/agendas/manage/{'A' * 43}/invitation.ics", 404),
    ):
        response = visitor.get(path)
        assert response.status_code == status
        assert "no-store" in response.headers["Cache-Control"]
        assert response.headers["Referrer-Policy"] == "same-origin"
    assert set(caches["pages"]._cache) == before
