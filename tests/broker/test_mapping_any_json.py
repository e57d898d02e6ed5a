"""Whatever JSON the broker sends: one of our values, which survives the cache, or one of our errors."""

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.errors import BrokerError
from broker.iifl.mapping import books, contracts, envelope, margins, market, orders
from broker.values import (
    Candle,
    Depth,
    Holding,
    Interval,
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
    "candles": (lambda answer: market.candles(answer, Interval.DAY), list[Candle]),
    "quotes": (lambda answer: list(market.quotes(answer).values()), list[Quote]),
    "depth": (market.depth, Depth),
    "open interest": (market.open_interest, OpenInterest),
    "receipt": (orders.receipt, OrderReceipt),
    "order margin": (margins.order_margin, OrderMargin),
    "span margin": (margins.span_margin, SpanMargin),
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
        envelope.raise_if_session_ended(answer)
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


# --- each number field of the wire -------------------------------------------------------------------------

PAISA, FINEST_PRICE = Decimal("0.01"), Decimal("0.0001")
HOLDING = {"isin": "INE", "nseTradingSymbol": "A-EQ", "nseInstrumentId": "1", "totalQuantity": 1}
POSITION = {"tradingSymbol": "A", "instrumentId": "1", "exchange": "NSEFO", "netQuantity": 1, "multiplier": 2}
ORDER, TRADE = {"brokerOrderId": "1"}, {"tradingSymbol": "A", "filledQuantity": 1, "tradedPrice": 1}
QUOTE = {"exchange": "NSEEQ", "instrumentId": 1, "ltp": 1}
# How each is rounded (None: not at all), and the wire's names with ours.
NUMBERS: dict[str, list[tuple[Decimal | None, dict[str, str]]]] = {
    "margins": [(PAISA, {sent: name for name, sent in books.MARGIN_FIELDS.items()})],
    "holdings": [
        (PAISA, {"averageTradedPrice": "average_price"}),
        (FINEST_PRICE, {"previousDayClose": "previous_close"}),
        (None, {"totalQuantity": "quantity", "dpQuantity": "dp_quantity", "t1Quantity": "t1_quantity"}),
        (None, {"collateralQuantity": "collateral_quantity", "authorizedQuantity": "authorized_quantity"}),
    ],
    "positions": [
        (
            None,
            {"netQuantity": "net_quantity", "overnightQuantity": "overnight_quantity", "buyQuantity": "buy_quantity"},
        ),
        (None, {"sellQuantity": "sell_quantity", "dayBuyQuantity": "day_buy_quantity", "lotSize": "lot_size"}),
        (None, {"daySellQuantity": "day_sell_quantity"}),
        (PAISA, {"netAveragePrice": "net_average_price", "overnightPrice": "overnight_price"}),
        (PAISA, {"buyPrice": "buy_price", "sellPrice": "sell_price"}),
        (FINEST_PRICE, {"previousDayClose": "previous_close"}),
        (PAISA, {"dayBuyValue": "day_buy_value", "daySellValue": "day_sell_value", "realizedPnl": "realized_pnl"}),
    ],
    "orders": [
        (None, {"quantity": "quantity", "filledQuantity": "filled_quantity", "pendingQuantity": "pending_quantity"}),
        (None, {"disclosedQty": "disclosed_quantity", "cancelledQuantity": "cancelled_quantity"}),
        (FINEST_PRICE, {"price": "price", "slTriggerPrice": "trigger_price"}),
        (PAISA, {"averageTradedPrice": "average_price"}),
    ],
    "trades": [(None, {"filledQuantity": "quantity"}), (FINEST_PRICE, {"tradedPrice": "price"})],
    "quotes": [
        (FINEST_PRICE, {"ltp": "ltp", "open": "open", "high": "high", "low": "low", "close": "previous_close"}),
        (PAISA, {"averageTradedPrice": "average_price"}),
        (FINEST_PRICE, {"bestBidPrice": "bid_price", "bestAskPrice": "ask_price"}),
        (None, {"tradedVolume": "volume", "bestBidQuantity": "bid_quantity", "bestAskQuantity": "ask_quantity"}),
    ],
    "candles": [(FINEST_PRICE, {str(place): name for place, name in enumerate(("open", "high", "low", "close"), 1)})],
    "volume": [(None, {"5": "volume"})],
    "depth": [(None, {"totalBidQuantity": "total_bid_quantity", "totalAskQuantity": "total_ask_quantity"})],
    "level": [(FINEST_PRICE, {"price": "price"}), (None, {"quantity": "quantity", "orders": "orders"})],
    "open interest": [(None, {"openInterest": "open_interest", "dayHighOi": "day_high", "dayLowOi": "day_low"})],
    "order margin": [
        (PAISA, {"totalCashAvailable": "cash_available", "preOrderMargin": "used_before", "fundShort": "shortfall"}),
        (PAISA, {"postOrderMargin": "used_after", "currentOrderMargin": "required"}),
    ],
    "contract": [
        (FINEST_PRICE, {"strikePrice": "strike_price", "tickSize": "tick_size"}),
        (None, {"lotSize": "lot_size"}),
    ],
    "span margin": [
        (PAISA, {"span": "span", "exposureMargin": "exposure", "totalMargin": "total", "buyPremium": "buy_premium"})
    ],
}
BASES: dict[str, dict[str, Any]] = {
    "margins": {"tradingLimit": 1},
    "holdings": HOLDING,
    "positions": POSITION,
    "orders": ORDER,
    "trades": TRADE,
    "quotes": QUOTE,
    "depth": {},
    "level": {"price": 1},
    "open interest": {"openInterest": 1},
    "order margin": {"currentOrderMargin": 1},
    "span margin": {"totalMargin": 1},
    "contract": {"tradingSymbol": "A", "instrumentId": "1", "exchange": "NSEFO"},
    "candles": {},
    "volume": {},
}
FIELDS = [
    (where, sent, name, unit)
    for where, groups in NUMBERS.items()
    for unit, names in groups
    for sent, name in names.items()
]


def read_number(where: str, sent: str, name: str, value: object) -> Any:
    """What we make of a field of an otherwise plain answer; None also for a row that is left out."""
    row = BASES[where] | {sent: value}
    rows: Any
    if where in ("candles", "volume"):
        candle: list[Any] = ["2026-11-27T00:00:00", 1, 1, 1, 1, 1]
        candle[int(sent)] = value
        rows = market.candles([candle], Interval.DAY)
    elif where == "contract":
        rows = contracts.contract("NSEFO", row)
    elif where == "level":
        rows = market.depth({"marketDepth": {"bids": [row], "asks": []}}).bids
    else:
        answer = row | {"marketDepth": {"bids": []}} if where == "depth" else row
        rows = READERS[where][0](ok([answer]))
    rows = rows if isinstance(rows, list) else [rows]
    return getattr(rows[0], name) if rows else None


def with_commas(number: Decimal, first: int, others: int) -> str:
    """Group the digits before the point: the last three, then by `others` (2 in India, 3 elsewhere)."""
    sign, digits, rest = re.fullmatch(r"(-?)(\d+)(.*)", f"{number:f}").groups()  # type: ignore[union-attr]
    groups, digits = [digits[-first:]], digits[:-first]
    while digits:
        groups, digits = [digits[-others:], *groups], digits[:-others]
    return sign + ",".join(groups) + rest


WRITTEN: list[Callable[[Decimal], Any]] = [
    *(str, "{:f}".format, " {:f} ".format, "{:E}".format, "₹{:f}".format, "Rs. {:f}".format, "INR {:f}".format, float),
    lambda number: with_commas(number, 3, 2),
    lambda number: with_commas(number, 3, 3),
    lambda number: f"({abs(number):f})" if number < 0 else f"₹ {with_commas(number, 3, 2)}",
    lambda number: int(number) if number == int(number) else float(number),
]
numbers = st.decimals(-(10**9), 10**9, places=4) | st.integers(-(10**9), 10**9).map(Decimal) | st.just(Decimal(0))
written = st.tuples(numbers, st.sampled_from(WRITTEN)).map(lambda pair: (pair[1](pair[0]), pair[0]))
json_values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(names, scalars, max_size=2)


def number_of(value: object) -> Decimal | None:
    """The number that a JSON value is, by Python's own reading; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not re.fullmatch(r"\s*[-+0-9.eE]+\s*", value):
        return None
    with suppress(ArithmeticError, ValueError):
        number = Decimal(str(value).strip())
        return number if number.is_finite() else None
    return None


def assert_right(read: Any, number: Decimal | None, unit: Decimal | None, value: object) -> None:
    if read is None:
        return
    assert number is not None, f"{value!r} is no number and was read as {read!r}"
    assert not isinstance(read, float)
    if unit is None:
        assert read == number
    else:
        assert abs(read - number) <= unit / 2
        assert re.fullmatch(r"-?\d+\.\d{2,4}", str(read)), str(read)
        assert not (read == 0 and str(read).startswith("-"))
    # An amount may be 0 because it is less than half a paisa; nothing else is 0 unless the wire says so.
    assert read or number == 0 or (unit == PAISA and abs(number) <= PAISA / 2)


@pytest.mark.parametrize(("where", "sent", "name", "unit"), FIELDS, ids=[f"{f[0]}-{f[1]}" for f in FIELDS])
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(value=json_values)
@example(value=None)
@example(value="")
@example(value="N/A")
@example(value="100 shares")
@example(value="1.2L")
@example(value="1,5")
def test_any_json_in_a_number_field_is_that_number_or_unknown_or_an_error(
    where: str, sent: str, name: str, unit: Decimal | None, value: object
) -> None:
    with suppress(BrokerError):
        assert_right(read_number(where, sent, name, value), number_of(value), unit, value)


@pytest.mark.parametrize(("where", "sent", "name", "unit"), FIELDS, ids=[f"{f[0]}-{f[1]}" for f in FIELDS])
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(pair=written)
def test_a_number_is_read_however_it_is_written(
    where: str, sent: str, name: str, unit: Decimal | None, pair: tuple[Any, Decimal]
) -> None:
    value, number = pair
    assert number_of(value) in (None, number) or math.isclose(number_of(value) or 0, number)
    try:
        read = read_number(where, sent, name, value)
    except BrokerError:
        assert number == 0 or number != int(number)  # no trade of nothing, and no part of a contract
        return
    assert_right(read, number, unit, value)
    if read is None:  # a price of 0 is unknown, of less than half its tick too, and part of what comes in whole pieces
        no_price = abs(number) <= (unit or 0) / 2
        no_whole_number = unit is None and number != int(number)
        assert no_price or no_whole_number or (name == "lot_size" and number < 0)
