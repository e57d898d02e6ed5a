"""Who is let in, what is granted, and how connections end."""

import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from broker.simulator import Simulator, SimulatorError, SimulatorOptions, StreamOptions
from tests.broker.simulator.caller import Caller, Hands
from tests.broker.simulator.stream.raw_client import RawClient, connect_packet, packet, subscribe_packet, text
from tests.broker.simulator.stream.subscriber import INFY, NIFTY, ORDERS, RELIANCE, STATUS, TRADES, Connect
from tests.support.waiting import eventually
from testservers.certificates import Certificates

# paho's numbers of CONNACK 4 and 5.
BAD_PASSWORD, NOT_AUTHORISED = 134, 135
GRANTED, REFUSED = 0, 128
CAPITAL_STATUS = STATUS.replace("marketstatus", "marketStatus")


def password_of(caller: Caller) -> str:
    return f"OPENID~~{caller.token}~"


def test_the_days_token_opens_the_stream_whatever_the_user_is_called(connect: Connect) -> None:
    clients = [connect("one"), connect("two", user_name="mqttuser")]
    eventually(lambda: all(client.connected == 0 for client in clients))


@pytest.mark.parametrize(("quirks", "code"), [((), NOT_AUTHORISED), (("stream-code-4",), BAD_PASSWORD)])
def test_another_token_is_refused(connect: Connect, streaming: Simulator, quirks: tuple[str, ...], code: int) -> None:
    for name in quirks:
        streaming.add_quirk(name)
    client = connect(token="another")
    eventually(lambda: client.connected == code)


def test_a_user_name_is_checked_on_demand(connect: Connect, streaming: Simulator) -> None:
    streaming.add_quirk("stream-user-checked")
    stranger, holder = connect("one", user_name="mqttuser"), connect("two")
    eventually(lambda: (stranger.connected, holder.connected) == (NOT_AUTHORISED, 0))


@pytest.mark.parametrize("password", ["OPENID~~{}", "{}", "OPENID~{}~", ""])
def test_a_password_of_another_form_is_refused(streaming: Simulator, account_holder: Caller, password: str) -> None:
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(password.format(account_holder.token)))
        assert client.read_to_the_end() == b"\x20\x02\x00\x05"


def test_another_version_of_the_protocol_is_refused(streaming: Simulator, account_holder: Caller) -> None:
    for level in (3, 5):
        with RawClient(streaming.stream_url) as client:
            client.send(connect_packet(password_of(account_holder), level=level))
            assert client.read_to_the_end() == b"\x20\x02\x00\x01"


def test_a_client_id_has_128_characters_at_most(streaming: Simulator, account_holder: Caller) -> None:
    for length, code in ((128, 0), (129, 2)):
        with RawClient(streaming.stream_url) as client:
            client.send(connect_packet(password_of(account_holder), client_id="x" * length))
            assert client.read(4) == bytes((0x20, 2, 0, code))


def test_a_second_connection_with_the_same_client_id_ends_the_first(connect: Connect, streaming: Simulator) -> None:
    first = connect("same")
    first.subscribe(RELIANCE)
    second = connect("same")
    second.subscribe(INFY)
    eventually(lambda: first.is_cut_off)
    [client] = streaming.stream.clients()
    assert (client.client_id, client.topics) == ("same", (INFY,))


def test_two_connections_with_one_token_live_side_by_side(connect: Connect, streaming: Simulator) -> None:
    one, two = connect("one"), connect("two")
    one.subscribe(RELIANCE)
    two.subscribe(RELIANCE)
    streaming.stream.push(RELIANCE, b"both")
    eventually(lambda: b"both" in one.payloads(RELIANCE) and b"both" in two.payloads(RELIANCE))


def test_what_is_not_there_is_refused_and_an_unknown_instrument_is_silent(connect: Connect) -> None:
    client = connect()
    granted = [RELIANCE, NIFTY, STATUS, CAPITAL_STATUS, ORDERS, TRADES, ORDERS.lower()]
    granted += [f"prod/marketfeed/{kind}/v1/nseeq" for kind in ("uppercircuit", "lowercircuit", "high52week")]
    granted += ["prod/marketfeed/low52week/v1/nseeq", "prod/marketfeed/oi/v1/nsefo/35005"]
    granted += ["prod/marketfeed/lpp/v1/nsefo/35005", "prod/marketfeed/mw/v1/nseeq/77"]
    refused = ["prod/orderupdate/v1/SIM0001", "prod/updates/order/v1/90000001", "prod/updates/positions/v1/SIM0001"]
    refused += ["prod/marketfeed/mw/v1/NSEEQ/2885", "prod/marketfeed/mw/v1/nseeq", f"{STATUS}/2885", "", "#"]
    refused += ["prod/marketfeed/mw/v1/nseeq/+", "prod/marketfeed/candles/v1/nseeq/2885"]
    assert client.subscribe(*granted) == [GRANTED] * len(granted)
    assert client.subscribe(*[topic or " " for topic in refused]) == [REFUSED] * len(refused)
    client.wait_for(RELIANCE)
    assert client.payloads("prod/marketfeed/mw/v1/nseeq/77") == []


