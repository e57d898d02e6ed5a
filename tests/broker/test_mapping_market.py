"""Candles and quotes in all the forms they come in."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from broker.clock import IST
from broker.errors import BrokerAnswerUnclear
from broker.iifl.mapping import market
from broker.values import Candle, Interval, Quote
from tests.broker.wire import ROW_SHAPES, ok, sample

MONDAY = ["2024-11-11T09:15:00", 68.37, "68.7", 68.15, 68.18, "1494"]
TUESDAY = ["2024-11-12T09:15:00", 69, 70, 68, 69.05, 2000.0]
READ = [
    Candle(
        time=datetime(2024, 11, 11, 9, 15, tzinfo=IST),
        open=Decimal("68.37"),
        high=Decimal("68.7"),
        low=Decimal("68.15"),
        close=Decimal("68.18"),
        volume=1494,
    ),
    Candle(
        time=datetime(2024, 11, 12, 9, 15, tzinfo=IST),
        open=Decimal(69),
        high=Decimal(70),
        low=Decimal(68),
        close=Decimal("69.05"),
        volume=2000,
    ),
]
ROWS = [MONDAY, TUESDAY]
CANDLE_SHAPES = {
    "list of {candles}": ok([{"candles": ROWS}]),
    "{candles}": ok({"candles": ROWS}),
    "two lists of {candles}": ok([{"candles": [MONDAY]}, {"candles": [TUESDAY]}]),
    "flat": ok(ROWS),
    "bare flat": ROWS,
    "bare list of {candles}": [{"candles": ROWS}],
    "bare {candles}": {"status": "Ok", "candles": ROWS},
    "keys with a trailing blank": {"status ": "Ok", "result ": [{"candles ": ROWS}]},
    "string of a flat list": ok(json.dumps(ROWS)),
    "string of a list of {candles}": ok(json.dumps([{"candles": ROWS}])),
    "string of {candles}": ok(json.dumps({"candles": ROWS})),
    "string inside candles": ok([{"candles": json.dumps(ROWS)}]),
    "string in a string": ok(json.dumps({"candles": json.dumps(ROWS)})),
    "in disorder": ok([{"candles": [TUESDAY, MONDAY]}]),
}


def test_candles_of_a_minute_are_read() -> None:
    first, second = market.candles(
        sample("market_data_apis_historical_candlestick_chart_data_response"), Interval.MINUTE
    )
    assert (first.time, second.time) == (
        datetime(2026, 1, 5, 9, 15, tzinfo=IST),
        datetime(2026, 1, 5, 9, 16, tzinfo=IST),
    )
    assert (second.open, second.high, second.low, second.close, second.volume) == (
        *(Decimal("1472.4"), Decimal(1474), Decimal("1471.1"), Decimal("1473.85")),
        38115,
    )


@pytest.mark.parametrize("answer", CANDLE_SHAPES.values(), ids=CANDLE_SHAPES.keys())
def test_candles_are_read_in_every_form(answer: Any) -> None:
    assert market.candles(answer, Interval.DAY) == READ


def test_a_day_told_twice_counts_as_it_came_last() -> None:
    later = ["2024-11-12T09:15:00", 69, 71, 68, 70.5, 2500]
    found = market.candles(ok([{"candles": [MONDAY, TUESDAY, later]}]), Interval.DAY)
    assert [(candle.time.day, candle.close) for candle in found] == [(11, Decimal("68.18")), (12, Decimal("70.5"))]


MIDNIGHT = ["2026-11-27T00:00:00", 10, 12, 9, 11, 100]
OPENING = ["2026-11-27T09:15:00", 10, 13, 9, "12.5", 150]
WEDNESDAY = ["2026-11-25T00:00:00", 10, 12, 9, 11, 100]
FIRST_OF_MONTH = ["2026-11-01T00:00:00", 10, 12, 9, 11, 100]


@pytest.mark.parametrize(
    ("interval", "rows", "closes"),
    [
        (Interval.DAY, [MIDNIGHT, OPENING], ["12.5"]),
        (Interval.DAY, [OPENING, MIDNIGHT], ["12.5"]),
        (Interval.DAY, [WEDNESDAY, OPENING], ["11", "12.5"]),
        (Interval.WEEK, [WEDNESDAY, OPENING], ["12.5"]),
        (Interval.WEEK, [FIRST_OF_MONTH, WEDNESDAY], ["11", "11"]),
        (Interval.MONTH, [FIRST_OF_MONTH, OPENING], ["12.5"]),
        (Interval.MINUTES_60, [MIDNIGHT, OPENING], ["11", "12.5"]),
    ],
)
def test_a_day_a_week_and_a_month_have_one_candle_the_last(
    interval: Interval, rows: list[Any], closes: list[str]
) -> None:
    assert [candle.close for candle in market.candles(ok([{"candles": rows}]), interval)] == [*map(Decimal, closes)]


@pytest.mark.parametrize(
    "answer", [ok([]), ok([{"candles": []}]), ok({"candles": []}), ok({"candles": None}), ok("[]"), []]
)
def test_no_candles_is_an_empty_list(answer: Any) -> None:
    assert market.candles(answer, Interval.DAY) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "Ok", "message": "Success"},
        {},
        ok({}),
        ok([{"status": "Success"}]),
        ok(None),
        ok(5),
        ok("no JSON"),
        ok([["2024-11-11T09:15:00", 1, 2, 3, 4]]),
        ok([["2024-11-11T09:15:00", 1, 2, "-", 4, 5]]),
        ok([["yesterday", 1, 2, 3, 4, 5]]),
        ok([None]),
        ok([7]),
        ok({"candles": {"candles": {"candles": {"candles": {"candles": {"candles": []}}}}}}),
    ],
    ids=str,
)
def test_an_answer_without_candles_is_unclear_and_not_an_empty_history(answer: Any) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        market.candles(answer, Interval.DAY)


def test_a_time_with_an_offset_is_converted_to_indian_time() -> None:
    (candle,) = market.candles([["2024-11-11T03:45:00+00:00", 1, 1, 1, 1, 1]], Interval.DAY)
    assert candle.time == datetime(2024, 11, 11, 9, 15, tzinfo=IST)
    assert candle.time.tzinfo is IST


QUOTE = Quote(
    exchange="NSEEQ",
    symbol="",
    instrument_id="1594",
    ltp=Decimal("1482.35"),
    open=Decimal(1470),
    high=Decimal("1488.75"),
    low=Decimal("1465.55"),
    previous_close=Decimal("1468.65"),
    change=Decimal("13.70"),
    change_percent=Decimal("0.93"),
    volume=5160198,
    average_price=Decimal("1479.12"),
    bid_price=Decimal("1482.25"),
    bid_quantity=40,
    ask_price=Decimal("1482.75"),
    ask_quantity=13,
    quoted_at=datetime(2026, 1, 5, 10, 21, 8, tzinfo=IST),
)


@pytest.mark.parametrize("shape", ROW_SHAPES.values(), ids=ROW_SHAPES.keys())
def test_a_quote_is_read_in_every_wrapping(shape: Callable[[Any], Any]) -> None:
    (row,) = sample("market_data_apis_market_quotes_response")["result"]
    assert market.quotes(shape(row)) == {("NSEEQ", "1594"): QUOTE}


@pytest.mark.parametrize("name", ["instrumentId", "InstrumentId", "instrumentId "])
@pytest.mark.parametrize("number", [1594, "1594"])
def test_the_instrument_is_known_under_both_spellings_and_types(name: str, number: object) -> None:
    assert list(market.quotes(ok([{"exchange": "NSEEQ", name: number, "ltp": 1}]))) == [("NSEEQ", "1594")]


@pytest.mark.parametrize("name", ["bestAskPrice", "besAskPrice"])
def test_the_ask_price_is_read_under_its_misprint_too(name: str) -> None:
    (quote,) = market.quotes([{"exchange": "NSEEQ", "instrumentId": 1, "ltp": 1, name: "2994.75"}]).values()
    assert quote.ask_price == Decimal("2994.75")


def test_the_row_of_an_unknown_instrument_is_left_out_and_the_others_keep_their_prices() -> None:
    unknown = {"exchange": "Z", "instrumentId": 0, "ltp": 0}
    known = {"exchange": "NSEEQ", "instrumentId": 2885, "ltp": 1300.5}
    found = market.quotes(ok([unknown, known, unknown, known]))
    assert {key: quote.ltp for key, quote in found.items()} == {("NSEEQ", "2885"): Decimal("1300.5")}


@pytest.mark.parametrize("price", [None, "", "-", "NA", "NaN", 0, "0.00", [], {}])
def test_a_quote_without_a_price_is_no_price_of_zero(price: object) -> None:
    assert market.quotes(ok([{"exchange": "NSEEQ", "instrumentId": 1594, "ltp": price}])) == {}


def test_one_id_on_two_exchanges_is_two_quotes() -> None:
    rows = [{"exchange": exchange, "instrumentId": 1594, "ltp": 1} for exchange in ("NSEEQ", "BSEEQ")]
    assert set(market.quotes(ok(rows))) == {("NSEEQ", "1594"), ("BSEEQ", "1594")}
