"""The stream's faults on demand: from the command line, the control routes, scripts and tests."""

import json
import struct
from datetime import timedelta
from pathlib import Path

import pytest

from broker.simulator import Fault, Simulator, StreamOptions, parse_fault
from broker.simulator.stream.hub import is_in_half
from tests.broker.simulator.caller import BUY, Caller, Hands, Simulate
from tests.broker.simulator.stream.raw_client import RawClient, connect_packet, subscribe_packet
from tests.broker.simulator.stream.subscriber import INFY, NIFTY, ORDERS, RELIANCE, STATUS, Connect, Subscriber
from tests.support.waiting import eventually


@pytest.fixture
def client(connect: Connect) -> Subscriber:
    """A client that has its first value of RELIANCE."""
    client = connect()
    client.subscribe(RELIANCE)
    client.wait_for(RELIANCE)
    return client


def connected(simulator: Simulator, caller: Caller, *topics: str) -> RawClient:
    """A client that has the answers to its CONNECT and, if there are topics, its SUBSCRIBE."""
    client = RawClient(simulator.stream_url)
    client.send(connect_packet(f"OPENID~~{caller.token}~"))
    assert client.read(4) == b"\x20\x02\x00\x00"
    if topics:
        client.send(subscribe_packet(*topics))
        assert client.read(4 + len(topics)) == bytes((0x90, 2 + len(topics), 0, 1)) + bytes(len(topics))
    return client


@pytest.mark.parametrize("code", range(1, 6))
def test_a_connection_is_refused_with_each_code_and_the_next_one_is_not(
    streaming: Simulator, account_holder: Caller, code: int
) -> None:
    streaming.fail("stream", f"connack:{code}", times=1)
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(f"OPENID~~{account_holder.token}~"))
        assert client.read_to_the_end() == bytes((0x20, 2, 0, code))
    with connected(streaming, account_holder):
        assert len(streaming.stream.clients()) == 1


def test_a_connection_is_never_answered(streaming: Simulator, account_holder: Caller) -> None:
    streaming.fail("stream", "no-connack", times=1)
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(f"OPENID~~{account_holder.token}~"))
        assert client.hears_nothing(0.2)


def test_all_connections_are_closed(client: Subscriber, connect: Connect, streaming: Simulator) -> None:
    streaming.fail("stream", "drop", times=1)
    eventually(lambda: client.is_cut_off)
    assert connect("again").subscribe(RELIANCE) == [0]


def test_a_connection_is_closed_in_the_middle_of_a_packet(streaming: Simulator, account_holder: Caller) -> None:
    with connected(streaming, account_holder, RELIANCE) as client:
        whole = client.read(225)
        streaming.fail("stream", "drop:mid-packet", times=1)
        assert client.read_to_the_end() == whole[:112]


def test_a_stalled_stream_is_connected_and_mute_and_goes_on_afterwards(
    streaming: Simulator, account_holder: Caller
) -> None:
    with connected(streaming, account_holder, STATUS) as client:
        client.read(43)
        streaming.fail("stream", "stall")
        streaming.stream.push(STATUS, b"\7\0")
        client.send(b"\xc0\0")
        assert client.hears_nothing(0.2)
        streaming.clear_faults()
        client.send(b"\xc0\0")
        assert client.read(2) == b"\xd0\0"


def test_data_is_mute_while_pings_are_answered(streaming: Simulator, account_holder: Caller) -> None:
    with connected(streaming, account_holder, STATUS) as client:
        client.read(43)
        streaming.fail("stream", "mute")
        streaming.stream.push(STATUS, b"\7\0")
        client.send(b"\xc0\0")
        assert client.read(2) == b"\xd0\0"
        streaming.clear_faults()
        streaming.stream.push(STATUS, b"\2\0")
        assert client.read(43)[-2:] == b"\2\0"


