"""A trader's walks through the site in a browser: ticket, chart, alerts; by keyboard, by phone, in the dark, without
scripts, and over a connection that is lost at the worst moment."""

import re
import time
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, Route, StorageState, ViewportSize, expect

from tests.site import axe
from tests.site.browsing import DESKTOP, PHONE, clean_page, fits, log_in
from tests.support.programs import only_linux
from tests.support.runsite import RunningSite
from testservers.project import copy_to

pytestmark = [only_linux, pytest.mark.slow, pytest.mark.timeout(300)]

OUTCOME = 12_000  # milliseconds within which a page says what became of an order
looks = pytest.mark.parametrize(
    ("size", "colours"),
    [
        pytest.param(DESKTOP, "light", id="desktop-light"),
        pytest.param(DESKTOP, "dark", id="desktop-dark"),
        pytest.param(PHONE, "light", id="phone-light"),
        pytest.param(PHONE, "dark", id="phone-dark"),
    ],
)


@pytest.fixture(scope="module")
def trading_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """A site that may trade, with the simulator's account."""
    environment = {"TRADING_ENABLED": "true", "ORDER_PRICE_BAND": "100"}
    with RunningSite(copy_to(tmp_path_factory.mktemp("trading") / "site"), environment) as running:
        # The first symbol that is looked up waits for the contract file, however long that takes on a busy machine.
        token = {"Authorization": f"Token {running.token}"}
        requests.get(f"{running.url}/api/broker/contracts/NSEEQ?search=INFY", headers=token, timeout=90)
        requests.get(f"{running.url}/api/broker/quotes?symbols=INFY", headers=token, timeout=90)
        yield running


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def login(browser: Browser, trading_site: RunningSite) -> StorageState:
    with browser.new_context() as context:
        log_in(context.new_page(), f"{trading_site.url}/login", *trading_site.login)
        return context.storage_state()


@pytest.fixture
def desk(browser: Browser, trading_site: RunningSite, login: StorageState) -> Iterator[Page]:
    """The watchlist on a desktop, with nothing to complain about in the end."""
    with clean_page(browser, DESKTOP, login) as page:
        page.goto(trading_site.url)
        yield page


def orders_of(site: RunningSite) -> list[dict[str, object]]:
    answer = requests.get(
        f"{site.url}/api/broker/orders",
        headers={"Authorization": f"Token {site.token}", "Cache-Control": "no-cache"},
        timeout=30,
    )
    rows: list[dict[str, object]] = answer.json()["data"]
    return rows


def resting_price(page: Page) -> str:
    """A price on the tick, far below the last one: the order waits."""
    last = page.locator("#ticket [data-field=ltp]").inner_text()
    return f"{float(last.replace(',', '')) * 0.8:.0f}.00"


def fill_in(page: Page, quantity: str = "3") -> None:
    page.fill("#ticket [name=quantity]", quantity)
    page.fill("#ticket [name=price]", resting_price(page))
    expect(page.locator("#ticket-check [data-field=margin]")).to_be_visible()


def previewed(page: Page) -> Locator:
    """The ticket's button, once the ticket shows what it sends."""
    expect(page.locator("#ticket [name=preview]")).to_be_attached()
    return page.locator("#ticket button[value=review]")


def review(page: Page) -> None:
    """Go the way of a ticket without a preview: to the page that shows what will be sent."""
    previewed(page)
    page.evaluate("document.querySelector('#ticket [name=preview]').remove()")
    page.locator("#ticket button[value=review]").click()
    expect(page.locator("#ticket button[value=send]")).to_be_enabled()


def outcome(page: Page) -> str:
    headline = page.locator("#ticket [data-field=outcome]")
    expect(headline).to_be_visible(timeout=OUTCOME)
    return headline.inner_text()


# --- the ticket --------------------------------------------------------------------------------------------


