"""The pages that people see of the API: links to items, bodies that work, and a form that places orders."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ViewportSize, expect
from pytest_django.fixtures import Settings

from broker.simulator import Simulator
from tests.site.browsing import DESKTOP, PHONE, Complaints, fits, log_in
from tests.support.runsite import RunningSite
from testservers.redis_server import RedisServer
from watchlist.models import Signal, WatchlistItem

HTML = {"Accept": "text/html"}
TRADER = ("broker.view_account", "broker.trade")


@pytest.fixture
def person(
    make_user: Callable[..., User], simulator: Simulator, redis_store: RedisServer
) -> Callable[..., Callable[[str], str]]:
    """Logs somebody in, who then sees pages."""

    def log_in_as(*permissions: str, **fields: Any) -> Callable[[str], str]:
        client = Client()
        client.force_login(make_user("person", *permissions, **fields))
        return lambda address: client.get(address, headers=HTML).content.decode()

    return log_in_as


def items(page: str) -> list[str]:
    found = re.search(r'<nav class="items".*?</nav>', page, re.DOTALL)
    return re.findall(r'href="([^"]+)"', found[0]) if found else []


def body_of(page: str) -> Any:
    """The example in the form for raw data."""
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found
    return json.loads(unescape(found[1]))


@pytest.mark.django_db
def test_lists_lead_to_their_items(person: Callable[..., Callable[[str], str]]) -> None:
    item, signal = WatchlistItem.objects.create(symbol="TCS"), Signal.objects.create(symbol="TCS", signal_type="buy")
    page = person("broker.view_account", is_superuser=True)
    assert items(page("/api/watchlist/")) == [f"/api/watchlist/{item.pk}/"]
    assert items(page("/api/signals/")) == [f"/api/signals/{signal.pk}/"]
    assert "/api/settings/max_positions/" in items(page("/api/settings/"))
    orders = items(page("/api/broker/orders/"))
    assert orders
    assert "HTTP 200 OK" in page(orders[0]).replace("<b>", "")
    assert items(page(f"/api/watchlist/{item.pk}/")) == []


@pytest.mark.django_db
def test_the_body_of_a_form_is_an_example_that_works(person: Callable[..., Callable[[str], str]]) -> None:
    item = WatchlistItem.objects.create(symbol="TCS")
    page = person(is_superuser=True)
    assert body_of(page("/api/watchlist/"))["symbol"] == "INFY"
    assert body_of(page("/api/settings/max_positions/")) == {"value": 5}
    assert body_of(page(f"/api/watchlist/{item.pk}/"))["symbol"] == "TCS"  # the row as it is


@pytest.mark.django_db
def test_the_order_form_is_for_those_who_may_trade(person: Callable[..., Callable[[str], str]]) -> None:
    assert "keyed-form" not in person("broker.view_account")("/api/broker/orders/")


@pytest.mark.django_db
@pytest.mark.parametrize("enabled", [True, False])
def test_the_trading_switch_closes_the_order_form_and_says_so(
    person: Callable[..., Callable[[str], str]], settings: Settings, enabled: bool
) -> None:
    settings.TRADING_ENABLED = enabled
    page = person(*TRADER)("/api/broker/orders/")
    assert 'data-key-header="Idempotency-Key"' in page
    assert ("<fieldset disabled>" in page, 'role="alert"' in page) == (not enabled, not enabled)
    assert "<textarea" not in page  # a raw body would have no key


@pytest.mark.slow
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_person_places_an_order_in_the_browser(
    browser: Browser, make_site: Callable[..., RunningSite], size: ViewportSize
) -> None:
    site = make_site(TRADING_ENABLED="true", WARM_CACHE="false")
    page = browser.new_context(viewport=size).new_page()
    complaints = Complaints(page)
    keys: list[str | None] = []
    page.on("request", lambda sent: keys.append(sent.headers.get("idempotency-key")) if sent.method == "POST" else None)
    log_in(page, f"{site.url}/api/auth/login/?next=/api/broker/orders/", *site.login)
    keys.clear()
    form = page.locator("form.keyed-form")
    form.locator("[name=symbol]").fill("INFY")
    form.locator("[name=quantity]").fill("5")
    form.locator("[name=product]").select_option("DELIVERY")
    form.locator("[name=order_type]").select_option("MARKET")
    form.locator("[name=market_protection_percent]").fill("0.50")
    form.get_by_role("button").click()
    expect(form.locator(".outcome")).to_contain_text("HTTP 201")
    assert fits(page)
    form.get_by_role("button").click()  # another order, with a key of its own
    expect(form.locator(".outcome")).to_contain_text('"request": 2')
    assert len(set(keys)) == len(keys) == 2
    form.locator(".outcome a").click()
    expect(page.locator(".response-info")).to_contain_text('"INFY"')
    assert complaints.found == []
