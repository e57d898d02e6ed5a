"""Orders: placed, refused with codes, filled at the market's price, changed, cancelled; and what they move."""

from datetime import timedelta
from typing import Any

import pytest

from tests.broker.simulator.caller import BUY, Caller, Hands, Simulate, in_book, place

INFY = {"exchange": "NSEEQ", "instrumentId": "1594"}


def price(caller: Caller) -> float:
    return float(caller.quotes("1594")[0]["ltp"])


def position(caller: Caller) -> dict[str, Any]:
    rows = [
        row for row in caller.get("/positions") if row["tradingSymbol"] == "INFY-EQ" and row["product"] == "INTRADAY"
    ]
    return dict(rows[0]) if rows else {"netQuantity": 0.0}


def test_a_market_order_is_filled_at_once_and_moves_trades_positions_and_margins(caller: Caller) -> None:
    before, used = position(caller)["netQuantity"], caller.get("/limits")["utilizedMargin"]
    at = price(caller)
    row = place(caller)
    assert (row["status"], row["message"]) == ("Success", "Success")
    assert row["brokerOrderId"].startswith("251120")
    assert row["requestTime"] == "20-Nov-2025 11:00:30"
    order = in_book(caller, row["brokerOrderId"])
    assert (order["orderStatus"], order["filledQuantity"], order["orderTag"]) == ("complete", "5", "my tag")
    assert float(order["averageTradedPrice"]) == at
    (trade,) = [trade for trade in caller.get("/trades") if trade["brokerOrderId"] == row["brokerOrderId"]]
    assert (trade["filledQuantity"], trade["orderTag"]) == ("5", "my tag")
    assert position(caller)["netQuantity"] == before + 5
    # A position closed earlier in the day moves the average of the new one a little.
    assert caller.get("/limits")["utilizedMargin"] == pytest.approx(used + 0.2 * 5 * at, rel=0.01)


def test_the_numbers_of_two_simulators_on_one_day_are_different(simulate: Simulate, hands: Hands) -> None:
    numbers: set[str] = set()
    for _ in range(2):
        started_again = Caller(simulate())
        started_again.log_in()
        numbers |= {place(started_again)["brokerOrderId"] for _ in range(3)}
        hands.now += timedelta(seconds=1)
    assert len(numbers) == 6


def test_a_limit_order_waits_until_the_price_comes_to_it(caller: Caller, hands: Hands) -> None:
    at = price(caller)
    limits = {"BUY": round(at * 0.9995, 2), "SELL": round(at * 1.0005, 2)}
    orders = {
        side: place(caller, transactionType=side, orderType="LIMIT", price=str(limit))["brokerOrderId"]
        for side, limit in limits.items()
    }
    reached = {"BUY": False, "SELL": False}
    for _ in range(265):  # minutes until the market closes
        now = price(caller)
        reached["BUY"] |= now <= limits["BUY"]
        reached["SELL"] |= now >= limits["SELL"]
        for side, number in orders.items():
            assert in_book(caller, number)["orderStatus"] == ("complete" if reached[side] else "open")
        hands.now += timedelta(minutes=1)
    assert any(reached.values())


def test_an_order_across_the_market_is_filled_at_the_markets_price(caller: Caller) -> None:
    at = price(caller)
    number = place(caller, orderType="LIMIT", price=f"{at * 1.01:.2f}")["brokerOrderId"]
    assert float(in_book(caller, number)["averageTradedPrice"]) == at


def test_a_stop_waits_for_its_trigger(caller: Caller) -> None:
    at = price(caller)
    waiting = place(caller, orderType="SL", price=f"{at * 1.03:.2f}", slTriggerPrice=f"{at * 1.02:.2f}")
    assert in_book(caller, waiting["brokerOrderId"])["orderStatus"] == "TRIGGER_PENDING"
    passed = place(caller, orderType="SL", price=f"{at * 1.03:.2f}", slTriggerPrice=f"{at * 0.99:.2f}")
    assert in_book(caller, passed["brokerOrderId"])["orderStatus"] == "complete"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exchange": ""}, "EC900"),
        ({"exchange": "NYSE"}, "EC901"),
        ({"instrumentId": ""}, "EC941"),
        ({"instrumentId": "abc"}, "EC946"),
        ({"instrumentId": "987654321"}, "EC947"),
        ({"instrumentId": "999920000"}, "EC947"),
        ({"quantity": ""}, "EC903"),
        ({"quantity": "0"}, "EC949"),
        ({"quantity": "-5"}, "EC949"),
        ({"quantity": "1.5"}, "EC949"),
        ({"quantity": "50000001"}, "EC948"),
        ({"product": "CASH"}, "EC928"),
        ({"transactionType": "B"}, "EC929"),
        ({"orderType": "SLM"}, "EC930"),
        ({"orderComplexity": "SOME"}, "EC943"),
        ({"validity": "GTC"}, "EC932"),
        ({"orderType": "LIMIT"}, "EC950"),
        ({"orderType": "LIMIT", "price": "x"}, "EC957"),
        ({"orderType": "LIMIT", "price": "0"}, "EC958"),
        ({"orderType": "SL", "price": "100"}, "EC951"),
        ({"orderType": "SL", "price": "100", "slTriggerPrice": "100"}, "EC973"),
        ({"orderType": "SL", "price": "100", "slTriggerPrice": "100", "transactionType": "SELL"}, "EC974"),
        ({"marketProtectionPercent": "0"}, "EC988"),
        ({"marketProtectionPercent": "NaN"}, "EC988"),
        ({"orderTag": "x" * 51}, "EC971"),
        ({"disclosedQuantity": "6"}, "EC975"),
        ({"orderComplexity": "BO", "product": "DELIVERY"}, "EC955"),
        ({"orderComplexity": "AMO", "validity": "IOC"}, "EC996"),
    ],
)
def test_a_wrong_order_is_refused_with_its_code_and_is_not_in_the_book(
    caller: Caller, change: dict[str, object], code: str
) -> None:
    before = len(caller.get("/orders"))
    assert place(caller, **change)["status"] == code
    assert len(caller.get("/orders")) == before


