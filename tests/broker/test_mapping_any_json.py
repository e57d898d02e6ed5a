"""Whatever JSON the broker sends: one of our values, which survives the cache, or one of our errors."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.errors import BrokerError
from broker.mapping import books, deals, envelope, market, needs
from broker.values import (
    Candle,
    Depth,
    Holding,
    Margins,
    OpenInterest,
    Order,
    OrderMargin,
    OrderReceipt,
    Position,
    Profile,
    Quote,
    SpanMargin,
    Trade,
)
from systemcache import codec
from tests.broker.wire import ok

READERS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "profile": (books.profile, Profile),
    "margins": (books.margins, Margins),
    "holdings": (books.holdings, list[Holding]),
    "positions": (books.positions, list[Position]),
    "orders": (books.orders, list[Order]),
    "trades": (books.trades, list[Trade]),
    "candles": (market.candles, list[Candle]),
    "quotes": (lambda answer: list(market.quotes(answer).values()), list[Quote]),
    "depth": (market.depth, Depth),
    "open interest": (market.open_interest, OpenInterest),
    "receipt": (deals.receipt, OrderReceipt),
    "order margin": (needs.order_margin, OrderMargin),
    "span margin": (needs.span_margin, SpanMargin),
}
ENVELOPE_NAMES = ["status", "stat", "message", "emsg", "result", "data", "candles"]
ROW_NAMES = [
    *("orders", "clientId", "tradingLimit", "utilizedMargin", "exchanges", "isin", "nseTradingSymbol", "brokerOrderId"),
    *("bseTradingSymbol", "nseInstrumentId", "totalQuantity", "averageTradedPrice", "previousDayClose", "tickSize"),
    *("instrumentId", "InstrumentId", "tradingSymbol", "exchange", "netQuantity", "netAveragePrice", "multiplier"),
    *("realizedPnl", "orderStatus", "quantity", "price", "exchangeTimestamp", "fillTimestamp", "tradedPrice", "ltp"),
    *("marketDepth", "bids", "asks", "openInterest", "dayHighOi", "currentOrderMargin", "fundShort", "totalMargin"),
    *("requestTime",),
    *("close", "besAskPrice", "tickTimestamp", "instrumentType", "expiry", "strikePrice", "lotSize"),
]
NAMES = ENVELOPE_NAMES + ROW_NAMES
AWKWARD = [
    *("", "-", "NA", "NaN", "null", "Ok", "Not_Ok", "EC", "EC044", "EC804", "EC922", "NSEEQ", "RELIANCE-EQ", "-", "--"),
    *("1e999999", "1e1000000", "-1e1000000", "1e-1000000", "0e1000000", "sNaN", "Infinity", "1_000", "٣", "\ud800"),
    *("20-Sep-2024 16:05:33", "20-Sep-99999999999999999999 1:2:3", "01-Jan-0001", "31-Dec-9999 23:59:59"),
    *("2024-11-11T09:15:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "[]", "{}", "[[]]", '"x"'),
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**4000)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(AWKWARD)
)
names = st.sampled_from(NAMES) | st.sampled_from(NAMES).map("{} ".format) | st.text(max_size=6)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=7) | st.dictionaries(names, inner, max_size=8), max_leaves=30
)
rows = st.dictionaries(st.sampled_from(ROW_NAMES), scalars, max_size=20)
candle_rows = st.lists(scalars, min_size=5, max_size=7)
likely = st.lists(rows, max_size=4) | st.lists(candle_rows, max_size=3) | rows
answers = (
    anything
    | likely
    | likely.map(ok)
    | st.lists(candle_rows, max_size=3).map(lambda found: ok([{"candles": found}]))
    | st.lists(rows, max_size=3).map(lambda found: ok({"data": found}))
)


@pytest.mark.parametrize(("read", "kind"), READERS.values(), ids=READERS.keys())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(answer=answers)
@example(answer=ok([{"isin": "\ud800", "averageTradedPrice": "1e1000000"}]))
def test_any_json_is_a_value_that_survives_the_cache_or_one_of_our_errors(
    read: Callable[[Any], Any], kind: Any, answer: Any
) -> None:
    try:
        value = read(answer)
    except BrokerError:
        return
    assert codec.decode(codec.encode(value), kind) == value


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(answer=answers)
def test_any_json_is_looked_through_for_a_dead_session(answer: Any) -> None:
    try:
        envelope.refuse_dead_session(answer)
    except BrokerError as error:
        assert error.code == "broker_login_required"  # noqa: PT017 - any other outcome is no error at all


@pytest.mark.parametrize("read", [read for read, _ in READERS.values()], ids=READERS.keys())
@pytest.mark.parametrize("opening", ["[", '{"candles":', '{"result":', '[{"candles":'])
def test_json_nested_as_deep_as_python_parses_it_is_one_of_our_errors_or_nothing(
    read: Callable[[Any], Any], opening: str
) -> None:
    depth = 400
    text = (
        opening * depth
        + "1"
        + "".join({"[": "]", "{": "}"}[sign] for sign in reversed(opening * depth) if sign in "[{")
    )
    try:
        found = read(json.loads(text))
    except BrokerError:
        return
    assert found == []