def test_half_of_the_topics_are_mute(connect: Connect, streaming: Simulator) -> None:
    topics = [f"prod/marketfeed/mw/v1/nseeq/{number}" for number in (2885, 1594, 3045, 2031, 16669, 14366)]
    muted = {topic for topic in topics if is_in_half(topic)}
    assert 0 < len(muted) < len(topics)
    client = connect()
    client.subscribe(*topics, STATUS)
    streaming.fail("stream", "mute:half")
    for topic in topics:
        streaming.stream.push(topic, b"heard")
    heard = {topic for topic in topics if topic not in muted}
    eventually(lambda: {topic for topic in topics if b"heard" in client.payloads(topic)} == heard)


def test_one_kind_of_topic_is_mute(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(RELIANCE, ORDERS)
    client.wait_for(RELIANCE)
    streaming.fail("stream", "mute:mw")
    streaming.set_price("RELIANCE", 1)
    streaming.place_order(BUY)
    client.wait_for(ORDERS, 2)
    assert len(client.payloads(RELIANCE)) == 1


def test_pings_are_not_answered(streaming: Simulator, account_holder: Caller) -> None:
    with connected(streaming, account_holder) as client:
        streaming.fail("stream", "no-pingresp", times=1)
        client.send(b"\xc0\0")
        assert client.hears_nothing(0.2)
        client.send(b"\xc0\0")
        assert client.read(2) == b"\xd0\0"


def test_a_subscription_is_refused(connect: Connect, streaming: Simulator) -> None:
    streaming.fail("stream", "suback:refused", times=1)
    client = connect()
    assert client.subscribe(RELIANCE, STATUS) == [128, 128]
    assert client.subscribe(RELIANCE) == [0]


def test_a_subscription_is_answered_late(streaming: Simulator, account_holder: Caller) -> None:
    with connected(streaming, account_holder) as client:
        streaming.fail("stream", "suback:300", times=1)
        client.send(subscribe_packet(STATUS))
        client.send(b"\xc0\0")
        assert client.read(2) == b"\xd0\0"
        assert client.read(5) == b"\x90\x03\x00\x01\x00"
        assert client.read(43)[0] == 0x30


def test_data_comes_before_the_answer_to_the_subscription(streaming: Simulator, account_holder: Caller) -> None:
    with connected(streaming, account_holder) as client:
        streaming.fail("stream", "suback:after-data", times=1)
        client.send(subscribe_packet(STATUS))
        assert client.read(43)[0] == 0x30
        assert client.read(5) == b"\x90\x03\x00\x01\x00"


@pytest.mark.parametrize(("name", "length"), [("short", 94), ("long", 196), ("garbage", 188), ("divisor:0", 188)])
def test_a_payload_is_spoilt(client: Subscriber, streaming: Simulator, name: str, length: int) -> None:
    streaming.fail("stream", name, times=1)
    streaming.set_price("RELIANCE", "1500.05")
    spoilt = client.wait_for(RELIANCE, 2)[-1]
    assert len(spoilt) == length
    if name == "divisor:0":
        assert struct.unpack_from("<i", spoilt) == (150005,)
        assert struct.unpack_from("<i", spoilt, 58) == (0,)
    streaming.set_price("RELIANCE", "1500.10")
    whole = client.wait_for(RELIANCE, 3)[-1]
    assert (len(whole), *struct.unpack_from("<i", whole), *struct.unpack_from("<i", whole, 58)) == (188, 150010, 100)


def test_updates_come_twice(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(ORDERS)
    streaming.fail("stream", "duplicate", times=1)
    streaming.place_order(BUY)
    client.wait_for(ORDERS, 3)
    assert [row["orderStatus"] for row in client.rows(ORDERS)] == ["open", "open", "complete"]


def test_updates_come_in_another_order(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(ORDERS)
    streaming.fail("stream", "reorder", times=1)
    streaming.place_order(BUY)
    client.wait_for(ORDERS, 2)
    assert [row["orderStatus"] for row in client.rows(ORDERS)] == ["complete", "open"]


def test_ten_thousand_packets_come_at_once(client: Subscriber, streaming: Simulator) -> None:
    client.subscribe(NIFTY)
    streaming.fail("stream", "burst:10000")
    eventually(lambda: len(client.messages) == 10_002)
    assert streaming.faults == ()
    assert {len(client.payloads(topic)) for topic in (RELIANCE, NIFTY)} == {5001}


def test_the_packets_clock_is_ahead(client: Subscriber, streaming: Simulator, hands: Hands) -> None:
    streaming.fail("stream", "clock:5")
    streaming.set_price("RELIANCE", "1500.05")
    payload = client.wait_for(RELIANCE, 2)[-1]
    assert struct.unpack_from("<i", payload, 62) == (int(hands.now.timestamp()) + 5,)
    assert struct.unpack_from("<H", payload, 32) == (5 * 3600 + 35,)  # since 06:00; it is 11:00:30


def test_the_servers_connections_are_dropped_and_written_to_by_tests(client: Subscriber, streaming: Simulator) -> None:
    streaming.stream.send_raw(b"\x30\x03\x00\x01x")
    client.wait_for("x")
    streaming.stream.send_raw(b"\x30\xff\xff\xff\xff\x01")  # no length has five bytes
    eventually(lambda: client.is_cut_off)


def test_connections_are_dropped_by_a_call(client: Subscriber, streaming: Simulator) -> None:
    streaming.stream.drop_connections(mid_packet=True)
    eventually(lambda: client.is_cut_off)


def test_a_client_that_does_not_read_loses_packets_and_holds_up_nobody(
    client: Subscriber, streaming: Simulator, account_holder: Caller
) -> None:
    with connected(streaming, account_holder, RELIANCE):
        payload = bytes(100_000)
        for _ in range(200):
            streaming.stream.push(RELIANCE, payload)
        lost = {each.client_id: each.discarded for each in streaming.stream.clients()}
        assert lost["raw"] > 0
        eventually(lambda: len(client.payloads(RELIANCE)) == 201 - lost["a-client"])


@pytest.mark.parametrize(
    "text", ["stream=503", "stream=connack:6", "stream=burst", "stream=mute*3", "stream=stall@0.5", "holdings=stall"]
)
def test_a_failure_that_the_stream_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"failure|TIMES"):
        parse_fault(text)


def test_failures_are_parsed_like_those_of_routes() -> None:
    assert parse_fault("stream=drop:mid-packet*2") == Fault("stream", "drop:mid-packet", times=2)
    assert parse_fault("stream=clock:-5") == Fault("stream", "clock:-5")


def test_all_of_the_routes_does_not_mean_the_stream(client: Subscriber, streaming: Simulator) -> None:
    streaming.fail("all", "503")
    streaming.set_price("RELIANCE", 1)
    client.wait_for(RELIANCE, 2)


def test_a_scripted_day_has_failures_of_the_stream_and_tells_the_market_status(
    simulate: Simulate, hands: Hands, tmp_path: Path
) -> None:
    steps = [
        {"at": "11:05", "symbol": "INFY", "price": 1500},
        {"at": "11:10", "fault": "stream=mute:mw", "until": "11:15"},
        {"at": "11:20", "market": "close"},
        {"at": "11:25", "market": "open"},
    ]
    script = tmp_path / "day.json"
    script.write_text(json.dumps({"steps": steps}))
    simulator = simulate(script=script, stream=StreamOptions(interval=0.02)).start()
    caller = Caller(simulator)
    caller.log_in()
    client = Subscriber(simulator.stream_url, "scripted", "", f"OPENID~~{caller.token}~")
    try:
        client.subscribe(INFY, STATUS)
        client.wait_for(INFY)
        hands.now += timedelta(minutes=5)
        assert struct.unpack_from("<i", client.wait_for(INFY, 2)[-1]) == (150_000,)
        hands.now += timedelta(minutes=5)
        eventually(lambda: simulator.faults == (Fault("stream", "mute:mw"),))
        hands.now += timedelta(minutes=5)
        eventually(lambda: simulator.faults == ())
        hands.now += timedelta(minutes=5)
        client.wait_for(STATUS, 2)
        hands.now += timedelta(minutes=5)
        client.wait_for(STATUS, 3)
        hands.now = hands.now.replace(hour=15, minute=30)
        client.wait_for(STATUS, 4)
        assert [struct.unpack("<H", payload)[0] for payload in client.payloads(STATUS)] == [2, 10, 2, 7]
    finally:
        client.close()
