"""Symbols and ranges as the broker is asked for them."""

from datetime import datetime, timedelta

import pytest

from broker.clock import IST
from broker.errors import UnknownSymbol
from broker.values import Interval
from tests.watchlist.conftest import Market, contract
from watchlist import quotes as door
from watchlist.strategies import CANDLE_COUNT


def test_a_symbol_is_kept_without_its_series(market: Market) -> None:
    market.add(contract("RELINFRA", series="BE"))
    assert door.canonical_symbol("relinfra-be", "NSEEQ") == "RELINFRA"


def test_a_series_stays_where_the_plain_symbol_means_another_contract(market: Market) -> None:
    market.add(contract("TCS", series="N1"))
    assert door.canonical_symbol("TCS-N1", "NSEEQ") == "TCS-N1"


def test_a_series_stays_where_the_plain_symbol_means_nothing(market: Market) -> None:
    market.contracts["GOLD-GB", "NSEEQ"] = contract("GOLD", series="GB")
    assert door.canonical_symbol("GOLD-GB", "NSEEQ") == "GOLD-GB"


def test_an_unknown_symbol_is_the_brokers_to_report(market: Market) -> None:
    with pytest.raises(UnknownSymbol):
        door.canonical_symbol("NOSUCH", "NSEEQ")


@pytest.mark.parametrize(
    ("interval", "days"),
    [("1m", 7), ("5m", 10), ("60m", 44), ("1d", 230), ("1w", 1055), ("1mo", 4655)],
)
def test_candles_are_asked_for_up_to_today_and_far_enough_back(market: Market, interval: str, days: int) -> None:
    door.latest_candles(market.resolve("TCS"), Interval(interval), CANDLE_COUNT)
    [(asked, first, last)] = market.ranges
    today = datetime.now(IST).date()
    assert asked == f"TCS@NSEEQ {interval}"
    assert (first, last) == (today - timedelta(days=days), today)
