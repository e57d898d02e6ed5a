"""The site in a browser: desktop and phone. Nothing here asks the database itself: Playwright's loop forbids it."""

import re
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, expect

from tests.site.browsing import DESKTOP, PHONE, at_both_sizes, clean_page, fits, log_in
from tests.site.conftest import Deployment
from tests.support.programs import only_linux
from tests.support.runsite import RunningSite
from testservers.web_server import ADMIN

pytestmark = [only_linux, pytest.mark.timeout(240)]

_numbers = count()


@pytest.fixture
def visitor(browser: Browser, size: ViewportSize) -> Iterator[Page]:
    """A page of somebody who is new here."""
    with clean_page(browser, size) as opened:
        yield opened


@pytest.fixture(scope="module")
def login(browser: Browser, site: RunningSite) -> StorageState:
    with browser.new_context() as context:
        log_in(context.new_page(), f"{site.url}/admin/login/?next=/", *site.login)
        return context.storage_state()


@pytest.fixture
def page(browser: Browser, size: ViewportSize, login: StorageState) -> Iterator[Page]:
    """A page of the administrator's, who has logged in."""
    with clean_page(browser, size, login) as opened:
        yield opened


def state(page: Page, part: str) -> str:
    card = page.locator(".state .card").filter(has=page.get_by_text(part, exact=True))
    return card.locator("strong").inner_text()


# --- the status page ---------------------------------------------------------------------------------------


@at_both_sizes
def test_the_status_page_says_what_this_is_and_what_is_up(visitor: Page, site: RunningSite) -> None:
    visitor.goto(f"{site.url}/status")
    expect(visitor).to_have_title(re.compile("^Status"))
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Status")
    assert "IIFL Capital account" in visitor.inner_text("main")
    assert {part: state(visitor, part) for part in ("Broker", "Database", "Cache")} == dict.fromkeys(
        ("Broker", "Database", "Cache"), "up"
    )
    assert fits(visitor)


@pytest.mark.slow
def test_without_redis_the_status_page_says_so_in_words(visitor: Page, plain_deployment: Deployment) -> None:
    visitor.goto(f"{plain_deployment.url}/status")
    assert [state(visitor, part) for part in ("Broker", "Database", "Cache")] == ["up", "up", "down"]
    assert "Answers come from their sources" not in visitor.inner_text("main")  # for staff alone
    log_in(visitor, f"{plain_deployment.url}/login?next=/status", *ADMIN)
    assert "Answers come from their sources" in visitor.inner_text("main")
    assert fits(visitor)


def test_the_status_page_reads_well_in_the_dark(visitor: Page, site: RunningSite) -> None:
    visitor.emulate_media(color_scheme="dark")
    visitor.goto(f"{site.url}/status")
    background = visitor.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", background))) < 150


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "address"), [("API", "/api/"), ("Admin", "/admin/"), ("API documentation", "/api/docs/")]
)
def test_the_status_page_leads_on(page: Page, site: RunningSite, link: str, address: str) -> None:
    page.goto(f"{site.url}/status")
    page.get_by_role("main").get_by_role("link", name=link, exact=True).click()
    page.wait_for_url(f"{site.url}{address}")


# --- logging in and out ------------------------------------------------------------------------------------


def log_out(page: Page) -> None:
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()


def test_one_logs_in_and_out_from_the_front_page(visitor: Page, site: RunningSite) -> None:
    visitor.goto(site.url)
    visitor.fill("input[name=username]", site.login[0])
    visitor.fill("input[name=password]", site.login[1])
    assert fits(visitor)
    visitor.get_by_role("button", name="Log in", exact=True).click()
    visitor.wait_for_url(f"{site.url}/")
    expect(visitor.locator(".menu summary")).to_have_text("admin")
    log_out(visitor)
    visitor.wait_for_url(f"{site.url}/login")
    expect(visitor.get_by_label("Password")).to_be_visible()


def test_a_wrong_password_is_said_and_lets_nobody_in(visitor: Page, site: RunningSite) -> None:
    log_in(visitor, f"{site.url}/api/auth/login/?next=/", site.login[0], "wrong")
    expect(visitor.get_by_role("alert")).to_contain_text("enter a correct username and password")
    visitor.goto(site.url)
    expect(visitor.get_by_label("Password")).to_be_visible()


def test_an_anonymous_visitor_of_the_api_logs_in_and_comes_back(visitor: Page, site: RunningSite) -> None:
    log_in(visitor, f"{site.url}/api/watchlist/", *site.login)
    visitor.wait_for_url(f"{site.url}/api/watchlist/")
    expect(visitor.locator("body")).to_contain_text("HTTP 200 OK")


