"""An order that the broker fills while nobody asks is seen as filled by the next reader, and readers cost few calls."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker.models import OrderRequest
from broker.simulator import Simulator
from broker.simulator.account.ledger import Order
from systemcache import clock as cache_clock
from tests.broker.orders.conftest import Time
from tests.broker.orders.ordering import ORDERS, calls, limit, new_key, ours, post
from tests.support.people import client_of

BOOKS = ("orders", "trades", "positions", "margins")
ROUTES = {"orders": "orders", "trades": "trades", "positions": "positions", "margins": "limits"}
OPEN_TTL = 3
READERS = 25


@pytest.fixture(autouse=True)
def ages(time: Time, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache's clock moves with the test's; the settings' TTLs, without chance."""
    begun, timestamp, monotonic = time.now, cache_clock.timestamp, cache_clock.monotonic
    monkeypatch.setattr(cache_clock, "timestamp", lambda: timestamp() + (time.now - begun).total_seconds())
    monkeypatch.setattr(cache_clock, "monotonic", lambda: monotonic() + (time.now - begun).total_seconds())
    monkeypatch.setattr(cache_clock, "now", lambda: _now(timestamp, time, begun))


def _now(timestamp: Callable[[], float], time: Time, begun: object) -> object:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(timestamp(), UTC) + (time.now - begun)  # type: ignore[operator]


@pytest.fixture
def quiet(exchange: Simulator) -> Simulator:
    """A book whose orders are all final."""
    books = exchange.account.books()
    books.orders[:] = [order for order in books.orders if not order.is_working]
    return exchange


def waiting(exchange: Simulator, dealer: APIClient) -> Order:
    """Place an order that waits, far from the market."""
    assert post(dealer, limit("100.00"), new_key()).status_code == 201
    (order,) = ours(exchange)
    return order


def fill(order: Order, time: Time) -> None:
    order.fill(order.quantity, order.price, time.now)


def read(api: APIClient, name: str) -> str:
    response = api.get(f"/api/broker/{name}")
    assert response.status_code == 200
    return str(response["X-Cache"])


def status_in_book(api: APIClient, order: Order) -> str:
    rows = api.get(ORDERS).json()["data"]
    return str(next(row["status"] for row in rows if row["order_id"] == order.number))


@pytest.mark.parametrize("name", BOOKS)
def test_a_book_is_kept_for_its_ttl_while_every_order_is_final(
    quiet: Simulator, dealer: APIClient, time: Time, settings: Settings, name: str
) -> None:
    read(dealer, name)
    read(dealer, name)
    time.passes(settings.CACHE_TTLS[name] * 0.7)
    assert read(dealer, name) == "hit"
    time.passes(settings.CACHE_TTLS[name] * 0.4)
    assert read(dealer, name) == "miss"


@pytest.mark.parametrize("name", BOOKS)
def test_a_book_is_at_most_three_seconds_old_while_an_order_may_be_filled(
    quiet: Simulator, dealer: APIClient, time: Time, name: str
) -> None:
    waiting(quiet, dealer)
    read(dealer, name)
    assert read(dealer, name) == "hit"
    time.passes(OPEN_TTL + 0.1)
    assert read(dealer, name) == "miss"


def test_the_time_for_which_a_book_is_kept_beside_an_open_order_is_a_setting(
    quiet: Simulator, dealer: APIClient, time: Time, settings: Settings
) -> None:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "open_orders": 10}
    waiting(quiet, dealer)
    read(dealer, "orders")
    time.passes(9)
    assert read(dealer, "orders") == "hit"
    time.passes(1.1)
    assert read(dealer, "orders") == "miss"


@pytest.mark.parametrize("hours", [9, 48], ids=["evening", "saturday"])
def test_a_book_with_an_open_order_is_cached_while_the_market_is_closed(
    quiet: Simulator, dealer: APIClient, time: Time, hours: int
) -> None:
    time.passes(3_600 * hours)
    waiting(quiet, dealer)
    read(dealer, "orders")
    time.passes(200)
    assert read(dealer, "orders") == "hit"


