"""A number that is missing, or not a number, is unknown, or an error that names it, and never 0 or another number."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from broker.errors import BrokerAnswerUnclear
from broker.iifl.mapping import books, margins, market
from broker.values import Holding, Interval, Margins, Position, Quote
from tests.broker.wire import ok

D = Decimal
BLANKS = [None, "", "-", "NA", "NaN"]


def holding(**fields: Any) -> Holding:
    row = {"isin": "INE", "nseTradingSymbol": "INFY-EQ", "nseInstrumentId": "1594", "averageTradedPrice": "1000"}
    (read,) = books.holdings(ok([row | {"totalQuantity": 10} | fields]))
    return read


def position(**fields: Any) -> Position:
    row = {"tradingSymbol": "NIFTYFUT", "instrumentId": "1", "exchange": "NSEFO", "multiplier": "1"}
    (read,) = books.positions(ok([row | fields]))
    return read


def limits(**fields: Any) -> Margins:
    return books.margins(ok({"tradingLimit": "5.00"} | fields))


def quote(**fields: Any) -> Quote:
    (read,) = market.quotes(ok([{"exchange": "NSEEQ", "instrumentId": 1594, "ltp": "1000.00"} | fields])).values()
    return read


@pytest.mark.parametrize("average", [*BLANKS, "0", 0.0, "N/A"])
def test_a_holding_whose_average_is_not_known_has_neither_average_nor_cost(average: object) -> None:
    read = holding(averageTradedPrice=average)
    assert (read.average_price, read.invested) == (None, None)


def test_a_price_in_rupees_is_the_price() -> None:
    read = holding(averageTradedPrice="₹50")
    assert (read.average_price, read.invested) == (D(50), D(500))


@pytest.mark.parametrize("total", [*BLANKS, "100 shares"])
def test_a_holdings_total_follows_from_its_parts_or_is_an_error_that_names_it(total: object) -> None:
    assert holding(totalQuantity=total, dpQuantity=75, t1Quantity=25).quantity == 100
    with pytest.raises(BrokerAnswerUnclear, match=r"holding INFY-EQ has no number in totalQuantity"):
        holding(totalQuantity=total, dpQuantity=75)


def test_units_of_a_fund_may_be_a_fraction() -> None:
    read = holding(totalQuantity=123.456, averageTradedPrice="10.00")
    assert (read.quantity, read.invested) == (D("123.456"), D("1234.56"))
    assert msgspec.json.decode(msgspec.json.encode(read))["quantity"] == "123.456"
    assert msgspec.json.decode(msgspec.json.encode(holding()))["quantity"] == 10


@pytest.mark.parametrize("net", [*BLANKS, "75 lots", 75.5])
def test_a_net_quantity_follows_from_the_others_or_is_an_error_that_names_it(net: object) -> None:
    parts = {"overnightQuantity": 75, "dayBuyQuantity": "25", "daySellQuantity": "25"}
    assert position(netQuantity=net, **parts).net_quantity == 75
    assert position(netQuantity=net, buyQuantity=100.0, sellQuantity=25.0).net_quantity == 75
    with pytest.raises(BrokerAnswerUnclear, match=r"position NIFTYFUT has no number in netQuantity"):
        position(netQuantity=net, overnightQuantity=75)


def test_a_carried_quantity_follows_from_the_others() -> None:
    assert position(netQuantity=50, dayBuyQuantity=0, daySellQuantity=25).overnight_quantity == 75
    assert position(netQuantity=50, dayBuyQuantity=0).overnight_quantity is None


def test_a_days_value_follows_from_its_price_or_is_unknown() -> None:
    read = position(netQuantity=3, dayBuyQuantity=3, dayBuyPrice=1219.5833333333333, dayBuyValue="0", daySellQuantity=0)
    assert (read.day_buy_value, read.day_sell_value, read.invested) == (D("3658.75"), D("0.00"), D("3658.75"))
    assert position(netQuantity=3, dayBuyQuantity=3, dayBuyValue="0").day_buy_value is None


def test_a_closed_position_is_what_its_trades_came_to_if_the_broker_does_not_say() -> None:
    trades = {"buyQuantity": 50, "buyPrice": 1400, "sellQuantity": 50, "sellPrice": 1415}
    assert position(netQuantity=0, **trades).pnl == D("750.00")
    assert position(netQuantity=0, realizedPnl="₹12.50", **trades).pnl == D("12.50")
    assert str(position(netQuantity=0, realizedPnl="-0.004", **trades).pnl) == "0.00"
    with pytest.raises(BrokerAnswerUnclear, match=r"position NIFTYFUT has no number in realizedPnl, but 'profit'"):
        position(netQuantity=0, realizedPnl="profit", **trades)


@pytest.mark.parametrize("unknown", [*BLANKS, "0", 0])
def test_a_closed_position_that_was_carried_at_an_unknown_price_has_no_gain(unknown: object) -> None:
    trades = {"buyQuantity": 75, "buyPrice": "33.33", "sellQuantity": 75, "sellPrice": "110"}
    carried = {"overnightQuantity": 50, "overnightPrice": unknown, "dayBuyQuantity": 25, "daySellQuantity": 75}
    assert position(netQuantity=0, **trades, **carried).pnl is None


def test_a_missing_multiplier_is_one_where_units_are_counted_and_unknown_elsewhere() -> None:
    for missing in (*BLANKS, 0, "0"):
        assert position(netQuantity=1, multiplier=missing).multiplier == 1
        assert position(netQuantity=1, multiplier=missing, exchange="MCXCOMM").multiplier is None
    for wrong in ("many", "-1"):
        assert position(netQuantity=1, multiplier=wrong).multiplier is None


@pytest.mark.parametrize("unknown", [*BLANKS, "0", "--"])
def test_what_a_quote_does_not_tell_is_unknown(unknown: object) -> None:
    prices = ("open", "high", "low", "close", "averageTradedPrice", "bestBidPrice", "bestAskPrice")
    read = quote(**dict.fromkeys(prices, unknown))
    assert {read.open, read.high, read.low, read.previous_close, read.average_price} == {None}
    assert {read.bid_price, read.ask_price, read.change, read.change_percent} == {None}
    assert {read.volume, read.bid_quantity, read.ask_quantity} == {None}
    assert quote(tradedVolume=0).volume == 0


def test_a_quote_tells_its_change() -> None:
    read = quote(close="1012.40")
    assert (str(read.change), str(read.change_percent)) == ("-12.40", "-1.22")
    assert str(quote(close=1000).change_percent) == "0.00"


@pytest.mark.parametrize("volume", [None, "", "1.2L", 1.5])
def test_a_missing_volume_is_unknown(volume: object) -> None:
    (read,) = market.candles([["2026-11-27T00:00:00", 10, 12, 9, 11, volume]], Interval.DAY)
    assert read.volume is None


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        *(
            ("1.5E+5", "150000.00"),
            ("₹1,00,000.00", "100000.00"),
            ("(1234.50)", "-1234.50"),
            (1e16, "10000000000000000.00"),
        ),
        *((0, "0.00"), ("-0.001", "0.00"), (1219.5833333333333, "1219.58")),
    ],
)
def test_amounts_have_two_places_and_no_exponent(sent: object, shown: str) -> None:
    assert str(limits(tradingLimit=sent).trading_limit) == shown


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (1470, "1470.00"),
        ("1.5E+3", "1500.00"),
        (83.2575, "83.2575"),
        (1412.9500000000003, "1412.95"),
        ("2.5", "2.50"),
        ("2.5000", "2.50"),
    ],
)
def test_prices_have_the_places_of_their_tick_and_no_exponent(sent: object, shown: str) -> None:
    assert str(quote(open=sent).open) == shown


@pytest.mark.parametrize(("sent", "shown"), [(83, "83.0000"), ("83.25", "83.2500"), (83.2575, "83.2575")])
def test_prices_of_currencies_have_four_places(sent: object, shown: str) -> None:
    read = quote(exchange="NSECURR", ltp=sent, open=sent, close=sent)
    assert [str(read.ltp), str(read.open), str(read.previous_close), str(read.change)] == [*[shown] * 3, "0.0000"]


@pytest.mark.parametrize(
    ("exchange", "shown"), [("NSEEQ", "1219.58"), ("MCXCOMM", "1219.58"), ("NSECURR", "1219.5833")]
)
def test_an_average_is_a_quotient_and_has_the_places_of_the_segments_ticks(exchange: str, shown: str) -> None:
    row = {"tradingSymbol": "A", "instrumentId": "1", "exchange": exchange, "netQuantity": 1, "multiplier": 1}
    (read,) = books.positions([row | {"netAveragePrice": 1219.5833333333333}])
    assert (str(read.net_average_price), read.invested) == (shown, Decimal("1219.58"))
    (order,) = books.orders([row | {"brokerOrderId": "1", "averageTradedPrice": 1219.5833333333333}])
    assert str(order.average_price) == shown


@pytest.mark.parametrize("sent", ["N/A", "--", "1234.50 CR", "about 5"])
def test_limits_that_cannot_be_read_are_an_error_that_names_the_field(sent: str) -> None:
    with pytest.raises(BrokerAnswerUnclear, match=f"no number in tradingLimit, but '{sent}'"):
        limits(tradingLimit=sent)


@pytest.mark.parametrize("blank", BLANKS)
def test_funds_that_one_segment_does_not_tell_are_not_known_in_sum(blank: object) -> None:
    total = books.add_margins(limits(adhocMargin=1), limits(tradingLimit=blank, adhocMargin="2.50"))
    assert (total.trading_limit, total.adhoc_margin, total.opening_cash) == (None, D("3.50"), None)


@pytest.mark.parametrize("blank", BLANKS)
def test_orders_tell_what_is_known(blank: object) -> None:
    (order,) = books.orders([{"brokerOrderId": "1", "quantity": blank, "price": blank, "averageTradedPrice": "0.0"}])
    assert (order.quantity, order.price, str(order.average_price)) == (None, None, "0.00")


@pytest.mark.parametrize("field", ["filledQuantity", "tradedPrice"])
def test_a_trade_without_its_quantity_or_price_is_an_error_that_names_it(field: str) -> None:
    row = {"tradingSymbol": "INFY-EQ", "exchangeTradeId": "7", "filledQuantity": "1", "tradedPrice": "2"}
    with pytest.raises(BrokerAnswerUnclear, match=f"trade 7 of INFY-EQ has no number in {field}"):
        books.trades([row | {field: "NA"}])


@pytest.mark.parametrize("sent", [*BLANKS, "five"])
def test_the_margin_of_an_order_is_a_number_or_an_error(sent: object) -> None:
    with pytest.raises(BrokerAnswerUnclear, match="currentOrderMargin"):
        margins.order_margin({"currentOrderMargin": sent})
    with pytest.raises(BrokerAnswerUnclear, match="totalMargin"):
        margins.span_margin({"totalMargin": sent})
    assert margins.order_margin({"currentOrderMargin": "1", "fundShort": ""}).shortfall is None


def test_a_level_without_a_readable_price_is_an_error_and_a_filler_is_left_out() -> None:
    book = {"bids": [{"price": 10, "quantity": "", "orders": 1}, {"price": 0}, {"price": "NA"}], "asks": []}
    (level,) = market.depth({"marketDepth": book}).bids
    assert (level.price, level.quantity) == (D(10), None)
    with pytest.raises(BrokerAnswerUnclear, match="no number in price, but 'ten'"):
        market.depth({"marketDepth": {"bids": [{"price": "ten"}], "asks": []}})
