"""The account's books become typed values, in every wrapping and with all their quirks."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.clock import IST
from broker.errors import BrokerAnswerUnclear
from broker.iifl.mapping import books
from broker.iifl.mapping.orders import receipt
from broker.values import Holding, Margins, Order, OrderStatus, Position, Profile, Trade
from systemcache import codec
from tests.broker.wire import EC_SHAPES, ROW_SHAPES, ok, sample

READERS: dict[str, Callable[[Any], Any]] = {
    "holdings": books.holdings,
    "positions": books.positions,
    "orders": books.orders,
    "trades": books.trades,
}
any_shape = pytest.mark.parametrize("shape", ROW_SHAPES.values(), ids=ROW_SHAPES.keys())
any_book = pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())

HOLDING = Holding(
    isin="INE002A01018",
    symbol="RELIANCE",
    trading_symbol="RELIANCE-EQ",
    exchange="NSEEQ",
    instrument_id="2885",
    nse_instrument_id="2885",
    bse_instrument_id="500325",
    name="RELIANCE INDUSTRIES LTD.",
    product="DELIVERY",
    quantity=120,
    dp_quantity=120,
    t1_quantity=0,
    collateral_quantity=0,
    authorized_quantity=0,
    average_price=Decimal("2410.50"),
    invested=Decimal("289260.00"),
    previous_close=None,
)
POSITION = Position(
    symbol="NIFTY26JANFUT",
    trading_symbol="NIFTY26JANFUT",
    name="NIFTY 27 Jan 2026",
    exchange="NSEFO",
    instrument_id="51714",
    product="NORMAL",
    net_quantity=130,
    net_average_price=None,
    overnight_quantity=65,
    overnight_price=None,
    buy_quantity=65,
    buy_price=Decimal("26350.25"),
    sell_quantity=0,
    sell_price=None,
    day_buy_quantity=65,
    day_buy_value=Decimal("1712766.25"),
    day_sell_quantity=0,
    day_sell_value=Decimal("0.00"),
    multiplier=Decimal(1),
    lot_size=65,
    realized_pnl=None,
    previous_close=Decimal("26308.85"),
)
ORDER = Order(
    order_id="260105000000042",
    exchange_order_id="1300000000012345",
    status=OrderStatus.CANCELLED,
    symbol="INFY",
    trading_symbol="INFY-EQ",
    name="INFOSYS LIMITED",
    exchange="NSEEQ",
    instrument_id="1594",
    side="BUY",
    quantity=5,
    filled_quantity=0,
    pending_quantity=5,
    product="INTRADAY",
    complexity="REGULAR",
    order_type="LIMIT",
    validity="DAY",
    price=Decimal("1480.0"),
    average_price=Decimal("0.0"),
    trigger_price=Decimal("0.0"),
    disclosed_quantity=0,
    cancelled_quantity=None,
    placed_at=datetime(2026, 1, 5, 10, 21, 9, tzinfo=IST),
    updated_at=datetime(2026, 1, 5, 10, 25, 30, tzinfo=IST),
    rejection_reason="",
    tag="",
)
TRADE = Trade(
    trade_id="700100200300400",
    order_id="260105000000051",
    exchange_order_id="1300000000012399",
    symbol="IDEA",
    trading_symbol="IDEA-EQ",
    name="IDEA VODAFONE",
    exchange="NSEEQ",
    instrument_id="14366",
    side="BUY",
    quantity=400,
    price=Decimal(11),
    product="NORMAL",
    order_type="MARKET",
    traded_at=datetime(2026, 1, 5, 14, 2, 33, tzinfo=IST),
    tag="swing-3",
)


@any_shape
@pytest.mark.parametrize(
    ("name", "read", "value"),
    [
        ("portfolio_holdings_response", books.holdings, HOLDING),
        ("portfolio_positions_response", books.positions, POSITION),
        ("orders_order_book_response", books.orders, ORDER),
        ("orders_trade_book_response", books.trades, TRADE),
    ],
)
def test_a_row_is_read_in_every_wrapping(
    name: str, read: Callable[[Any], Any], value: object, shape: Callable[[Any], Any]
) -> None:
    answer = sample(name)
    row = answer[0] if isinstance(answer, list) else answer
    assert read(shape(row)) == [value]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("portfolio_holdings_response", books.holdings),
        ("portfolio_positions_response", books.positions),
        ("orders_order_book_response", books.orders),
        ("orders_trade_book_response", books.trades),
    ],
)
def test_a_book_is_read_as_the_documents_print_it(name: str, read: Callable[[Any], Any]) -> None:
    assert len(read(sample(name))) == 1


def test_a_profile_is_read() -> None:
    assert books.profile(sample("user_profile_response")) == Profile(
        client_id="7******1",
        name="Asha Rao",
        email="as********@example.com",
        phone="9********7",
        account_status="",  # "Na" means that there is none (D17)
        totp_enabled=True,
        poa_provided=False,
        exchanges=["NSEEQ", "NSEFO", "BSEEQ"],
        products=["NORMAL", "INTRADAY", "DELIVERY"],
        order_complexities=["REGULAR", "AMO", "BO", "CO"],
    )


def test_limits_are_read() -> None:
    assert books.margins(sample("user_limits_response")) == Margins(
        trading_limit=Decimal(1_475_000),
        opening_cash=Decimal(0),
        intraday_payin=Decimal(1_500_000),
        collateral_margin=Decimal(0),
        credit_for_sell=Decimal(0),
        adhoc_margin=Decimal(0),
        utilized_margin=Decimal(0),
        blocked_for_payout=Decimal(25_000),
        utilized_span_margin=Decimal(0),
        utilized_exposure_margin=Decimal(0),
    )


@pytest.mark.parametrize("name", ["bare", "wrapped object", "wrapped list", "bare list", "keys with a trailing blank"])
@pytest.mark.parametrize("example", ["user_limits_response", "user_profile_response"])
def test_a_record_may_come_bare_and_as_a_list_of_one(example: str, name: str) -> None:
    read = {"user_limits_response": books.margins, "user_profile_response": books.profile}[example]
    row = sample(example)["result"]
    assert read(ROW_SHAPES[name](row)) == read(ok(row))


@pytest.mark.parametrize("answer", [{"status": "Ok", "message": "Success"}, ok({}), ok([]), ok(None), ok("-"), [], {}])
@pytest.mark.parametrize("read", [books.margins, books.profile])
def test_limits_and_profile_without_content_are_unclear_and_not_all_zeros(
    read: Callable[[Any], Any], answer: Any
) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        read(answer)


@pytest.mark.parametrize("blank", ["", "-", "NA", "na", "NaN", None, " - "])
def test_an_amount_that_is_blank_is_unknown(blank: object) -> None:
    read = books.margins(ok({"tradingLimit": "5.10", "utilizedMargin": blank}))
    assert (read.trading_limit, read.utilized_margin) == (Decimal("5.10"), None)


@any_book
@pytest.mark.parametrize("code", ["EC916", "EC918", "EC920", "EC922", "EC926"])
@pytest.mark.parametrize("shape", EC_SHAPES.values(), ids=EC_SHAPES.keys())
def test_a_code_that_means_an_empty_book_is_an_empty_list(
    read: Callable[[Any], Any], shape: Callable[[str], Any], code: str
) -> None:
    assert read(shape(code)) == []


@any_book
@pytest.mark.parametrize(
    "answer",
    [ok([]), [], ok([{"status": "Success", "message": "Success"}]), ok({"status": "Success"}), [{"message": "none"}]],
)
def test_a_row_that_holds_only_a_status_is_no_row(read: Callable[[Any], Any], answer: Any) -> None:
    assert read(answer) == []


@any_book
@pytest.mark.parametrize("answer", [ok(None), ok(0), ok(True), ok(""), ok("Try again"), None, 7, "holdings", True])
def test_what_is_neither_rows_nor_a_code_is_not_an_empty_book(read: Callable[[Any], Any], answer: Any) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        read(answer)


@any_book
@pytest.mark.parametrize(
    "answer",
    [ok({"orderBook": [{"brokerOrderId": "1"}]}), ok({"page": {"rows": []}}), ok([None]), ok(["{}"]), ok([[{}]])],
    ids=str,
)
def test_what_may_hold_rows_that_cannot_be_read_is_not_an_empty_book(read: Callable[[Any], Any], answer: Any) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        read(answer)


@pytest.mark.parametrize("name", ["orders", "trades", "positions", "holdings", "data", "positionList"])
def test_rows_may_lie_under_a_name(name: str) -> None:
    found = books.orders(ok({name: [{"brokerOrderId": "1"}, {"brokerOrderId": "2"}]}))
    assert [order.order_id for order in found] == ["1", "2"]


def test_a_share_whose_nse_listing_has_no_id_is_named_by_bse() -> None:
    row = {"isin": "INE", "nseTradingSymbol": "ABC-EQ", "nseInstrumentId": "", "totalQuantity": 1}
    (both,) = books.holdings(ok([row | {"bseTradingSymbol": "ABC", "bseInstrumentId": "500001"}]))
    assert (both.exchange, both.symbol, both.instrument_id) == ("BSEEQ", "ABC", "500001")
    (nse_alone,) = books.holdings(ok([row]))
    assert (nse_alone.exchange, nse_alone.symbol, nse_alone.instrument_id) == ("NSEEQ", "ABC", "")


def test_a_share_listed_only_on_bse_is_named_by_bse() -> None:
    row = {"isin": "INE1", "nseTradingSymbol": "", "nseInstrumentId": "NA", "bseTradingSymbol": "ABC-D"}
    (holding,) = books.holdings([row | {"bseInstrumentId": 500999, "totalQuantity": "7"}])
    assert (holding.exchange, holding.symbol, holding.instrument_id) == ("BSEEQ", "ABC-D", "500999")
    assert holding.quantity == 7


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("open", "open"),
        ("COMPLETE", "complete"),
        ("Completed", "complete"),
        ("canceled", "cancelled"),
        ("Cancelled", "cancelled"),
        ("TRIGGER_PENDING", "trigger_pending"),
        ("PARTIALLY_FILLED", "partially_filled"),
        ("PUT ORDER REQ RECEIVED", "pending"),
        ("Trigger Pending", "trigger_pending"),
        ("TriggerPending", "trigger_pending"),
        ("partially filled", "partially_filled"),
        ("PartiallyFilled", "partially_filled"),
        ("executed", "complete"),
        ("Filled", "complete"),
        ("TRADED", "complete"),
        ("CANCELLED AMO", "cancelled"),
        ("cancelled after market order", "cancelled"),
        ("Cancelled by exchange", "cancelled"),
        ("AMO REQ RECEIVED", "pending"),
        ("after market order req received", "pending"),
        ("Cancel Pending", "pending"),
        ("new", "open"),
        ("Rejected", "rejected"),
        ("LAPSED", "expired"),
    ],
)
def test_the_words_for_an_orders_status_have_one_spelling(said: str, status: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", "orderStatus": said}])
    assert (order.status, order.status_text) == (status, "")


@pytest.mark.parametrize("said", ["Frozen", "NOT CANCELLED", "cancel rejected", "not executed", "Filled?Cancelled"])
def test_a_word_for_a_status_that_nobody_knows_stays_visible_and_proves_nothing(said: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", "orderStatus": said}])
    assert (order.status, order.status_text) == (OrderStatus.UNKNOWN, said)
    assert not order.status.is_final
    assert not order.status.is_settled


@given(st.text())
def test_every_word_for_a_status_has_a_value_of_the_documented_list(said: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", "orderStatus": said}])
    assert isinstance(order.status, OrderStatus)
    assert codec.decode(codec.encode([order]), list[Order]) == [order]


@pytest.mark.parametrize(("said", "meant"), [("Market", "MARKET"), ("mkt", "MARKET"), ("limit", "LIMIT"), ("SL", "SL")])
def test_the_words_for_an_orders_type_have_one_spelling(said: str, meant: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", "orderType": said}])
    assert order.order_type == meant


@pytest.mark.parametrize(("said", "meant"), [("B", "BUY"), ("Buy", "BUY"), ("s", "SELL"), ("SELL", "SELL")])
def test_the_words_for_an_orders_side_have_one_spelling(said: str, meant: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", "transactionType": said}])
    assert order.side == meant


def test_an_order_that_has_no_number_yet_is_in_the_book() -> None:
    (order,) = books.orders([{"brokerOrderId": "", "instrumentId": "1594", "orderStatus": "PUT ORDER REQ RECEIVED"}])
    assert (order.order_id, order.instrument_id) == ("", "1594")


@pytest.mark.parametrize("sent", ["a/b", "9" * 41, "1 2", "१", "\0", {"id": 1}])
def test_what_cannot_be_an_orders_number_is_none(sent: object) -> None:
    (order,) = books.orders([{"brokerOrderId": sent, "instrumentId": "1594"}])
    assert (order.order_id, order.instrument_id) == ("", "1594")
    with pytest.raises(BrokerAnswerUnclear, match="an order without brokerOrderId"):
        receipt(ok([{"brokerOrderId": sent, "status": "Success"}]))


@pytest.mark.parametrize(
    "row", [{"orderTag": "TS1"}, {"transactionType": "BUY"}, {"quantity": "5"}, {"orderStatus": "x"}]
)
def test_a_row_that_tells_anything_of_an_order_is_in_the_book(row: dict[str, str]) -> None:
    assert len(books.orders([row])) == 1


@pytest.mark.parametrize("name", ["disclosedQty", "disclosedQuantity", "disclosedQuantity "])
def test_the_disclosed_quantity_has_two_names(name: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", name: "25"}])
    assert order.disclosed_quantity == 25


@pytest.mark.parametrize("name", ["filledQuantity", "quantity", "filledQty"])
def test_a_trades_quantity_has_three_names(name: str) -> None:
    (trade,) = books.trades([{"tradingSymbol": "INFY-EQ", "tradedPrice": "1", name: "50"}])
    assert trade.quantity == 50


@pytest.mark.parametrize("name", ["tradedPrice", "averageTradedPrice", "price"])
def test_a_trades_price_has_three_names(name: str) -> None:
    (trade,) = books.trades([{"tradingSymbol": "INFY-EQ", "filledQuantity": "1", name: "1560.05"}])
    assert trade.price == Decimal("1560.05")


@pytest.mark.parametrize(("sent", "value"), [("-75.50", Decimal("-75.50")), (0, Decimal(0)), ("NA", None)])
def test_a_realized_gain_of_zero_differs_from_a_missing_one(sent: object, value: object) -> None:
    (position,) = books.positions([{"instrumentId": "1", "netQuantity": 0, "realizedPnl": sent}])
    assert position.realized_pnl == value
