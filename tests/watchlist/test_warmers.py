"""The real steps of warming: the account, and what is watched."""

import pytest
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache.operations import warming
from watchlist.models import WatchlistItem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_store")]

ACCOUNT = {"holdings", "positions", "margins", "orders", "trades", "profile", "portfolio_summary"}
OWN = {"watchlist", "settings", "signals"}


@pytest.fixture(autouse=True)
def watched() -> None:
    for symbol, active in (("RELIANCE", True), ("INFY", True), ("TCS", False)):
        WatchlistItem.objects.create(symbol=symbol, is_active=active)


def test_after_a_run_the_pages_of_the_day_are_hits(simulator: Simulator, staff: APIClient, trader: APIClient) -> None:
    report = warming.run(max_wait=10)
    assert report.failed == []
    assert {done.family for done in report.warmed} == ACCOUNT | OWN | {"quotes", "candles"}
    assert [done.what for done in report.warmed if done.family == "candles"] == [
        "daily candles of INFY",
        "daily candles of RELIANCE",
    ]
    for route in ("holdings", "margins", "orders", "profile"):
        assert trader.get(f"/api/broker/{route}").headers["X-Cache"] == "hit"
    for route in ("/api/watchlist", "/api/settings", "/api/signals", "/api/portfolio/summary"):
        assert trader.get(route).headers["X-Cache"] == "hit"


def test_a_second_run_asks_the_broker_for_prices_at_the_most(simulator: Simulator) -> None:
    warming.run(max_wait=10)
    simulator.clear_calls()
    warming.run(max_wait=10)
    assert {call.route for call in simulator.calls} <= {"marketquotes"}


def test_a_route_that_fails_is_named_and_the_rest_is_warm(simulator: Simulator) -> None:
    simulator.fail("trades", "500")
    report = warming.run(max_wait=10)
    assert [failure.family for failure in report.failed] == ["trades"]
    assert {done.family for done in report.warmed} >= ACCOUNT - {"trades"}
