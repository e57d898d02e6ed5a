"""What callers may not say: a 400 that names the field, nothing kept, nothing asked of the broker."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from broker.api.serializers import CandlesQuerySerializer
from broker.clock import IST
from broker.simulator import Simulator
from tests.broker.routes import assert_error

Kept = Callable[[], dict[str, int]]
DAYS = {"from": "2024-09-02", "to": "2024-09-13"}
GOOD = {"symbol": "RELIANCE", "interval": "1d", **DAYS}
TOMORROW = (datetime.now(IST) + timedelta(days=2)).date().isoformat()


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in GOOD.items() if key != name}


# (path, query, the field that is named)
BAD: dict[str, tuple[str, dict[str, str], str]] = {
    **{
        f"symbol {value[:9]!r}": ("candles", {**GOOD, "symbol": value}, "symbol")
        for value in (
            *("", " ", "*", "a:b", "RELI*", "[a-z]", "a?b", "a/b", "../etc", "a\x00b", "\x00", "a\nb", "RELIANCE\n*"),
            *("é", "a,b", "A" * 51, "A" * 5000, "' OR 1=1", "{symbol}", "@", "%00", "🚀"),
        )
    },
    **{
        f"interval {value!r}": ("candles", {**GOOD, "interval": value}, "interval")
        for value in ("", "7m", "1D", "1 day", "weekly", "*", "1d\x00", "None")
    },
    **{
        f"{name} {value!r}": ("candles", {**GOOD, name: value}, name)
        for name in ("from", "to")
        for value in (
            *("", "2021-02-31", "31-12-2021", "2021/01/01", "yesterday", "2021-13-01", "2021-1-1-1", "0000-01-01"),
            *("2021-01-01T00:00:00", "20210101", "-1", "10000-01-01", "2021-01-01\x00", "9" * 5000, "२०२१-01-01"),
        )
    },
    **{f"no {name}": ("candles", without(name), name) for name in GOOD},
    "from after to": ("candles", {**GOOD, "from": "2024-09-13", "to": "2024-09-02"}, "from"),
    "from in the future": ("candles", {**GOOD, "from": TOMORROW, "to": TOMORROW}, "from"),
    "more than 20 years": ("candles", {**GOOD, "from": "2000-01-01", "to": "2021-01-01"}, "from"),
    "all of time": ("candles", {**GOOD, "from": "0001-01-01", "to": "9999-12-31"}, "from"),
    **{
        f"more than 366 days of {interval}": (
            "candles",
            {**GOOD, "interval": interval, "from": "2023-01-01", "to": "2024-01-02"},
            "from",
        )
        for interval in ("1m", "5m", "10m", "15m", "30m", "60m")
    },
    **{
        f"exchange {value!r} of {path}": (path, {**query, "exchange": value}, "exchange")
        for path, query in (("candles", GOOD), ("quotes", {"symbols": "INFY"}))
        for value in ("XX", " ", "nseeq", "NCDEXCOMM", "*", "NSEEQ\x00", "N" * 5000)
    },
    **{
        f"symbols {value[:12]!r}": ("quotes", {"symbols": value}, "symbols")
        for value in (
            *("", " ", ",", "INFY,", ",INFY", "INFY,,TCS", "*", "INFY,*", "a:b", "INFY,a\x00b", "\x00", "INFY;TCS"),
            *(",".join(f"S{number}" for number in range(101)), "A" * 5000),
        )
    },
    "no symbols": ("quotes", {}, "symbols"),
    **{
        f"{name} {value!r}": ("contracts/NSEEQ", {name: value}, name)
        for name in ("page", "page_size")
        for value in ("0", "-1", "x", "1.5", " ", "99999999", "9" * 5000, "1\x00", "NaN", "1_0", "१")
    },
    "page_size 100000": ("contracts/NSEEQ", {"page_size": "100000"}, "page_size"),
    "search of 5000 letters": ("contracts/NSEEQ", {"search": "A" * 5000}, "search"),
    "search with NUL": ("contracts/NSEEQ", {"search": "a\x00b"}, "search"),
    **{
        f"contracts of {value!r}": (f"contracts/{value}", {}, "exchange")
        for value in ("XX", "nseeq", "NCDEXCOMM", "*", "%00", "a:b", "N" * 2000, "NSEEQ%20")
    },
}


@pytest.mark.parametrize(("path", "query", "field"), BAD.values(), ids=[name[:60] for name in BAD])
def test_bad_input_is_a_400_that_names_the_field_and_reaches_neither_redis_nor_the_broker(
    simulator: Simulator, kept: Kept, trader: APIClient, path: str, query: dict[str, str], field: str
) -> None:
    response = trader.get(f"/api/broker/{path}", query)
    in_the_path = path.startswith("contracts/") and not query
    error = assert_error(response, 400, "unknown_exchange" if in_the_path else "invalid")
    assert error["message"].startswith(f"{field}: ")
    assert list(error["detail"]) == [field]
    assert kept() == {}
    assert simulator.calls == ()


@pytest.mark.parametrize("symbol", ["RELIANC", "HDFC", "RELIANCE-N1", "NIFTY 51", "A" * 50, "..", "-", "&"])
@pytest.mark.parametrize(
    ("path", "name", "rest"), [("candles", "symbol", {"interval": "1d", **DAYS}), ("quotes", "symbols", {})]
)
def test_an_unknown_symbol_is_a_400_after_at_most_the_contract_files(
    simulator: Simulator, kept: Kept, trader: APIClient, path: str, name: str, rest: dict[str, str], symbol: str
) -> None:
    for _ in range(2):
        response = trader.get(f"/api/broker/{path}", {**rest, name: symbol})
        error = assert_error(response, 400, "unknown_symbol")
        assert symbol in error["message"]
        assert list(error["detail"]) == [name]
    # It might be an index, and those are in a file of their own.
    assert [call.path for call in simulator.calls] == [f"/v1/contractfiles/{file}.csv" for file in ("NSEEQ", "INDICES")]
    assert set(kept()) == {"api:contracts:NSEEQ", "api:contracts:INDICES"}


def test_several_mistakes_are_all_named(simulator: Simulator, trader: APIClient) -> None:
    error = assert_error(trader.get("/api/broker/candles?symbol=*&interval=7m&to=x"), 400, "invalid")
    assert set(error["detail"]) == {"symbol", "interval", "from", "to"}


@pytest.mark.parametrize(
    "query",
    [
        {**GOOD, "from": "2001-01-01", "to": "2020-12-31"},
        {**GOOD, "from": datetime.now(IST).date().isoformat(), "to": TOMORROW},
        {**GOOD, "symbol": " m&m "},
        {**GOOD, "symbol": "NIFTY 50"},
        {**GOOD, "exchange": "BSEEQ"},
    ],
    ids=str,
)
def test_what_is_just_within_the_rules_is_served(
    simulator: Simulator, trader: APIClient, query: dict[str, str]
) -> None:
    assert trader.get("/api/broker/candles", query).status_code == 200


@pytest.mark.parametrize(("first", "good"), [("2023-01-02", True), ("2023-01-01", False)])
def test_a_year_and_a_day_of_intraday_candles_is_the_most(first: str, good: bool) -> None:
    query = CandlesQuerySerializer(data={**GOOD, "interval": "60m", "from": first, "to": "2024-01-02"})
    assert query.is_valid() is good


def test_a_hundred_symbols_are_served(simulator: Simulator, trader: APIClient) -> None:
    names: list[Any] = trader.get("/api/broker/contracts/NSEEQ").json()["results"]
    symbols = [item["trading_symbol"] for item in names if item["series"]]
    few = (symbols * 100)[:100]
    assert trader.get("/api/broker/quotes", {"symbols": ",".join(few)}).status_code == 200
