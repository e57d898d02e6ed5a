"""The client against the simulator's stream: subscriptions, tokens, reconnection, and what must not end it."""

import logging
import socket
from collections.abc import Iterator

import pytest

from broker.iifl.session import preferred_username
from broker.simulator import Simulator, SimulatorOptions, StreamOptions
from broker.stream import client as client_module
from broker.stream import topics
from broker.stream.client import ClientState
from broker.stream.connection import Address
from broker.stream.topics import Kind
from tests.broker.simulator.caller import BUY, Caller
from tests.broker.stream.conftest import Follow, Recorder
from tests.support.waiting import eventually

RELIANCE = topics.of_instrument(Kind.PRICE, "NSEEQ", "2885")
LIMIT_BUY = BUY | {"instrumentId": "2885", "product": "DELIVERY", "orderType": "LIMIT", "price": "1"}
INFY = topics.of_instrument(Kind.PRICE, "NSEEQ", "1594")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    options = SimulatorOptions(port=0, limits=False, replay=True, stream=StreamOptions(interval=0.02, rate=50))
    with Simulator(options) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MIN_DELAY", 0.05)
    monkeypatch.setattr(client_module, "TOKEN_CHECK", 0.05)


@pytest.fixture
def holder(simulator: Simulator, recorder: Recorder) -> Caller:
    somebody = Caller(simulator)
    somebody.log_in()
    recorder.token = somebody.token
    return somebody


def packets_of(recorder: Recorder, topic: str) -> int:
    return sum(name == topic for name, *_ in recorder.packets)


@pytest.mark.usefixtures("holder")
def test_what_is_wanted_is_subscribed_and_arrives(simulator: Simulator, follow: Follow, recorder: Recorder) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: packets_of(recorder, RELIANCE) > 2)
    assert client.state is ClientState.CONNECTED
    assert client.acknowledged == {RELIANCE}
    assert client.user == "SIM0001"


@pytest.mark.usefixtures("holder")
def test_the_set_may_change_while_it_is_connected(simulator: Simulator, follow: Follow, recorder: Recorder) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.acknowledged == {RELIANCE})
    client.want([INFY])
    eventually(lambda: client.acknowledged == {INFY})
    eventually(lambda: packets_of(recorder, INFY) > 2)
    assert recorder.connections == 1


@pytest.mark.usefixtures("holder")
def test_many_topics_are_subscribed_in_chunks(simulator: Simulator, follow: Follow) -> None:
    names = [topics.of_instrument(Kind.PRICE, "NSEEQ", str(number)) for number in range(1300)]
    client = follow(simulator.stream_url, *names)
    eventually(lambda: client.acknowledged == set(names))


@pytest.mark.usefixtures("holder")
def test_what_is_refused_is_named_and_does_not_keep_the_rest_away(
    simulator: Simulator, follow: Follow, recorder: Recorder
) -> None:
    client = follow(simulator.stream_url, "prod/orderupdate/v1/SIM0001", RELIANCE)
    eventually(lambda: client.acknowledged == {RELIANCE})
    eventually(lambda: client.refused == set(recorder.refused) == {"prod/orderupdate/v1/SIM0001"})


@pytest.mark.usefixtures("holder")
def test_after_a_drop_all_is_subscribed_again(simulator: Simulator, follow: Follow, recorder: Recorder) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.acknowledged == {RELIANCE})
    simulator.fail("stream", "drop:mid-packet", times=1)
    eventually(lambda: recorder.connections == 2 and client.acknowledged == {RELIANCE})
    assert len(recorder.ends) == 1
    before = packets_of(recorder, RELIANCE)
    eventually(lambda: packets_of(recorder, RELIANCE) > before)


@pytest.mark.usefixtures("holder")
def test_an_exception_of_the_listener_does_not_make_it_mute(
    simulator: Simulator, follow: Follow, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.fails = True
    follow(simulator.stream_url, RELIANCE)
    eventually(lambda: packets_of(recorder, RELIANCE) > 3)
    assert recorder.connections == 1
    assert "listener failed" in caplog.text


@pytest.mark.usefixtures("holder")
def test_data_before_the_acknowledgement_is_taken(simulator: Simulator, follow: Follow, recorder: Recorder) -> None:
    simulator.fail("stream", "suback:after-data")
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.acknowledged == {RELIANCE} and packets_of(recorder, RELIANCE) > 0)


def test_without_a_token_a_login_is_needed_and_then_it_connects(
    simulator: Simulator, follow: Follow, recorder: Recorder
) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.state is ClientState.LOGIN_REQUIRED)
    somebody = Caller(simulator)
    somebody.log_in()
    recorder.token = somebody.token
    eventually(lambda: client.state is ClientState.CONNECTED)