@pytest.mark.parametrize(
    ("quirk", "codes"), [("stream-status-lower", [GRANTED, REFUSED]), ("stream-status-capital", [REFUSED, GRANTED])]
)
def test_one_spelling_of_the_market_status_works_on_demand(
    connect: Connect, streaming: Simulator, quirk: str, codes: list[int]
) -> None:
    streaming.add_quirk(quirk)
    assert connect().subscribe(STATUS, CAPITAL_STATUS) == codes


def test_a_subscription_has_1024_filters_at_most(streaming: Simulator, account_holder: Caller) -> None:
    topics = [f"prod/marketfeed/mw/v1/nseeq/{number}" for number in range(900_000, 901_030)]
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(password_of(account_holder)) + subscribe_packet(*topics))
        assert client.read(4) == b"\x20\x02\x00\x00"
        head = client.read(5)
        assert client.read(1030) == bytes(1024) + b"\x80" * 6
        assert head[0] == 0x90


@pytest.mark.parametrize(("quirks", "most"), [((), 6000), (("D20",), 4000)])
def test_a_connection_has_so_many_topics(
    streaming: Simulator, account_holder: Caller, quirks: tuple[str, ...], most: int
) -> None:
    for name in quirks:
        streaming.add_quirk(name)
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(password_of(account_holder)))
        client.read(4)
        for first in range(0, most, 1000):
            names = (f"prod/marketfeed/mw/v1/nseeq/{900_000 + number}" for number in range(first, first + 1000))
            client.send(subscribe_packet(*names))
            assert client.read(1005)[5:] == bytes(1000)
        client.send(subscribe_packet(STATUS, number=2))
        assert client.read(5) == b"\x90\x03\x00\x02\x80"


def test_an_unsubscribed_topic_is_silent(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(RELIANCE, INFY)
    client.unsubscribe(RELIANCE)
    eventually(lambda: streaming.stream.subscriptions() == {INFY})
    streaming.stream.push(RELIANCE, b"nobody")
    streaming.stream.push(INFY, b"somebody")
    client.wait_for(INFY, 2)
    assert b"nobody" not in client.payloads(RELIANCE)


@pytest.mark.parametrize(
    "broken",
    [
        subscribe_packet(RELIANCE),  # before CONNECT
        packet(0x10, text("MQIsdp") + b"\x03\x02\0\0" + text("x")),
        packet(0x11, text("MQTT") + b"\x04\x02\0\0" + text("x")),
        packet(0x10, text("MQTT") + b"\x04\x03\0\0" + text("x")),  # the reserved flag
        packet(0x10, text("MQTT") + b"\x04\x42\0\0" + text("x") + text("password without a user")),
        packet(0x10, text("MQTT") + b"\x04\x02\0"),
        packet(0x10, text("MQTT") + b"\x04\x02\0\0\0\x05ab"),
        b"\x10\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x10\xff\xff\xff\x7f",  # 256 MB
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", marks=pytest.mark.slow),  # it waits for more
    ],
)
def test_what_is_no_connect_ends_the_connection_without_an_answer(streaming: Simulator, broken: bytes) -> None:
    with RawClient(streaming.stream_url) as client:
        client.send(broken)
        assert client.read_to_the_end() == b""


@pytest.mark.parametrize(
    "broken",
    [
        packet(0x80, b"\0\x01" + text(RELIANCE) + b"\0"),  # SUBSCRIBE with other flags
        packet(0x82, b"\0\x00" + text(RELIANCE) + b"\0"),  # its number is 0
        packet(0x82, b"\0\x01"),  # without filters
        packet(0x82, b"\0\x01" + text(RELIANCE) + b"\x03"),  # QoS 3
        packet(0x82, b"\0\x01\0\x02\xff\xfe\0"),  # not UTF-8
        packet(0xA2, b"\0\x01"),
        packet(0x20, b"\0\0"),  # the server's own
        packet(0x00, b""),
        packet(0xF0, b""),
    ],
)
def test_a_broken_packet_ends_the_connection(streaming: Simulator, account_holder: Caller, broken: bytes) -> None:
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(password_of(account_holder)))
        assert client.read(4) == b"\x20\x02\x00\x00"
        client.send(broken)
        assert client.read_to_the_end() == b""


def test_a_second_connect_on_a_connection_ends_it(streaming: Simulator, account_holder: Caller) -> None:
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(password_of(account_holder)) * 2)
        assert client.read_to_the_end() == b"\x20\x02\x00\x00"