def test_each_order_of_a_list_is_answered_by_itself(caller: Caller) -> None:
    rows = caller.content("POST", "/orders", [BUY, BUY | {"quantity": "0"}, BUY])["result"]
    assert [row["status"] for row in rows] == ["Success", "EC949", "Success"]
    assert rows[0]["brokerOrderId"] != rows[2]["brokerOrderId"]


@pytest.mark.parametrize("body", [BUY, [], b"", b"[", "order"])
def test_what_is_no_list_of_orders_is_refused(caller: Caller, body: object) -> None:
    assert caller.content("POST", "/orders", body)["result"][0]["status"] == "EC005"


def test_what_the_funds_do_not_cover_is_in_the_book_as_rejected(caller: Caller) -> None:
    number = place(caller, quantity="1000000", product="DELIVERY")["brokerOrderId"]
    order = in_book(caller, number)
    assert order["orderStatus"] == "rejected"
    assert order["rejectionReason"].startswith("RMS:Margin Exceeds")


def test_shares_that_are_not_held_cannot_be_sold_for_delivery(caller: Caller) -> None:
    held = place(caller, transactionType="SELL", product="DELIVERY", quantity="150")
    more = place(caller, transactionType="SELL", product="DELIVERY", quantity="1")
    assert in_book(caller, held["brokerOrderId"])["orderStatus"] == "complete"
    assert in_book(caller, more["brokerOrderId"])["rejectionReason"].startswith("RMS:")


def test_an_order_that_waits_is_changed(caller: Caller) -> None:
    at = price(caller)
    number = place(caller, orderType="LIMIT", price=f"{at * 0.9:.2f}")["brokerOrderId"]
    assert caller.content("PUT", f"/orders/{number}", {"quantity": "7"})["result"]["status"] == "Success"
    assert in_book(caller, number)["quantity"] == "7"
    assert caller.content("PUT", f"/orders/{number}", [{"price": f"{at * 1.1:.2f}"}])["result"]["status"] == "Success"
    assert in_book(caller, number)["orderStatus"] == "complete"
    assert caller.content("PUT", f"/orders/{number}", {"quantity": "9"})["result"]["status"] == "EC993"
    assert caller.content("PUT", "/orders/1", {"quantity": "9"})["result"]["status"] == "EC994"


def test_an_order_that_waits_is_cancelled_once(caller: Caller) -> None:
    number = place(caller, orderType="LIMIT", price=f"{price(caller) * 0.9:.2f}")["brokerOrderId"]
    assert caller.content("DELETE", f"/orders/{number}")["result"]["status"] == "Success"
    (row,) = caller.get(f"/orders/{number}")
    assert (row["orderStatus"], row["cancelledQuantity"]) == ("cancelled", "5")
    assert caller.content("DELETE", f"/orders/{number}")["result"]["status"] == "EC995"
    assert caller.content("DELETE", "/orders/1")["result"]["status"] == "EC997"


def test_all_that_wait_are_cancelled_at_one_stroke(caller: Caller) -> None:
    place(caller, orderType="LIMIT", price=f"{price(caller) * 0.9:.2f}")
    rows = caller.content("DELETE", "/orders")["result"]
    assert {row["status"] for row in rows} == {"Success"}
    assert not [row for row in caller.get("/orders") if row["orderStatus"] in ("open", "TRIGGER_PENDING")]
    assert caller.content("DELETE", "/orders")["result"][0]["status"] == "EC938"


def test_an_order_that_cannot_wait_is_cancelled_at_once(caller: Caller) -> None:
    number = place(caller, orderType="LIMIT", price=f"{price(caller) * 0.9:.2f}", validity="IOC")["brokerOrderId"]
    assert in_book(caller, number)["orderStatus"] == "cancelled"


@pytest.mark.parametrize(
    ("fault", "placed"),
    [("drop", 1), ("not-json", 1), ("503:after", 1), ("503", 0), ("429", 0), ("EC003", 0), ("drop:before", 0)],
)
def test_a_failure_says_whether_the_order_was_placed(simulate: Simulate, fault: str, placed: int) -> None:
    simulator = simulate()
    caller = Caller(simulator)
    caller.log_in()
    before = len(caller.get("/orders"))
    simulator.fail("placeorder", fault, times=1)
    caller.send("POST", "/orders", [BUY])
    assert len(caller.get("/orders")) == before + placed


def test_orders_end_with_their_day(caller: Caller, hands: Hands) -> None:
    number = place(caller)["brokerOrderId"]
    hands.now += timedelta(days=1)
    caller.log_in()
    assert number not in [row["brokerOrderId"] for row in caller.get("/orders")]
