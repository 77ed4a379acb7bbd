import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils import timezone

from example_site.home import demo_content


@pytest.fixture
def town_hall(live_server, settings):
    settings.DEMO_PORT = int(live_server.url.rpartition(":")[2])
    demo_content.load_town_hall(timezone.now())


@pytest.fixture
def one_mail(settings, tmp_path):
    settings.DEMO_MAIL_FOLDER = tmp_path
    message = EmailMultiAlternatives("Your appointment", "See you soon.", to=["ada@example.org"])
    message.attach_alternative(
        '<html><head></head><body><a href="/">The site</a></body></html>', "text/html"
    )
    get_connection("example_site.demo_inbox.mail.FolderBackend").send_messages([message])


@pytest.mark.usefixtures("town_hall")
def test_home_page_is_accessible_on_a_desktop_and_a_phone(page, phone, axe, watch):
    for window in (page, phone):
        watched = watch(window)
        window.goto("/")
        assert window.get_by_role("heading", level=1).inner_text() == "Welcome to the town hall"
        axe(window)
        watched.assert_clean()


@pytest.mark.usefixtures("town_hall", "one_mail")
def test_html_of_a_mail_shows_in_its_frame_and_its_links_leave_it(page, axe, watch):
    watched = watch(page)
    page.goto("/demo/inbox/")
    axe(page)
    page.get_by_text("HTML text/html").click()
    page.frame_locator("iframe").get_by_role("link", name="The site").click()
    page.wait_for_url("**/")
    assert page.get_by_role("heading", level=1).inner_text() == "Welcome to the town hall"
    watched.assert_clean()


@pytest.mark.usefixtures("town_hall")
def test_site_works_without_script(page_without_script):
    page_without_script.goto("/")
    assert page_without_script.get_by_role("heading", level=1).is_visible()
