"""What the simulated account holds hangs together."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.broker.simulator.caller import Caller, Hands, Simulate


def money(row: dict[str, Any], *keys: str) -> list[Decimal]:
    return [Decimal(str(row[key])) for key in keys]


def test_holdings_are_well_known_shares_with_one_in_two_products(caller: Caller) -> None:
    rows = caller.get("/holdings")
    assert [row["product"] for row in rows if row["nseTradingSymbol"] == "RELIANCE-EQ"] == [
        "DELIVERY",
        "BNPL",
    ]
    assert {"M&M-EQ", "BAJAJ-AUTO-EQ", "TCS-EQ"} <= {row["nseTradingSymbol"] for row in rows}
    assert all(row["totalQuantity"] == row["dpQuantity"] + row["t1Quantity"] for row in rows)


def test_holdings_cost_about_what_the_market_says(caller: Caller) -> None:
    for row in caller.get("/holdings"):
        ltp = caller.quotes(row["nseInstrumentId"])[0]["ltp"]
        assert 0.4 < float(row["averageTradedPrice"]) / ltp < 2.5


def test_what_holdings_cost_is_the_same_tomorrow(caller: Caller, simulate: Simulate, hands: Hands) -> None:
    today = caller.get("/holdings")
    hands.now += timedelta(days=1)
    another = Caller(simulate())
    another.log_in()
    assert another.get("/holdings") == today


def test_positions_satisfy_the_documented_formulas(caller: Caller) -> None:
    for row in caller.get("/positions"):
        net, overnight, day_buy, day_sell = money(
            row, "netQuantity", "overnightQuantity", "dayBuyQuantity", "daySellQuantity"
        )
        buy_value, sell_value, average = money(row, "dayBuyValue", "daySellValue", "netAveragePrice")
        assert net == overnight + day_buy - day_sell
        assert buy_value == day_buy * Decimal(str(row["dayBuyPrice"]))
        assert sell_value == day_sell * Decimal(row["daySellPrice"])
        assert average == ((buy_value - sell_value) / net if net else 0)
        assert (row["buyQuantity"], row["sellQuantity"]) == (float(day_buy), float(day_sell))


def test_a_closed_position_stays_for_the_day(caller: Caller) -> None:
    closed = [row for row in caller.get("/positions") if row["netQuantity"] == 0]
    assert [row["tradingSymbol"] for row in closed] == ["INFY-EQ"]
    assert closed[0]["daySellPrice"] != "0.00"


def test_limits_add_up(caller: Caller) -> None:
    row = caller.get("/limits")
    credits_ = money(row, "openingCashLimit", "intradayPayin", "collateralMargin", "creditForSell", "adhocMargin")
    limit, payout, used = money(row, "tradingLimit", "blockedForPayout", "utilizedMargin")
    assert limit == sum(credits_) - payout
    assert 0 < used < limit
    assert caller.get("/limits/equity") == caller.get("/limits/fno") == row


def test_orders_come_in_every_state_and_are_of_today(caller: Caller) -> None:
    rows = caller.get("/orders")
    assert {"complete", "open", "rejected", "cancelled", "TRIGGER_PENDING"} == {row["orderStatus"] for row in rows}
    assert all(row["exchangeTimestamp"].startswith("20-Nov-2025 ") for row in rows)
    assert all(row["brokerOrderId"].startswith("251120") for row in rows)
    [rejected] = [row for row in rows if row["orderStatus"] == "rejected"]
    assert rejected["rejectionReason"].startswith("RMS:Margin Exceeds")


def test_no_order_is_from_the_future_even_before_the_opening(caller: Caller, hands: Hands) -> None:
    hands.now = hands.now.replace(hour=8, minute=0)
    stamps = [row["exchangeTimestamp"] for row in caller.get("/orders")]
    assert stamps == sorted(stamps)
    assert stamps[-1] == "20-Nov-2025 08:00:30"


def test_trades_are_those_of_the_complete_orders(caller: Caller) -> None:
    complete = {row["brokerOrderId"]: row for row in caller.get("/orders") if row["orderStatus"] == "complete"}
    trades = caller.get("/trades")
    assert {row["brokerOrderId"] for row in trades} == set(complete)
    for trade in trades:
        order = complete[trade["brokerOrderId"]]
        assert (trade["tradedPrice"], trade["filledQuantity"]) == (
            order["averageTradedPrice"],
            order["quantity"],
        )


def test_trades_took_place_at_prices_of_their_day(caller: Caller, hands: Hands) -> None:
    hands.now = hands.now.replace(hour=15, minute=0)
    for trade in caller.get("/trades"):
        quote = caller.quotes(trade["instrumentId"])[0]
        assert quote["low"] <= float(trade["tradedPrice"]) <= quote["high"]


def test_one_order_tells_what_was_cancelled(caller: Caller) -> None:
    [cancelled] = [row for row in caller.get("/orders") if row["orderStatus"] == "cancelled"]
    [row] = caller.get(f"/orders/{cancelled['brokerOrderId']}")
    assert row == cancelled | {"cancelledQuantity": cancelled["quantity"]}


def test_an_unknown_order_is_an_ec_row(caller: Caller) -> None:
    assert caller.get("/orders/251120999999999")[0]["status"] == "EC918"


def test_a_new_day_brings_new_orders_and_keeps_the_holdings(caller: Caller, hands: Hands) -> None:
    held, ordered = caller.get("/holdings"), caller.get("/orders")
    hands.now += timedelta(days=1)
    caller.log_in()
    assert caller.get("/holdings") == held
    assert not {row["brokerOrderId"] for row in ordered} & {row["brokerOrderId"] for row in caller.get("/orders")}


@pytest.mark.parametrize(
    ("path", "code"),
    [("/orders", "EC916"), ("/holdings", "EC922"), ("/positions", "EC920"), ("/trades", "EC926")],
)
def test_an_empty_book_is_an_ec_row(caller: Caller, path: str, code: str) -> None:
    books = caller.simulator.account.books()
    books.orders.clear()
    books.holdings.clear()
    row = caller.get(path)
    assert (row[0] if isinstance(row, list) else row)["status"] == code


def test_the_account_is_the_same_shares_under_the_ids_of_given_contracts(replaying_caller: Caller) -> None:
    ids = {row["nseTradingSymbol"]: row["nseInstrumentId"] for row in replaying_caller.get("/holdings")}
    assert (ids["RELIANCE-EQ"], ids["M&M-EQ"], ids["BAJAJ-AUTO-EQ"]) == ("2885", "2031", "16669")
    assert len(replaying_caller.get("/positions")) == 3
