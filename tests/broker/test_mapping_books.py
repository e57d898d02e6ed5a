"""The documents' examples of the account's books, in every wrapping, as typed values; and the books' quirks."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from broker.errors import BrokerAnswerUnclear
from broker.mapping import books
from broker.values import IST, Holding, Margins, Order, Position, Profile, Trade
from tests.broker.wire import EC_SHAPES, ROW_SHAPES, ok

Documented = Callable[[str], Any]
READERS: dict[str, Callable[[Any], Any]] = {
    "holdings": books.holdings,
    "positions": books.positions,
    "orders": books.orders,
    "trades": books.trades,
}
any_shape = pytest.mark.parametrize("shape", ROW_SHAPES.values(), ids=ROW_SHAPES.keys())
any_book = pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())

DOCUMENTED_HOLDING = Holding(
    isin="INE002A01018",
    symbol="RELIANCE",
    trading_symbol="RELIANCE-EQ",
    exchange="NSEEQ",
    instrument_id="2885",
    nse_instrument_id="2885",
    bse_instrument_id="500325",
    name="RELIANCE INDUSTRIES LTD.",
    product="DELIVERY",
    quantity=300,
    dp_quantity=300,
    t1_quantity=0,
    collateral_quantity=0,
    authorized_quantity=0,
    average_price=Decimal("280000.00"),
    previous_close=None,
)
DOCUMENTED_POSITION = Position(
    symbol="NIFTY24OCTFUT",
    trading_symbol="NIFTY24OCTFUT",
    name="NIFTY 31 Oct 2024",
    exchange="NSEFO",
    instrument_id="35382",
    product="NORMAL",
    net_quantity=26,
    net_average_price=Decimal(0),
    overnight_quantity=1,
    overnight_price=Decimal(0),
    buy_quantity=25,
    buy_price=Decimal(652000),
    sell_quantity=0,
    sell_price=Decimal(0),
    day_buy_quantity=25,
    day_buy_value=Decimal("627961.54"),
    day_sell_quantity=0,
    day_sell_value=Decimal("0.00"),
    multiplier=Decimal(1),
    lot_size=25,
    realized_pnl=None,
    previous_close=Decimal("26308.85"),
)
DOCUMENTED_ORDER = Order(
    order_id="240920000000124",
    exchange_order_id="1100000000089930",
    status="cancelled",
    symbol="INFY",
    trading_symbol="INFY-EQ",
    name="INFOSYS LIMITED",
    exchange="NSEEQ",
    instrument_id="1594",
    side="BUY",
    quantity=1,
    filled_quantity=0,
    pending_quantity=1,
    product="INTRADAY",
    complexity="REGULAR",
    order_type="LIMIT",
    validity="DAY",
    price=Decimal("180000.0"),
    average_price=Decimal("0.0"),
    trigger_price=Decimal("0.0"),
    disclosed_quantity=0,
    cancelled_quantity=0,
    placed_at=datetime(2024, 9, 20, 16, 5, 33, tzinfo=IST),
    updated_at=datetime(2024, 9, 20, 16, 5, 32, tzinfo=IST),
    rejection_reason="",
    tag="",
)
DOCUMENTED_TRADE = Trade(
    trade_id="893487609000000",
    order_id="240807000000068",
    exchange_order_id="900000000000000",
    symbol="IDEA",
    trading_symbol="IDEA-EQ",
    name="IDEA VODAFONE",
    exchange="NSEEQ",
    instrument_id="14366",
    side="BUY",
    quantity=50,
    price=Decimal(1560),
    product="NORMAL",
    order_type="MARKET",
    traded_at=datetime(2024, 8, 7, 16, 14, 17, tzinfo=IST),
    tag="123abc",
)


@any_shape
@pytest.mark.parametrize(
    ("name", "read", "value"),
    [
        ("portfolio_holdings_response", books.holdings, DOCUMENTED_HOLDING),
        ("portfolio_positions_response", books.positions, DOCUMENTED_POSITION),
        ("orders_order_book_response", books.orders, DOCUMENTED_ORDER),
        ("orders_trade_book_response", books.trades, DOCUMENTED_TRADE),
    ],
)
def test_the_documented_row_is_read_in_every_wrapping(
    documented: Documented, name: str, read: Callable[[Any], Any], value: object, shape: Callable[[Any], Any]
) -> None:
    example = documented(name)
    row = example[0] if isinstance(example, list) else example
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
def test_the_documented_answer_is_read_as_printed(
    documented: Documented, name: str, read: Callable[[Any], Any]
) -> None:
    assert len(read(documented(name))) == 1


def test_the_documented_profile_is_read(documented: Documented) -> None:
    assert books.profile(documented("user_profile_response")) == Profile(
        client_id="3******4",
        name="Ishan Arora",
        email="is**********@gmail.com",
        phone="8********4",
        account_status="",  # "Na" means that there is none (D17)
        totp_enabled=True,
        poa_provided=True,
        exchanges=["BSECURR", "BSEEQ", "BSEFO", "NSECURR", "NSEEQ", "NSEFO"],
        products=["NORMAL", "INTRADAY", "DELIVERY", "BNPL"],
        order_complexities=["REGULAR", "AMO", "BO", "CO"],
    )


def test_the_documented_limits_are_read(documented: Documented) -> None:
    assert books.margins(documented("user_limits_response")) == Margins(
        trading_limit=Decimal(19_990_000),
        opening_cash=Decimal(0),
        intraday_payin=Decimal(20_000_000),
        collateral_margin=Decimal(0),
        credit_for_sell=Decimal(0),
        adhoc_margin=Decimal(0),
        utilized_margin=Decimal(0),
        blocked_for_payout=Decimal(10_000),
        utilized_span_margin=Decimal(0),
        utilized_exposure_margin=Decimal(0),
    )


@pytest.mark.parametrize("name", ["bare", "wrapped object", "wrapped list", "bare list", "keys with a trailing blank"])
@pytest.mark.parametrize("example", ["user_limits_response", "user_profile_response"])
def test_a_record_may_come_bare_and_as_a_list_of_one(documented: Documented, example: str, name: str) -> None:
    read = {"user_limits_response": books.margins, "user_profile_response": books.profile}[example]
    row = documented(example)["result"]
    assert read(ROW_SHAPES[name](row)) == read(ok(row))


@pytest.mark.parametrize("answer", [{"status": "Ok", "message": "Success"}, ok({}), ok([]), ok(None), ok("-"), [], {}])
@pytest.mark.parametrize("read", [books.margins, books.profile])
def test_limits_and_profile_without_content_are_unclear_and_not_all_zeros(
    read: Callable[[Any], Any], answer: Any
) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        read(answer)


@pytest.mark.parametrize("blank", ["", "-", "NA", "na", "NaN", None, " - "])
def test_an_amount_in_disguise_as_blank_is_zero_where_zero_is_meant(blank: object) -> None:
    assert books.margins(ok({"tradingLimit": "5.10", "utilizedMargin": blank})).utilized_margin == 0


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


@pytest.mark.parametrize("name", ["orders", "trades", "positions", "holdings", "data", "positionList"])
def test_rows_may_lie_under_a_name(name: str) -> None:
    found = books.orders(ok({name: [{"brokerOrderId": "1"}, {"brokerOrderId": "2"}]}))
    assert [order.order_id for order in found] == ["1", "2"]


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
    ],
)
def test_the_words_for_an_orders_status_have_one_spelling(said: str, status: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", "orderStatus": said}])
    assert order.status == status


@pytest.mark.parametrize("name", ["disclosedQty", "disclosedQuantity", "disclosedQuantity "])
def test_the_disclosed_quantity_has_two_names(name: str) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", name: "25"}])
    assert order.disclosed_quantity == 25


@pytest.mark.parametrize("name", ["filledQuantity", "quantity", "filledQty"])
def test_a_trades_quantity_has_three_names(name: str) -> None:
    (trade,) = books.trades([{"tradingSymbol": "INFY-EQ", name: "50"}])
    assert trade.quantity == 50


@pytest.mark.parametrize("name", ["tradedPrice", "averageTradedPrice", "price"])
def test_a_trades_price_has_three_names(name: str) -> None:
    (trade,) = books.trades([{"tradingSymbol": "INFY-EQ", name: "1560.05"}])
    assert trade.price == Decimal("1560.05")


@pytest.mark.parametrize(("sent", "value"), [("-75.50", Decimal("-75.50")), (0, Decimal(0)), ("NA", None)])
def test_what_the_broker_says_is_realized_is_told_apart_from_silence(sent: object, value: object) -> None:
    (position,) = books.positions([{"instrumentId": "1", "realizedPnl": sent}])
    assert position.realized_pnl == value