def test_a_ping_is_answered_and_a_disconnect_ends_the_connection(streaming: Simulator, account_holder: Caller) -> None:
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(password_of(account_holder)) + b"\xc0\0")
        assert client.read(6) == b"\x20\x02\x00\x00\xd0\x00"
        client.send(b"\xe0\0")
        assert client.read_to_the_end() == b""
    assert streaming.stream.clients() == ()


@pytest.mark.slow
def test_a_client_that_is_silent_for_too_long_is_cut_off(streaming: Simulator, account_holder: Caller) -> None:
    with RawClient(streaming.stream_url) as client:
        client.send(connect_packet(password_of(account_holder), keep_alive=1))
        assert client.read_to_the_end() == b"\x20\x02\x00\x00"


def test_what_a_client_publishes_is_ignored_or_on_demand_ends_its_connection(
    connect: Connect, streaming: Simulator
) -> None:
    client = connect()
    client.subscribe(RELIANCE)
    client.publish(RELIANCE, b"mine")
    streaming.stream.push(RELIANCE, b"the server's")
    eventually(lambda: b"the server's" in client.payloads(RELIANCE))
    assert b"mine" not in client.payloads(RELIANCE)
    streaming.add_quirk("stream-no-publish")
    client.publish(RELIANCE, b"mine")
    eventually(lambda: client.is_cut_off)


def midnight(simulator: Simulator, hands: Hands) -> None:
    hands.now = hands.now.replace(hour=0, minute=0, second=1) + timedelta(days=1)


def logout(simulator: Simulator, hands: Hands) -> None:
    simulator.sessions.close_all()


@pytest.mark.parametrize("end", [midnight, logout])
def test_a_connection_ends_with_its_token(
    connect: Connect, streaming: Simulator, hands: Hands, end: Callable[[Simulator, Hands], None]
) -> None:
    client = connect()
    eventually(lambda: client.connected == 0)
    end(streaming, hands)
    eventually(lambda: client.is_cut_off)
    late = connect("late")
    eventually(lambda: late.connected == NOT_AUTHORISED)


def test_a_connection_outlives_its_token_on_demand(connect: Connect, streaming: Simulator, hands: Hands) -> None:
    streaming.add_quirk("stream-outlives-token")
    client = connect()
    client.subscribe(RELIANCE)
    midnight(streaming, hands)
    streaming.stream.tick()
    streaming.stream.push(RELIANCE, b"still here")
    eventually(lambda: b"still here" in client.payloads(RELIANCE))
    late = connect("late")
    eventually(lambda: late.connected == NOT_AUTHORISED)


def test_the_stream_ends_and_starts_with_the_simulator(connect: Connect, streaming: Simulator) -> None:
    client, url = connect("one"), streaming.stream_url
    eventually(lambda: client.connected == 0)
    streaming.stop()
    eventually(lambda: client.is_cut_off)
    with pytest.raises(SimulatorError, match="not running"):
        streaming.stream.clients()
    assert streaming.start().stream_url == url
    assert connect("two").subscribe(RELIANCE) == [GRANTED]


def test_a_taken_port_is_said_and_leaves_nothing_behind(streaming: Simulator) -> None:
    port = int(streaming.stream_url.rpartition(":")[2])
    other = Simulator(SimulatorOptions(port=0, stream=StreamOptions(port=port)))
    with pytest.raises(SimulatorError, match="stream cannot listen"):
        other.start()
    other.stop()


def test_a_simulator_without_a_stream_says_so() -> None:
    with pytest.raises(SimulatorError, match="no stream"):
        _ = Simulator(SimulatorOptions(port=0)).stream_url


def test_the_stream_is_inside_tls_with_a_certificate(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    options = StreamOptions(certificate=files.certificate, key=files.key)
    with Simulator(SimulatorOptions(port=0, stream=options)) as simulator:
        assert simulator.stream_url.startswith("mqtts://127.0.0.1:")
        caller = Caller(simulator)
        caller.log_in()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="inside")
        client.username_pw_set("SIM0001", password_of(caller))
        client.tls_set_context(ssl.create_default_context(cafile=str(files.ca)))
        answers: list[int] = []
        client.on_connect = lambda _client, _data, _flags, code, _properties: answers.append(code.value)
        client.connect("127.0.0.1", int(simulator.stream_url.rpartition(":")[2]))
        client.loop_start()
        eventually(lambda: answers == [0])
        client.disconnect()
        client.loop_stop()


def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "certificate.pem"
    file.write_text("no certificate")
    for options in (StreamOptions(certificate=file), StreamOptions(key=file)):
        with pytest.raises(SimulatorError, match="certificate"):
            Simulator(SimulatorOptions(port=0, stream=options))
