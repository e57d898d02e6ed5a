"""Quotes agree with the candles."""

from datetime import timedelta

import pytest

from tests.broker.simulator.caller import Caller, Hands

UNKNOWN = {"exchange": "Z", "instrumentId": 0, "ltp": 0}


def test_a_quote_agrees_with_todays_candle_and_yesterdays_close(caller: Caller) -> None:
    yesterday, today = caller.history("1 day", "19-Nov-2025", "21-Nov-2025")
    [quote] = caller.quotes("2885")
    assert [quote["open"], quote["high"], quote["low"], quote["ltp"], quote["tradedVolume"]] == today[1:]
    assert quote["close"] == yesterday[4]
    assert quote["low"] <= quote["averageTradedPrice"] <= quote["high"]
    assert quote["bestBidPrice"] < quote["ltp"] < quote["bestAskPrice"]


def test_a_price_moves_as_time_goes_by(caller: Caller, hands: Hands) -> None:
    seen = set()
    for _ in range(10):
        hands.now += timedelta(seconds=30)
        seen.add(caller.quotes("2885")[0]["ltp"])
    assert len(seen) > 3


@pytest.mark.parametrize(("days", "hour"), [(0, 20), (1, 8), (2, 12)])
def test_a_closed_market_quotes_its_last_session(caller: Caller, hands: Hands, days: int, hour: int) -> None:
    hands.now = (hands.now + timedelta(days=days)).replace(hour=hour)
    caller.log_in()
    [quote] = caller.quotes("2885")
    last = caller.history("1 day", "12-Nov-2025", "30-Nov-2025")[-1]
    assert quote["tickTimestamp"].endswith("15:30:00")
    assert [quote["open"], quote["high"], quote["low"], quote["ltp"]] == last[1:5]


def test_unknown_instruments_and_unserved_exchanges_answer_with_exchange_z(caller: Caller) -> None:
    asked = [
        {"exchange": "NSEEQ", "instrumentId": "77"},
        {"exchange": "MCXCOMM", "instrumentId": "2885"},
        {"exchange": "BSEEQ", "instrumentId": "2885"},
        {},
        "nonsense",
    ]
    assert caller.content("POST", "/marketdata/marketquotes", asked)["result"] == [UNKNOWN] * 5


def test_duplicates_in_give_duplicates_out(caller: Caller) -> None:
    first, other, second = caller.quotes("2885", "1594", "2885")
    assert first == second != other


def test_both_exchanges_quote_the_same_share_alike(caller: Caller) -> None:
    asked = [{"exchange": "NSEEQ", "instrumentId": 2885}, {"exchange": "BSEEQ", "instrumentId": "500325"}]
    here, there = caller.content("POST", "/marketdata/marketquotes", asked)["result"]
    assert here["ltp"] == there["ltp"]
    assert (there["exchange"], there["instrumentId"]) == ("BSEEQ", 500325)


def test_an_index_has_a_price_and_no_order_book(caller: Caller) -> None:
    [quote] = caller.quotes("999920000")
    assert quote["ltp"] > 10_000
    assert quote["tradedVolume"] == quote["bestBidPrice"] == quote["totalAskQuantity"] == 0