def test_a_book_is_read_again_when_the_market_opens(quiet: Simulator, dealer: APIClient, time: Time) -> None:
    time.now = time.now.replace(hour=8, minute=59, second=0) + timedelta(days=1)
    waiting(quiet, dealer)
    read(dealer, "orders")
    time.passes(59)
    assert read(dealer, "orders") == "hit"
    time.passes(2)
    assert read(dealer, "orders") == "miss"


def test_an_order_that_fills_while_nobody_asks_is_seen_by_the_next_reader_everywhere(
    quiet: Simulator, dealer: APIClient, time: Time
) -> None:
    order = waiting(quiet, dealer)
    for name in BOOKS:
        read(dealer, name)
    assert status_in_book(dealer, order) == "open"
    assert OrderRequest.objects.get().order_status == "open"
    fill(order, time)
    time.passes(OPEN_TTL + 0.1)
    assert status_in_book(dealer, order) == "complete"
    assert OrderRequest.objects.get().order_status == "complete"
    trades = dealer.get("/api/broker/trades").json()["data"]
    assert order.number in {trade["order_id"] for trade in trades}
    positions = dealer.get("/api/broker/positions").json()["data"]
    assert order.quantity in {row["net_quantity"] for row in positions if row["symbol"] == "INFY"}


def test_what_is_read_of_one_order_settles_the_book_and_the_record(
    quiet: Simulator, dealer: APIClient, time: Time
) -> None:
    order = waiting(quiet, dealer)
    assert status_in_book(dealer, order) == "open"
    read(dealer, "trades")
    fill(order, time)
    assert dealer.get(f"{ORDERS}/{order.number}").json()["data"][-1]["status"] == "complete"
    assert OrderRequest.objects.get().order_status == "complete"
    assert status_in_book(dealer, order) == "complete"
    assert read(dealer, "trades") == "miss"


def test_an_order_of_another_program_that_appears_in_the_book_ends_what_was_kept_before(
    quiet: Simulator, dealer: APIClient, time: Time
) -> None:
    for name in ("orders", "trades", "margins"):
        read(dealer, name)
    order = waiting(quiet, dealer)
    OrderRequest.objects.all().delete()  # as if another program had placed it
    time.passes(290)
    read(dealer, "trades")
    time.passes(11)
    read(dealer, "orders")
    fill(order, time)
    time.passes(OPEN_TTL + 0.1)
    trades = dealer.get("/api/broker/trades").json()["data"]
    assert order.number in {trade["order_id"] for trade in trades}


def test_an_order_that_the_exchange_rejects_is_rejected_on_the_record(
    quiet: Simulator, dealer: APIClient, time: Time
) -> None:
    order = waiting(quiet, dealer)
    read(dealer, "orders")
    order.status, order.reason, order.updated = "rejected", "RMS: no", time.now
    time.passes(OPEN_TTL + 0.1)
    read(dealer, "orders")
    assert OrderRequest.objects.get().order_status == "rejected"


def test_a_book_that_cannot_be_read_does_not_fail_the_positions(quiet: Simulator, dealer: APIClient) -> None:
    quiet.fail("orders", "503")
    assert read(dealer, "positions") == "miss"


def test_many_readers_cost_a_call_for_three_seconds_and_book(
    quiet: Simulator, dealer: APIClient, time: Time, make_user: Callable[..., User]
) -> None:
    waiting(quiet, dealer)
    make_user("reader", "broker.view_account")
    user = User.objects.get(username="reader")
    quiet.clear_calls()
    begun = cache_clock.timestamp()

    def read_all(_: int) -> Counter[int]:
        try:
            api = client_of(user)
            return Counter(api.get(f"/api/broker/{name}").status_code for name in BOOKS)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(6):
            statuses = sum(pool.map(read_all, range(READERS)), Counter())
            assert statuses == {200: READERS * len(BOOKS)}
            time.passes(1)
    made = {name: calls(quiet, route) for name, route in ROUTES.items()}
    # Each book is loaded once in three seconds. A second load is due where the store refuses the first one: the order
    # book, read meanwhile, has shown the open order again.
    rounds = (cache_clock.timestamp() - begun) / OPEN_TTL
    assert rounds >= 2
    assert all(1 <= number <= 1.5 * rounds + 2 for number in made.values()), (made, rounds)