def test_by_the_keyboard_alone_an_order_is_placed_and_followed(desk: Page, trading_site: RunningSite) -> None:
    before = len(orders_of(trading_site))
    desk.locator("tr[data-symbol=TCS]").first.focus()
    desk.keyboard.press("b")
    expect(desk.locator("dialog[open] #ticket h2")).to_contain_text("Buy TCS")
    expect(desk.locator("#ticket [name=quantity]")).to_be_focused()
    desk.keyboard.type("2")  # in place of the 1 that stands there
    price = resting_price(desk)
    for _ in range(4):  # product, type, validity, price
        desk.keyboard.press("Tab")
    desk.keyboard.press("Control+a")
    desk.keyboard.type(price.replace(".00", ".03"))
    expect(desk.locator("#ticket [name=price]")).to_have_attribute("aria-invalid", "true")
    desk.keyboard.press("Enter")
    expect(desk.locator("#ticket [name=price]")).to_be_focused()  # it is not taken
    desk.keyboard.press("Control+a")
    desk.keyboard.type(price)
    expect(desk.locator("#ticket [name=price]")).not_to_have_attribute("aria-invalid", "true")
    expect(previewed(desk)).to_have_text("Buy 2 TCS")
    expect(desk.locator("#ticket .sends")).to_contain_text(
        f"BUY 2 TCS · NSEEQ · LIMIT · DELIVERY · DAY · ₹{float(price):,.2f}"
    )
    expect(desk.locator("#ticket [name=price]")).to_be_focused()
    desk.keyboard.press("Enter")
    assert outcome(desk).startswith("Open")
    desk.keyboard.press("Escape")
    expect(desk.locator("dialog[open]")).to_have_count(0)
    assert len(orders_of(trading_site)) == before + 1


def test_a_ticket_that_was_changed_since_its_preview_is_shown_before_it_is_sent(
    desk: Page, trading_site: RunningSite
) -> None:
    before = len(orders_of(trading_site))
    desk.locator("tr[data-symbol=INFY] a[data-side=BUY]").first.click()
    fill_in(desk)
    expect(previewed(desk)).to_have_text("Buy 3 INFY")
    desk.fill("#ticket [name=quantity]", "4")
    expect(desk.locator("#ticket button[value=review]")).to_have_text("Buy INFY…")
    desk.keyboard.press("Enter")  # before the next preview
    confirm = desk.locator("#ticket button[value=send]")
    expect(confirm).to_have_text("Buy 4 INFY")
    expect(desk.locator("#dialog-title")).to_be_focused()  # which follows the change of the content
    assert len(orders_of(trading_site)) == before
    desk.keyboard.press("Tab")
    expect(confirm).to_be_focused()
    desk.keyboard.press("Enter")
    assert outcome(desk).startswith("Open")
    assert len(orders_of(trading_site)) == before + 1


def test_a_double_click_is_one_order(desk: Page, trading_site: RunningSite) -> None:
    before = len(orders_of(trading_site))
    desk.locator("tr[data-symbol=INFY] a[data-side=BUY]").first.click()
    fill_in(desk)
    previewed(desk).dblclick()
    assert outcome(desk).startswith("Open")
    assert len(orders_of(trading_site)) == before + 1


def test_reload_back_and_a_second_tab_are_one_order(desk: Page, trading_site: RunningSite) -> None:
    before = len(orders_of(trading_site))
    address = f"{trading_site.url}/orders/new?symbol=ITC&side=BUY"
    other = desk.context.new_page()
    for tab in (desk, other):
        tab.goto(address)
        fill_in(tab)
        previewed(tab)
    previewed(desk).click()
    assert outcome(desk).startswith("Open")
    previewed(other).click()
    assert outcome(other).startswith("Open")
    desk.reload()
    assert outcome(desk).startswith("Open")
    desk.goto(trading_site.url)
    desk.go_back()
    assert outcome(desk).startswith("Open")
    assert len(orders_of(trading_site)) == before + 1


def test_a_connection_that_is_lost_after_sending_is_one_order(
    browser: Browser, trading_site: RunningSite, login: StorageState
) -> None:
    before = len(orders_of(trading_site))
    with browser.new_context(viewport=DESKTOP, storage_state=login) as context:
        page = context.new_page()
        page.goto(f"{trading_site.url}/orders/new?symbol=SBIN&side=BUY")
        fill_in(page)
        button = previewed(page)
        lost: list[str] = []

        def lose(route: Route) -> None:
            if route.request.method == "POST" and not lost:
                route.fetch()  # it arrives; its answer does not
                lost.append(route.request.url)
                route.abort()
            else:
                route.continue_()

        page.route("**/orders/new*", lose)
        button.click()
        expect(page.locator("#ticket [data-hint]")).to_contain_text("not known whether the order was sent")
        button.click()
        assert outcome(page).startswith("Open")
    assert len(lost) == 1
    assert len(orders_of(trading_site)) == before + 1