def test_one_logs_out_from_the_browsable_api(visitor: Page, site: RunningSite) -> None:
    log_in(visitor, f"{site.url}/admin/login/?next=/api/", *site.login)
    visitor.get_by_role("button", name="Log out").click()
    visitor.wait_for_url(f"{site.url}/login")


# --- a walk ------------------------------------------------------------------------------------------------


def test_a_walk_from_the_front_page_to_the_admin(visitor: Page, site: RunningSite) -> None:
    log_in(visitor, f"{site.url}/login?next=/status", *site.login)
    visitor.get_by_role("main").get_by_role("link", name="API", exact=True).click()
    visitor.get_by_role("link", name=f"{site.url}/api/watchlist/").click()
    visitor.wait_for_url(f"{site.url}/api/watchlist/")
    expect(visitor.locator(".response-info")).to_contain_text("X-Cache")
    expect(visitor.locator(".response-info")).to_contain_text('"RELIANCE"')
    assert fits(visitor)
    visitor.get_by_role("link", name="Trading site").click()
    visitor.wait_for_url(f"{site.url}/")
    visitor.goto(f"{site.url}/admin/watchlist/watchlistitem/")
    expect(visitor.locator("#result_list")).to_contain_text("RELIANCE")
    expect(visitor.locator("#site-name")).to_have_text("Trading site")


@pytest.mark.slow
@pytest.mark.parametrize(
    "route",
    [
        "/api/broker/candles/?symbol=RELIANCE&interval=1d&from=2021-12-01&to=2021-12-31",
        "/api/broker/quotes/?symbols=RELIANCE,INFY",
        "/api/broker/contracts/NSEEQ/?search=RELIANCE",
        "/api/portfolio/summary/",
        "/api/system/cache/stats/",
        "/api/watchlist/1/",
    ],
)
def test_the_api_reads_well_in_a_browser(page: Page, site: RunningSite, route: str) -> None:
    page.goto(site.url + route)
    expect(page.locator(".response-info")).to_contain_text("HTTP 200 OK")
    assert page.locator(".response-info .lit").count() > 0  # coloured, and not one long line
    assert fits(page)


def test_a_write_from_the_browsable_api_is_taken(page: Page, site: RunningSite) -> None:
    page.goto(f"{site.url}/api/watchlist/1/")
    notes = f"written in a browser {next(_numbers)}"
    page.locator("textarea[name=_content]").fill(f'{{"notes": "{notes}"}}')
    page.get_by_role("button", name="PATCH").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 200 OK")
    expect(page.locator(".response-info")).to_contain_text(notes)


@pytest.mark.slow
def test_a_form_is_sent_without_the_query_of_the_list(page: Page, site: RunningSite) -> None:
    page.goto(f"{site.url}/api/watchlist/?active=all&category=hold")
    category = ("hold", "long_term")[page.viewport_size == PHONE]
    page.locator("textarea[name=_content]").fill(f'{{"symbol": "WIPRO", "category": "{category}"}}')
    page.get_by_role("button", name="POST").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 201 Created")


# --- the admin ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_symbol_is_added_in_the_admin_and_an_unknown_one_is_refused(page: Page, site: RunningSite) -> None:
    page.goto(f"{site.url}/admin/watchlist/watchlistitem/add/")
    page.fill("input[name=symbol]", "NOSUCH")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field-symbol .errorlist")).to_contain_text("NOSUCH")
    category = ("hold", "long_term")[page.viewport_size == PHONE]
    page.fill("input[name=symbol]", "bajaj-auto")
    page.select_option("select[name=category]", category)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_contain_text("BAJAJ-AUTO on NSEEQ")
    page.goto(f"{site.url}/api/watchlist/?category={category}")
    expect(page.locator(".response-info")).to_contain_text('"BAJAJ-AUTO"')


def test_the_admins_list_fits_a_desktop(browser: Browser, login: StorageState, site: RunningSite) -> None:
    with clean_page(browser, DESKTOP, login) as page:
        page.goto(f"{site.url}/admin/watchlist/watchlistitem/")
        for cell, longest in ((".field-changed", "23 Sep, 12:29"), (".field-price .quiet", "as of 23 Sep 2021")):
            page.locator(cell).first.evaluate("(cell, text) => { cell.textContent = text }", longest)
        table = "document.querySelector('#result_list').parentElement"
        assert page.evaluate(f"{table}.scrollWidth <= {table}.clientWidth")


# --- the documentation -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_documentation_shows_operations_and_tries_them(page: Page, site: RunningSite) -> None:
    page.goto(f"{site.url}/api/docs/")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() > 30
    operation = page.locator("#operations-portfolio-portfolio_summary_retrieve")
    expect(operation).to_contain_text("The value of the account")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text("as_of")
    assert fits(page)
