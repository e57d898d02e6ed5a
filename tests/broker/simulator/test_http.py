"""What only shows on a real connection."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import pytest

from broker.simulator import Call, Simulator, SimulatorError, SimulatorOptions
from broker.simulator.wire import Request
from tests.broker.simulator.caller import Caller, Hands


def address_of(simulator: Simulator) -> tuple[str, int]:
    address = urlsplit(simulator.base_url)
    assert address.hostname
    assert address.port
    return address.hostname, address.port


@pytest.fixture
def running(caller: Caller) -> Simulator:
    return caller.simulator.start()


@pytest.fixture
def connection(running: Simulator) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(*address_of(running), timeout=5)
    yield connection
    connection.close()


def ask(connection: HTTPConnection, method: str, path: str, body: object = None, token: str = "") -> Any:
    connection.request(method, path, None if body is None else json.dumps(body), {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_one_connection_serves_many_calls(connection: HTTPConnection, caller: Caller) -> None:
    ask(connection, "GET", "/v1/profile", token=caller.token)
    used = connection.sock
    status, content = ask(connection, "POST", "/v1/marketdata/marketquotes", [{}], caller.token)
    assert (status, content["status"]) == (200, "Ok")
    assert ask(connection, "GET", "/v1/profile?a=b", token="dead")[0] == 401
    assert connection.sock is used


def test_calls_are_logged_with_route_and_status(
    connection: HTTPConnection, caller: Caller, running: Simulator, hands: Hands
) -> None:
    running.clear_calls()
    ask(connection, "GET", "/v1/orders/7", token=caller.token)
    ask(connection, "GET", "/v1/nothing", token=caller.token)
    assert running.calls == (
        Call(hands.now, "order", "GET", "/v1/orders/7", 200),
        Call(hands.now, "unknown", "GET", "/v1/nothing", 404),
    )


@pytest.mark.parametrize("name", ["drop", "hang", "timeout"])
def test_a_silent_failure_closes_the_connection_without_an_answer(
    connection: HTTPConnection, running: Simulator, name: str
) -> None:
    running.fail("profile", name)
    connection.request("GET", "/v1/profile")
    with pytest.raises(RemoteDisconnected):
        connection.getresponse()


def test_a_truncated_answer_promises_more_than_it_sends(
    connection: HTTPConnection, caller: Caller, running: Simulator
) -> None:
    running.fail("holdings", "truncated")
    connection.request("GET", "/v1/holdings", headers={"Authorization": f"Bearer {caller.token}"})
    with pytest.raises(IncompleteRead):
        connection.getresponse().read()


@pytest.mark.parametrize("length", ["x", "-1", "99999999"])
def test_a_body_without_a_sensible_length_is_400_and_ends_the_connection(
    connection: HTTPConnection, length: str
) -> None:
    connection.putrequest("POST", "/v1/getusersession")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400
    answer.read()
    assert connection.sock is None or connection.sock.recv(1) == b""


def test_the_controls_list_and_forget_the_calls(connection: HTTPConnection, running: Simulator) -> None:
    ask(connection, "GET", "/v1/profile")
    [call] = [call for call in ask(connection, "GET", "/simulator/calls")[1]["calls"] if call["route"] == "profile"]
    assert (call["status"], call["method"], call["path"]) == (401, "GET", "/v1/profile")
    assert ask(connection, "DELETE", "/simulator/calls") == (200, {"calls": []})
    assert running.calls == ()


def test_the_controls_add_and_heal_failures(connection: HTTPConnection) -> None:
    fault = {"route": "profile", "name": "503", "times": 5}
    assert ask(connection, "POST", "/simulator/faults", fault)[0] == 200
    assert ask(connection, "GET", "/v1/profile")[0] == 503
    assert ask(connection, "GET", "/simulator/faults")[1]["faults"] == [fault | {"times": 4, "rate": None}]
    assert ask(connection, "DELETE", "/simulator/faults") == (200, {"faults": []})
    assert ask(connection, "GET", "/v1/profile")[0] == 401


def test_the_controls_switch_quirks_on_and_off(connection: HTTPConnection) -> None:
    status, content = ask(connection, "POST", "/simulator/quirks", {"name": "D11"})
    assert (status, content["quirks"]) == (200, ["D11"])
    assert len([name for name in content["known"] if name.startswith("D")]) == 22
    assert ask(connection, "POST", "/v1/getusersession", {})[1]["status"] == "Not_Ok"
    assert ask(connection, "GET", "/simulator/quirks")[1] == content
    assert ask(connection, "DELETE", "/simulator/quirks")[1]["quirks"] == []
    assert ask(connection, "POST", "/v1/getusersession", {})[1]["stat"] == "Not_Ok"


def test_the_controls_end_all_sessions(connection: HTTPConnection, caller: Caller) -> None:
    assert ask(connection, "GET", "/v1/profile", token=caller.token)[0] == 200
    assert ask(connection, "DELETE", "/simulator/sessions") == (200, {"sessions": []})
    assert ask(connection, "GET", "/v1/profile", token=caller.token)[0] == 401


@pytest.mark.parametrize("wish", [{}, {"name": "D99"}, {"name": "D9"}, {"name": 4}, {"name": "D4", "x": 1}])
def test_a_wrong_quirk_is_refused_by_the_controls(connection: HTTPConnection, wish: dict[str, object]) -> None:
    status, content = ask(connection, "POST", "/simulator/quirks", wish)
    assert status == 400
    assert content["message"]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"route": "profile", "name": "odd"},
        {"route": "odd", "name": "500"},
        {"route": "all", "name": "500", "x": 1},
    ],
)
def test_a_wrong_failure_is_refused_by_the_controls(connection: HTTPConnection, fault: dict[str, object]) -> None:
    status, content = ask(connection, "POST", "/simulator/faults", fault)
    assert status == 400
    assert content["message"]


def test_the_controls_answer_their_own_machine_only(running: Simulator) -> None:
    answer = running.handle(Request("GET", "/simulator/calls", peer="192.0.2.7"))
    assert answer.status == 403


def test_a_bug_of_the_simulator_is_a_500_and_not_silence(
    connection: HTTPConnection, caller: Caller, running: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.account, "books", lambda: 1 / 0)
    assert ask(connection, "GET", "/v1/holdings", token=caller.token)[0] == 500


def test_stopping_ends_connections_and_starting_again_keeps_port_and_sessions(
    connection: HTTPConnection, caller: Caller, running: Simulator
) -> None:
    assert ask(connection, "GET", "/v1/profile", token=caller.token)[0] == 200
    before = running.base_url
    running.stop()
    assert connection.sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address_of(running), timeout=5)
    connection.close()
    assert running.start().base_url == before
    assert ask(connection, "GET", "/v1/profile", token=caller.token)[0] == 200


def test_starting_and_stopping_twice_does_no_harm(caller: Caller) -> None:
    with caller.simulator as simulator:
        assert simulator.start() is simulator
        simulator.stop()
    simulator.stop()


def test_a_port_that_is_taken_is_said_in_a_sentence(running: Simulator) -> None:
    _, port = address_of(running)
    with pytest.raises(SimulatorError, match=f"cannot listen on 127.0.0.1:{port}"):
        Simulator(SimulatorOptions(port=port)).start()


def test_a_crowd_of_connections_at_once_is_served(running: Simulator) -> None:
    crowd = [socket.create_connection(address_of(running), timeout=5) for _ in range(100)]
    for each in crowd:
        each.sendall(b"GET /v1/profile HTTP/1.1\r\nHost: x\r\n\r\n")
    assert all(each.recv(20).startswith(b"HTTP/1.1 401") for each in crowd)
    for each in crowd:
        each.close()
