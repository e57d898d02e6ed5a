"""The trader's pages in a browser: walks with keyboard and mouse, in both colours, and what is said of failures.

Nothing here asks the database itself: Playwright's loop forbids it.
"""

import re
from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, expect

from tests.site import axe
from tests.site.browsing import DESKTOP, clean_page, fits, log_in
from tests.support.programs import only_linux
from tests.support.runsite import RunningSite
from testservers.project import copy_to

pytestmark = [only_linux, pytest.mark.slow, pytest.mark.timeout(300)]

WIDTHS = (360, 390, 1280, 1920)
PAGES = ("/", "/holdings", "/positions", "/orders", "/alerts", "/symbols?q=REL", "/second-factor/", "/status")
SOON = 15_000  # milliseconds that anything may take on a busy machine; benchmarks measure how long it does


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """A site of this module's own, which takes orders."""
    with RunningSite(copy_to(tmp_path_factory.mktemp("desk") / "site"), {"TRADING_ENABLED": "true"}) as running:
        yield running


@pytest.fixture(scope="module")
def login(browser: Browser, desk: RunningSite) -> StorageState:
    with browser.new_context() as context:
        log_in(context.new_page(), f"{desk.url}/login", *desk.login)
        return context.storage_state()


@pytest.fixture
def page(browser: Browser, login: StorageState) -> Iterator[Page]:
    with clean_page(browser, DESKTOP, login) as opened:
        yield opened


@pytest.fixture
def fail(desk: RunningSite) -> Iterator[Callable[[str, str], None]]:
    """Makes the broker fail on a route, until the test ends."""
    address = desk.broker_url.replace("/v1", "/simulator/faults")

    def make(route: str, name: str) -> None:
        requests.post(address, json={"route": route, "name": name}, timeout=30).raise_for_status()

    yield make
    requests.delete(address, timeout=30).raise_for_status()


def api(desk: RunningSite, method: str, address: str, **body: object) -> requests.Response:
    headers = {"Authorization": f"Token {desk.token}"}
    return requests.request(method, desk.url + address, headers=headers, json=body or None, timeout=60)


# --- how they look -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("width", [WIDTHS[0], *(pytest.param(width, marks=pytest.mark.slow) for width in WIDTHS[1:])])
def test_no_page_keeps_anybody_out(
    browser: Browser, desk: RunningSite, login: StorageState, width: int, theme: str
) -> None:
    """axe finds no serious fault, nothing has to be scrolled to sideways, and the browser complains of nothing."""
    with clean_page(browser, ViewportSize(width=width, height=844), login) as page:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        for address in PAGES:
            page.goto(desk.url + address)
            assert axe.faults(page) == [], address
            assert fits(page), address
        page.goto(f"{desk.url}/positions")
        page.get_by_role("button", name=re.compile("^Exit")).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert axe.faults(page) == []
        assert fits(page)
    with clean_page(browser, ViewportSize(width=width, height=844)) as page:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.goto(f"{desk.url}/holdings")
        assert axe.faults(page) == []
        assert fits(page)


def test_a_browser_keeps_its_choice_of_colours(page: Page, desk: RunningSite) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(f"{desk.url}/holdings")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.url == f"{desk.url}/holdings"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", background)[:3])) < 150


def test_the_menu_closes_when_something_else_is_done(page: Page, desk: RunningSite) -> None:
    page.goto(desk.url)
    name, entry = page.locator(".menu summary"), page.get_by_role("link", name="Status")
    name.click()
    expect(entry).to_be_visible()
    page.keyboard.press("Escape")
    expect(entry).to_be_hidden()
    expect(name).to_be_focused()
    name.click()
    page.locator("main").click(position={"x": 5, "y": 5})
    expect(entry).to_be_hidden()


# --- walks -------------------------------------------------------------------------------------------------


def test_a_symbol_is_found_and_watched_with_the_keyboard_alone(page: Page, desk: RunningSite) -> None:
    page.goto(desk.url)
    page.get_by_role("combobox", name="Search a symbol").focus()
    page.keyboard.type("bajaj-a", delay=30)
    option = page.get_by_role("option").filter(has_text="BAJAJ-AUTO")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox", name="Search a symbol")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("BAJAJ-AUTO on NSEEQ (Short term) is watched now.")
    row = page.locator("tr[data-symbol='BAJAJ-AUTO']")
    expect(row.locator("[data-field=change_percent]")).to_have_text(re.compile(r"^[+-]\d+\.\d\d$"))
    expect(row.locator("[data-field=state]")).to_have_text(re.compile("^(live|polled|late|closed)$"))
    row.focus()
    expect(row).to_be_focused()
    row.get_by_role("button", name=re.compile("^Edit")).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Target price").fill("4000")
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-symbol='BAJAJ-AUTO'] [data-field=target_price]")).to_have_text("4,000.00")


def test_arrow_keys_lead_from_row_to_row_and_stop_at_the_ends(page: Page, desk: RunningSite) -> None:
    page.goto(desk.url)
    rows = page.locator("tr[data-symbol]")
    rows.first.focus()
    page.keyboard.press("ArrowUp")
    expect(rows.first).to_be_focused()
    for place in range(1, rows.count()):  # over the categories
        page.keyboard.press("ArrowDown")
        expect(rows.nth(place)).to_be_focused()


