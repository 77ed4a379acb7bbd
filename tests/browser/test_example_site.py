import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils import timezone
from playwright.sync_api import expect

from example_site.home import demo_content
from tests.browser.picking import pick


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
def test_home_page_is_accessible_on_a_desktop_and_a_phone_and_works_without_script(
    page, phone, page_without_script, axe, watch
):
    for window in (page, phone):
        watched = watch(window)
        window.goto("/")
        assert window.get_by_role("heading", level=1).inner_text() == "Welcome to the town hall"
        axe(window)
        watched.assert_clean()
    page_without_script.goto("/")
    assert page_without_script.get_by_role("heading", level=1).is_visible()


@pytest.mark.usefixtures("town_hall", "one_mail")
def test_html_of_a_mail_shows_in_its_frame_and_its_links_leave_it(page, axe, watch):
    watched = watch(page)
    page.goto("/demo/inbox/")
    axe(page)
    page.get_by_text("HTML text/html").click()
    page.frame_locator("iframe").get_by_role("link", name="The site").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome to the town hall")
    watched.assert_clean()


@pytest.mark.usefixtures("town_hall")
def test_pages_with_booking_forms_are_accessible_and_fit_a_phone(phone, axe, watch):
    watched = watch(phone)
    for path in ("/passport/", "/workshops/", "/study-rooms/"):
        phone.goto(path)
        assert phone.get_by_role("radio").count() >= 2, path
        axe(phone)
        width = phone.evaluate("document.documentElement.scrollWidth")
        assert width <= phone.viewport_size["width"], path
    watched.assert_clean()


@pytest.mark.usefixtures("town_hall")
def test_visitor_chooses_a_time_in_a_form_that_stands_in_a_notice(page, axe, watch):
    watched = watch(page)
    page.goto("/study-rooms/")
    pick(page.get_by_role("complementary", name="Book a study room").get_by_role("radio").first)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Your details").wait_for()
    assert page.get_by_role("heading", level=1).inner_text() == "Study rooms"
    page.get_by_label("How many of you will come?").wait_for()
    axe(page)
    watched.assert_clean()
