"""Daily candles equal the files that they come from, through simulator, client, cache and API."""

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker.simulator import Simulator, SimulatorOptions
from tests.support.market_data import rows_of

SEED = random.SystemRandom().randrange(10**6)


@pytest.fixture
def market(market_data: Path, settings: Settings) -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(port=0, limits=False, data=market_data)) as running:
        settings.IIFL_BASE_URL = running.base_url
        yield running


def shown(candle: dict[str, Any]) -> tuple[Any, ...]:
    assert candle["time"][10:] == "T09:15:00+05:30"
    return (
        candle["time"][:10],
        *(Decimal(candle[name]) for name in ("open", "high", "low", "close")),
        candle["volume"],
    )


@pytest.mark.parametrize("symbol", ["RELIANCE", "M&M", "BAJAJ-AUTO"])
def test_candles_equal_the_rows_of_the_file(
    market: Simulator, redis: Redis, trader: APIClient, market_data: Path, symbol: str
) -> None:
    rows = rows_of(market_data / "candles_daily" / f"{symbol}.csv")
    chance = random.Random(f"{SEED}{symbol}")
    print("seed", SEED)  # shown when the test fails
    for _ in range(4):
        start = chance.randrange(len(rows))
        wanted = rows[start : start + chance.randrange(1, 300)]
        query = {"symbol": symbol, "interval": "1d", "from": wanted[0][0], "to": wanted[-1][0]}
        # A range that overlaps an earlier one may be there already.
        for states in ({"miss", "hit"}, {"hit"}):
            response = trader.get("/api/broker/candles", query)
            assert response.status_code == 200
            assert response["X-Cache"] in states
            assert [shown(candle) for candle in response.json()["data"]] == wanted


def test_seven_years_are_one_call(market: Simulator, trader: APIClient, market_data: Path) -> None:
    rows = rows_of(market_data / "candles_daily" / "RELIANCE.csv")
    query = {"symbol": "RELIANCE", "interval": "1d", "from": "2015-01-01", "to": "2021-12-31"}
    found = trader.get("/api/broker/candles", query).json()["data"]
    assert [shown(candle) for candle in found] == rows
    assert [call.route for call in market.calls].count("historicaldata") == 1


def test_the_whole_contract_file_is_searched(market: Simulator, trader: APIClient, market_data: Path) -> None:
    body = trader.get("/api/broker/contracts/NSEEQ?search=BAJAJ-AUTO").json()
    assert [item["instrument_id"] for item in body["results"]] == ["16669"]
    assert trader.get("/api/broker/contracts/NSEEQ?page_size=1").json()["count"] == len(
        json.loads((market_data / "contracts" / "NSEEQ.json").read_text())
    )


@pytest.mark.parametrize("symbol", ["HDFC", "TATAMOTORS"])
def test_a_share_with_candles_and_without_a_contract_is_unknown(
    market: Simulator, trader: APIClient, symbol: str
) -> None:
    query = {"symbol": symbol, "interval": "1d", "from": "2020-01-01", "to": "2020-01-31"}
    assert trader.get("/api/broker/candles", query).json()["error"]["code"] == "unknown_symbol"