def test_offers_for_another_text_are_not_taken(page: Page, desk: RunningSite) -> None:
    page.goto(desk.url)
    search = page.get_by_role("combobox", name="Search a symbol")
    search.fill("b")
    offered = page.get_by_role("option").first
    expect(offered).to_have_attribute("aria-selected", "true")
    page.route("**/symbols**", lambda _: None)  # the next offers never come
    search.press_sequentially("hartiartl")
    expect(offered).to_have_attribute("aria-selected", "false")
    search.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("BHARTIARTL on NSEEQ")


def test_a_confirmation_names_what_is_sent_and_can_be_left_with_escape(page: Page, desk: RunningSite) -> None:
    page.goto(f"{desk.url}/positions")
    opener = page.locator("tr[data-symbol=SBIN]").get_by_role("button", name=re.compile("^Exit"))
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(r"SBIN.*SELL \d+, MARKET", re.DOTALL))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_an_order_of_another_program_appears_and_is_cancelled(page: Page, desk: RunningSite) -> None:
    page.goto(f"{desk.url}/orders")
    order = {"symbol": "ITC", "side": "BUY", "quantity": 1, "product": "DELIVERY", "order_type": "LIMIT"}
    (quote,) = api(desk, "GET", "/api/broker/quotes?symbols=ITC").json()["data"]
    headers = {"Authorization": f"Token {desk.token}", "Idempotency-Key": "walk"}
    body = order | {"price": f"{int(float(quote['ltp']) * 0.9)}.00"}
    placed = requests.post(f"{desk.url}/api/broker/orders", json=body, headers=headers, timeout=60)
    assert placed.status_code == 201, placed.text
    number = placed.json()["order_id"]
    row = page.locator(f"tr[data-order='{number}']")
    expect(row).to_be_visible(timeout=SOON)
    row.get_by_role("button", name=re.compile("^Cancel")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(number)
    dialog.get_by_role("button", name=re.compile("^Cancel order")).dblclick()
    expect(page.locator(f"tr[data-order='{number}'] [data-field=status]")).to_have_text("cancelled", timeout=SOON)


def test_without_scripts_everything_is_read_and_an_order_is_cancelled(
    browser: Browser, desk: RunningSite, login: StorageState
) -> None:
    with browser.new_context(java_script_enabled=False, storage_state=login) as context:
        page = context.new_page()
        for address in PAGES:
            answer = page.goto(desk.url + address)
            assert answer
            assert answer.status == 200
        page.goto(f"{desk.url}/orders")
        page.get_by_role("button", name=re.compile("^Cancel… order")).first.click()
        page.get_by_role("button", name=re.compile("^Cancel order")).click()
        expect(page.locator(".messages")).to_contain_text("is with the broker")


def test_the_page_keeps_focus_and_scroll_while_its_numbers_change(page: Page, desk: RunningSite) -> None:
    page.goto(desk.url)
    row = page.locator("tr[data-symbol=TCS]")
    row.focus()
    page.evaluate("document.querySelector('tr[data-symbol=TCS]').dataset.seen = 'yes'")
    api(desk, "PATCH", f"/api/watchlist/{row.get_attribute('data-key')}", notes="changed meanwhile")
    expect(row.locator("[data-field=notes]")).to_have_text("changed meanwhile", timeout=SOON)
    expect(row).to_be_focused()


# --- what is wrong is said ---------------------------------------------------------------------------------


def test_a_broker_that_is_away_is_said_and_then_no_more(
    page: Page, desk: RunningSite, fail: Callable[[str, str], None]
) -> None:
    page.goto(f"{desk.url}/holdings")
    fail("all", "503")
    expect(page.locator(".notices")).to_contain_text("broker", timeout=SOON)
    requests.delete(desk.broker_url.replace("/v1", "/simulator/faults"), timeout=30)
    expect(page.locator(".notices")).to_be_empty(timeout=2 * SOON)


def test_a_halt_is_said_and_takes_the_buttons_away(page: Page, desk: RunningSite) -> None:
    page.goto(f"{desk.url}/positions")
    try:
        assert api(desk, "PUT", "/api/system/trading", state="cancel_only", reason="a test").status_code == 200
        expect(page.locator(".notices")).to_contain_text("Trading is restricted to cancellations", timeout=SOON)
        expect(page.get_by_role("button", name=re.compile("^Exit")).first).to_be_disabled()
    finally:
        api(desk, "PUT", "/api/system/trading", state="open")
    expect(page.get_by_role("button", name=re.compile("^Exit")).first).to_be_enabled(timeout=SOON)


def test_a_login_that_has_ended_is_said(browser: Browser, desk: RunningSite) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        log_in(page, f"{desk.url}/login?next=/holdings", *desk.login)
        context.clear_cookies()
        expect(page.get_by_role("alert")).to_contain_text("Your login has ended", timeout=SOON)
        expect(page.locator("body")).to_have_class(re.compile("gone-old"))


def test_a_site_that_does_not_answer_is_said(browser: Browser, desk: RunningSite, login: StorageState) -> None:
    with browser.new_context(storage_state=login) as context:
        page = context.new_page()
        page.goto(f"{desk.url}/holdings")
        context.set_offline(True)
        expect(page.get_by_role("alert")).to_contain_text("The site has not answered since", timeout=SOON)
        context.set_offline(False)
        expect(page.locator("#connection")).to_be_hidden(timeout=SOON)