def test_without_scripts_an_order_is_placed_and_changed(
    browser: Browser, trading_site: RunningSite, login: StorageState
) -> None:
    with browser.new_context(viewport=PHONE, storage_state=login, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{trading_site.url}/orders/new?symbol=INFY&side=BUY")
        page.fill("[name=price]", "1000.03")
        page.click("button[value=review]")
        expect(page.locator("[name=price]")).to_have_attribute("aria-invalid", "true")
        page.fill("[name=price]", "1000.00")
        page.fill("[name=quantity]", "7")
        page.click("button[value=review]")
        page.click("button[value=send]")
        assert outcome(page).startswith("Open")
        number = page.inner_text("[data-field=order_id]")
        page.goto(f"{trading_site.url}/orders/{number}/change")
        page.fill("[name=quantity]", "8")
        page.click("button[value=review]")
        page.click("button[value=send]")
        assert outcome(page) == "The broker has taken the change."
    (order,) = [row for row in orders_of(trading_site) if row["order_id"] == number]
    assert order["quantity"] == 8


@looks
def test_the_ticket_is_accessible_and_fits(
    browser: Browser, trading_site: RunningSite, login: StorageState, size: ViewportSize, colours: str
) -> None:
    with clean_page(browser, size, login) as page:
        page.emulate_media(color_scheme="dark" if colours == "dark" else "light", reduced_motion="reduce")
        page.goto(f"{trading_site.url}/orders/new?symbol=RELIANCE&side=SELL")
        fill_in(page)
        previewed(page)
        assert (fits(page), axe.faults(page)) == (True, [])
        review(page)
        assert (fits(page), axe.faults(page)) == (True, [])


# --- the chart ---------------------------------------------------------------------------------------------


@looks
def test_the_chart_shows_candles_and_loads_earlier_ones(
    browser: Browser, trading_site: RunningSite, login: StorageState, size: ViewportSize, colours: str
) -> None:
    with clean_page(browser, size, login) as page:
        page.emulate_media(color_scheme="dark" if colours == "dark" else "light", reduced_motion="reduce")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/candles" in request.url else None)
        page.goto(f"{trading_site.url}/chart/RELIANCE?interval=15m")
        expect(page.locator("#chart canvas").first).to_be_visible()
        page.wait_for_function("document.querySelector('#chart-message').hidden")
        assert (fits(page), axe.faults(page)) == (True, [])
        first = len(asked)
        box = page.locator("#chart").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
        deadline = time.monotonic() + 30
        while len(asked) == first and time.monotonic() < deadline:
            page.mouse.wheel(-800, 0)
            page.wait_for_timeout(100)
        assert len(asked) > first
        starts = [re.findall(r"from=([\d-]+)", url)[0] for url in asked]
        assert starts == sorted(starts, reverse=True)


def test_own_orders_and_averages_stand_beside_the_chart(desk: Page) -> None:
    desk.locator("tr[data-symbol=RELIANCE] a.symbol").first.click()
    expect(desk.locator("[data-line=order]").first).to_contain_text("BUY")
    expect(desk.locator("[data-line=average]").first).to_contain_text("Average of")


# --- alerts ------------------------------------------------------------------------------------------------


def test_an_alert_is_set_from_a_row_fires_and_says_so(desk: Page, trading_site: RunningSite) -> None:
    row = desk.locator("tr[data-symbol=HDFCBANK]").first
    ltp = float(row.locator("[data-field=ltp]").inner_text().replace(",", ""))
    row.get_by_label("Alert on HDFCBANK").click()
    desk.fill("dialog [name=value]", f"{ltp * 1.02:.0f}.00")
    desk.click("dialog button[type=submit]")
    expect(desk.locator(".messages")).to_contain_text("the alert is set")
    assert axe.faults(desk) == []
    prices = f"{trading_site.broker_url.removesuffix('/v1')}/simulator/prices"
    fired, deadline = desk.locator("[data-field=fired_price]").first, time.monotonic() + 90
    for step in range(100):  # the feed may have to hear of the alert and to subscribe first
        if fired.is_visible() or time.monotonic() > deadline:
            break
        requests.post(prices, json={"symbol": "HDFCBANK", "price": f"{ltp * 1.03 + step:.0f}.00"}, timeout=10)
        desk.wait_for_timeout(1_000)
    expect(desk.locator("[data-field=deliveries]").first).to_contain_text("event delivered", timeout=30_000)
    requests.delete(prices, timeout=10)
