"""Cache-Control: no-cache, from who may see the account: books and prices from the broker."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from broker.simulator import Simulator
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.django_db

NO_CACHE = {"Cache-Control": "no-cache"}
# Address -> the broker's routes that it reads.
REFRESHED = {
    "/api/broker/holdings": "/holdings",
    "/api/broker/positions": "/positions",
    "/api/broker/margins": "/limits",
    "/api/broker/orders": "/orders",
    "/api/broker/trades": "/trades",
    "/api/broker/profile": "/profile",
    "/api/broker/quotes?symbols=INFY,TCS": "/marketdata/marketquotes",
    "/api/portfolio/summary": "/holdings",
}


def calls(simulator: Simulator, route: str) -> int:
    return sum(call.path.split("?")[0].endswith(route) for call in simulator.calls)


@pytest.mark.parametrize(("address", "route"), REFRESHED.items())
def test_no_cache_asks_the_broker_once_a_second(
    simulator: Simulator, redis_store: RedisServer, trader: APIClient, address: str, route: str
) -> None:
    for _ in range(3):
        trader.get(address)  # the fast path knows it now
    simulator.clear_calls()
    answers = [trader.get(address, headers=NO_CACHE) for _ in range(3)]
    assert [answer["X-Cache"] for answer in answers] == ["miss", "hit", "hit"]
    assert calls(simulator, route) == 1
    assert trader.get(address).json() == answers[0].json()


@pytest.mark.parametrize("header", ["No-Cache", "max-age=0, no-cache", "no-store,no-cache"])
def test_the_directive_is_read_as_http_writes_it(
    simulator: Simulator, redis_store: RedisServer, trader: APIClient, header: str
) -> None:
    trader.get("/api/broker/margins")
    assert trader.get("/api/broker/margins", headers={"Cache-Control": header})["X-Cache"] == "miss"


@pytest.mark.parametrize("header", ["max-age=0", "no-store", "no-cachet", ""])
def test_no_other_directive_asks_the_broker(
    simulator: Simulator, redis_store: RedisServer, trader: APIClient, header: str
) -> None:
    trader.get("/api/broker/margins")
    assert trader.get("/api/broker/margins", headers={"Cache-Control": header})["X-Cache"] == "hit"


def test_who_may_not_see_the_account_refreshes_nothing(
    simulator: Simulator, redis_store: RedisServer, stranger: APIClient, anonymous: APIClient
) -> None:
    for address in REFRESHED:
        assert stranger.get(address, headers=NO_CACHE).status_code == 403
        assert anonymous.get(address, headers=NO_CACHE).status_code == 401
    assert simulator.calls == ()


@pytest.mark.parametrize("address", ["/api/settings", "/api/broker/contracts/NSEEQ?page_size=1"])
def test_what_is_invalidated_or_refreshed_otherwise_ignores_it(
    simulator: Simulator, redis_store: RedisServer, trader: APIClient, address: str
) -> None:
    trader.get(address)
    assert trader.get(address, headers=NO_CACHE)["X-Cache"] == "hit"


def test_a_broker_that_fails_costs_nobody_the_fresh_value(
    simulator: Simulator, redis_store: RedisServer, trader: APIClient
) -> None:
    before: Any = trader.get("/api/broker/margins").json()
    simulator.fail("limits", "503")
    answer = trader.get("/api/broker/margins", headers=NO_CACHE)
    assert (answer.status_code, answer["X-Cache"], answer.json()) == (200, "hit", before)
