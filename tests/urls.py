"""The example site's URLs: the tests walk what a site that follows the README has."""

from example_site.urls import urlpatterns

__all__ = ["urlpatterns"]
