"""Orders that are placed, filled, changed and cancelled are told at once, whoever does it."""

from broker.simulator import Simulator
from tests.broker.simulator.caller import BUY, Caller, place
from tests.broker.simulator.stream.subscriber import ORDERS, TRADES, Connect, Subscriber


def listening(connect: Connect) -> Subscriber:
    client = connect()
    assert client.subscribe(ORDERS, TRADES) == [0, 0]
    return client


def test_an_order_that_is_filled_is_told_open_complete_and_as_a_trade(connect: Connect, account_holder: Caller) -> None:
    client = listening(connect)
    number = place(account_holder)["brokerOrderId"]
    client.wait_for(TRADES)
    opened, complete = client.rows(ORDERS)
    assert (opened["orderStatus"], complete["orderStatus"]) == ("open", "complete")
    assert (complete["brokerOrderId"], complete["filledQuantity"], complete["pendingQuantity"]) == (number, "5", "0")
    assert "exchange" not in complete
    [trade] = client.rows(TRADES)
    [booked] = [row for row in account_holder.get("/trades") if row["brokerOrderId"] == number]
    assert (trade["transactionType"], trade["exchange"]) == ("B", "NSEEQ")
    assert (trade["exchangeTradeId"], trade["tradedPrice"]) == (booked["exchangeTradeId"], booked["tradedPrice"])


def test_what_another_program_does_is_told(connect: Connect, streaming: Simulator) -> None:
    client = listening(connect)
    order = BUY | {"orderType": "LIMIT", "price": "100", "quantity": "10"}
    number = str(streaming.place_order(order)["brokerOrderId"])
    streaming.change_order(number, quantity="8", price="101")
    streaming.fill_order(number, 3, "100.50")
    streaming.cancel_order(number)
    client.wait_for(ORDERS, 4)
    rows = client.rows(ORDERS)
    assert [(row["orderStatus"], row["quantity"], row["filledQuantity"]) for row in rows] == [
        ("open", "10", "0"),
        ("open", "8", "0"),
        ("PARTIALLY_FILLED", "8", "3"),
        ("cancelled", "8", "3"),
    ]
    assert rows[-1]["cancelledQuantity"] == "5"
    assert [(row["filledQuantity"], row["tradedPrice"]) for row in client.rows(TRADES)] == [("3", "100.50")]


def test_an_order_waits_for_its_price_without_anybody_looking(connect: Connect, streaming: Simulator) -> None:
    client = listening(connect)
    order = BUY | {"orderType": "LIMIT", "price": "1000.00", "quantity": "10"}
    streaming.set_price("INFY", 1001)
    streaming.place_order(order)
    streaming.set_price("INFY", "999.95")
    client.wait_for(TRADES)
    assert [row["orderStatus"] for row in client.rows(ORDERS)] == ["open", "complete"]


def test_a_rejected_order_says_why(connect: Connect, streaming: Simulator) -> None:
    client = listening(connect)
    streaming.place_order(BUY | {"product": "DELIVERY", "quantity": "9000"})
    client.wait_for(ORDERS)
    [row] = client.rows(ORDERS)
    assert row["orderStatus"] == "rejected"
    assert row["rejectionReason"].startswith("RMS:Margin Exceeds")


def test_nobody_is_told_of_the_orders_that_a_day_starts_with(connect: Connect, streaming: Simulator) -> None:
    client = listening(connect)
    streaming.stream.tick()
    streaming.place_order(BUY)
    client.wait_for(TRADES)
    assert len({row["brokerOrderId"] for row in client.rows(ORDERS)}) == 1