@pytest.mark.parametrize("quirk", ["", "stream-code-4"])
def test_a_refused_token_is_not_tried_again(
    simulator: Simulator, holder: Caller, follow: Follow, recorder: Recorder, quirk: str
) -> None:
    if quirk:
        simulator.add_quirk(quirk)
    good, recorder.token = recorder.token, "dead.token.here"
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.state is ClientState.LOGIN_REQUIRED)
    asked = recorder.asked
    eventually(lambda: recorder.asked > asked + 5)
    assert client.state is ClientState.LOGIN_REQUIRED
    assert "refuses" in client.reason
    assert recorder.refusals == 1
    recorder.token = good
    eventually(lambda: client.state is ClientState.CONNECTED)


def test_another_login_replaces_the_connection(
    simulator: Simulator, holder: Caller, follow: Follow, recorder: Recorder
) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.state is ClientState.CONNECTED)
    holder.log_in()
    recorder.token = holder.token
    eventually(lambda: recorder.connections == 2 and client.acknowledged == {RELIANCE})
    assert recorder.ends == ["another session has begun"]


@pytest.mark.usefixtures("holder")
def test_the_end_of_the_session_ends_the_connection(simulator: Simulator, follow: Follow, recorder: Recorder) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.state is ClientState.CONNECTED)
    recorder.token = None
    eventually(lambda: client.state is ClientState.LOGIN_REQUIRED)
    eventually(lambda: simulator.stream.clients() == ())


@pytest.mark.usefixtures("holder")
def test_a_server_that_says_no_for_now_is_asked_again(simulator: Simulator, follow: Follow) -> None:
    simulator.fail("stream", "connack:3", times=2)
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.acknowledged == {RELIANCE})


def test_a_server_that_is_not_there_is_asked_again(follow: Follow, recorder: Recorder) -> None:
    recorder.token = "a.token.here"
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = follow(f"mqtt://127.0.0.1:{port}", RELIANCE)
    eventually(lambda: recorder.asked > 3)
    assert client.reason == "Connection refused"
    assert recorder.connections == 0


@pytest.mark.usefixtures("holder")
def test_the_token_reaches_no_log(
    simulator: Simulator, follow: Follow, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    simulator.fail("stream", "connack:5", times=1)
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.state is ClientState.LOGIN_REQUIRED)
    assert recorder.token
    assert recorder.token not in caplog.text
    assert "OPENID" not in caplog.text


def test_all_that_had_arrived_is_handled_when_it_says_so(
    simulator: Simulator, holder: Caller, follow: Follow, recorder: Recorder
) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.acknowledged == {RELIANCE})
    caught_up_at = client.caught_up_at
    eventually(lambda: client.caught_up_at > caught_up_at)
    simulator.fail("stream", "burst:3000")
    eventually(lambda: packets_of(recorder, RELIANCE) >= 3000)
    caught_up_at = client.caught_up_at
    eventually(lambda: client.caught_up_at > caught_up_at)


@pytest.mark.usefixtures("holder")
def test_an_order_update_behind_a_burst_of_prices_goes_before_them(
    simulator: Simulator, follow: Follow, recorder: Recorder
) -> None:
    """The listener takes a millisecond for each packet, so that without precedence the update takes four seconds."""
    updates = topics.of_account("SIM0001")
    client = follow(simulator.stream_url, RELIANCE, *updates)
    eventually(lambda: client.acknowledged == {RELIANCE, *updates})
    recorder.delay = 0.001
    simulator.fail("stream", "burst:4000")
    eventually(lambda: simulator.faults == ())
    simulator.place_order(LIMIT_BUY)
    eventually(lambda: packets_of(recorder, updates[0]) == 1)
    assert len(recorder.packets) < 2_000
    recorder.delay = 0.0
    eventually(lambda: packets_of(recorder, RELIANCE) >= 4_000)  # and no price is lost


@pytest.mark.usefixtures("holder")
def test_packets_that_wait_when_the_connection_ends_are_passed_on_before_its_end(
    simulator: Simulator, follow: Follow, recorder: Recorder
) -> None:
    client = follow(simulator.stream_url, RELIANCE)
    eventually(lambda: client.acknowledged == {RELIANCE})
    recorder.delay = 0.001
    simulator.fail("stream", "burst:500")
    eventually(lambda: simulator.faults == ())
    simulator.stream.drop_connections()
    eventually(lambda: len(recorder.ends) == 1)
    assert packets_of(recorder, RELIANCE) >= 500


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtts://bridge.iiflcapital.com:8883", Address("bridge.iiflcapital.com", 8883, True)),
        ("mqtts://bridge.iiflcapital.com", Address("bridge.iiflcapital.com", 8883, True)),
        ("mqtt://[::1]:1884", Address("::1", 1884, False)),
        ("mqtt://127.0.0.1", Address("127.0.0.1", 1883, False)),
    ],
)
def test_an_address_is_read(url: str, address: Address) -> None:
    assert Address.of(url) == address


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "a.bm90anNvbg.c", "a.W10.c"])
def test_a_token_that_tells_no_user_is_read_as_none(token: str) -> None:
    assert preferred_username(token) == ""
