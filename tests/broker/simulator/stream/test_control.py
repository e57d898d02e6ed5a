"""What a running simulator is told over HTTP about its stream, prices and orders."""

import json
import struct
from typing import Any

import pytest

from broker.simulator import Simulator
from broker.simulator.wire import Request
from tests.broker.simulator.caller import BUY, Caller, Hands, Simulate, in_book
from tests.broker.simulator.stream.subscriber import INFY, ORDERS, RELIANCE, STATUS, TRADES, Connect
from tests.support.waiting import eventually


def control(simulator: Simulator, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
    raw = b"" if body is None else json.dumps(body).encode()
    answer = simulator.handle(Request(method, f"/simulator/{path}", raw))
    assert answer.status == status, answer.body
    return json.loads(answer.body)


def test_the_streams_clients_are_listed_and_dropped(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(RELIANCE)
    state = control(streaming, "GET", "stream")
    assert (state["url"], state["replayed_session"]) == (streaming.stream_url, None)
    assert [(each["client_id"], each["topics"]) for each in state["clients"]] == [("a-client", [RELIANCE])]
    control(streaming, "DELETE", "stream")
    eventually(lambda: client.is_cut_off)


def test_the_day_that_is_replayed_is_said(simulate: Simulate, hands: Hands) -> None:
    hands.now = hands.now.replace(hour=3)
    simulator = simulate(replay=True)
    assert str(simulator.replayed_session()) == "2025-11-19"
    hands.now = hands.now.replace(hour=11)
    assert simulator.replayed_session() is None
    hands.now = hands.now.replace(hour=20)
    assert str(simulator.replayed_session()) == "2025-11-20"
    assert simulate().replayed_session() is None


def test_a_price_is_set_and_released(connect: Connect, streaming: Simulator, account_holder: Caller) -> None:
    client = connect()
    client.subscribe(INFY)
    client.wait_for(INFY)
    before = account_holder.quotes("1594")
    control(streaming, "POST", "prices", {"symbol": "INFY", "price": "1500.05"})
    assert struct.unpack_from("<i", client.wait_for(INFY, 2)[-1]) == (150005,)
    assert account_holder.quotes("1594")[0]["ltp"] == 1500.05
    control(streaming, "DELETE", "prices")
    assert account_holder.quotes("1594") == before


def test_any_packet_is_published(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(RELIANCE)
    control(streaming, "POST", "packets", {"topic": RELIANCE, "payload": "00ff", "retain": True})
    eventually(lambda: b"\0\xff" in client.payloads(RELIANCE))
    assert client.messages[-1].retain


def test_the_market_is_halted(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(STATUS, "prod/marketfeed/marketStatus/v1/bseeq")
    client.wait_for("prod/marketfeed/marketStatus/v1/bseeq")
    control(streaming, "POST", "status", {"code": 10, "exchange": "nseeq"})
    assert client.wait_for(STATUS, 2) == [b"\2\0", b"\x0a\0"]
    assert client.payloads("prod/marketfeed/marketStatus/v1/bseeq") == [b"\2\0"]
    control(streaming, "POST", "status", {"code": 2})
    assert client.wait_for(STATUS, 3)[-1] == b"\2\0"


def test_another_program_places_changes_fills_cancels_and_the_exchange_rejects(
    connect: Connect, streaming: Simulator, account_holder: Caller
) -> None:
    client = connect()
    client.subscribe(ORDERS, TRADES)
    order = BUY | {"orderType": "LIMIT", "price": "100", "quantity": "10"}
    number = control(streaming, "POST", "orders", order)["brokerOrderId"]
    assert control(streaming, "PUT", f"orders/{number}", {"quantity": "8"})["status"] == "Success"
    control(streaming, "POST", f"orders/{number}/fill", {"quantity": 3, "price": "99.95"})
    control(streaming, "DELETE", f"orders/{number}")
    other = control(streaming, "POST", "orders", order)["brokerOrderId"]
    control(streaming, "POST", f"orders/{other}/reject", {"reason": "16283 : Order not within the price band"})
    client.wait_for(ORDERS, 6)
    statuses = [row["orderStatus"] for row in client.rows(ORDERS)]
    assert statuses == ["open", "open", "PARTIALLY_FILLED", "cancelled", "open", "rejected"]
    assert [row["tradedPrice"] for row in client.rows(TRADES)] == ["99.95"]
    assert in_book(account_holder, number)["filledQuantity"] == "3"
    assert in_book(account_holder, other)["rejectionReason"] == "16283 : Order not within the price band"
    assert control(streaming, "DELETE", f"orders/{number}")["status"] == "EC995"
    assert control(streaming, "POST", f"orders/{number}/fill", {"quantity": 1, "price": 1})["status"] == "EC995"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "prices", {"symbol": "NOBODY", "price": 5}, 400),
        ("POST", "prices", {"symbol": "INFY", "price": "dear"}, 400),
        ("POST", "prices", {"symbol": "INFY", "price": "Infinity"}, 400),
        ("POST", "packets", {"topic": RELIANCE, "payload": "no digits"}, 400),
        ("POST", "status", {"code": 70_000}, 400),
        ("POST", "orders", [1], 400),
        ("POST", "faults", {"route": "stream", "name": "tired"}, 400),
        ("GET", "orders", None, 404),
        ("POST", "orders/1/forget", {}, 404),
        ("POST", "orders/1", {}, 404),
    ],
)
def test_wrong_requests_are_refused(streaming: Simulator, method: str, path: str, body: object, status: int) -> None:
    control(streaming, method, path, body, status=status)


def test_a_simulator_without_a_stream_says_so(simulate: Simulate) -> None:
    answer = control(simulate(), "GET", "stream", status=400)
    assert "no stream" in answer["message"]
