"""Failures on demand."""

import json

import pytest

from broker.simulator import Fault, parse_fault
from broker.simulator.wire import Delivery
from tests.broker.simulator.caller import Caller, Hands, Simulate


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("holdings=EC921", Fault("holdings", "EC921")),
        ("all=500@0.2", Fault("all", "500", rate=0.2)),
        ("orders=503@.5", Fault("orders", "503", rate=0.5)),
        ("limits/fno=hang*3", Fault("limits/fno", "hang", times=3)),
        ("trades=EC926:list@1", Fault("trades", "EC926:list", rate=1.0)),
        ("all=slow:300@.7", Fault("all", "slow:300", rate=0.7)),
    ],
)
def test_a_failure_is_named_in_one_word(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "500",
        "holdings",
        "holdings=",
        "holdings=200",
        "holdings=EC1",
        "a=500@0",
        "a=500@2",
        "a=500*0",
        "a=b",
    ],
)
def test_a_wrong_failure_says_what_is_accepted(text: str) -> None:
    with pytest.raises(ValueError, match="ROUTE=NAME"):
        parse_fault(text)


def test_an_unknown_route_is_refused_with_the_known_ones(caller: Caller) -> None:
    with pytest.raises(ValueError, match="marketquotes"):
        caller.simulator.fail("nothing", "500")


def test_a_failure_counts_its_times_off(caller: Caller) -> None:
    caller.simulator.fail("holdings", "503", times=2)
    assert [caller.send("GET", "/holdings").status for _ in range(3)] == [503, 503, 200]


def test_failures_on_one_route_come_in_the_order_told(caller: Caller) -> None:
    caller.simulator.fail("holdings", "502", times=1)
    caller.simulator.fail("all", "429", times=1)
    assert [caller.send("GET", "/holdings").status for _ in range(3)] == [502, 429, 200]


def test_a_failure_stays_on_its_route_until_healed(caller: Caller) -> None:
    caller.simulator.fail("holdings", "500")
    assert caller.send("GET", "/positions").status == 200
    assert caller.send("GET", "/holdings").status == 500
    caller.simulator.clear_faults()
    assert caller.send("GET", "/holdings").status == 200


def test_a_rate_is_kept_and_repeatable(caller: Caller, simulate: Simulate) -> None:
    def run(seed: int) -> list[int]:
        somebody = Caller(simulate(seed=seed))
        somebody.log_in()
        somebody.simulator.fail("profile", "500", rate=0.3)
        return [somebody.send("GET", "/profile").status for _ in range(200)]

    assert run(1) == run(1) != run(2)
    assert 30 < run(1).count(500) < 90


@pytest.mark.parametrize(
    ("route", "name", "as_list"),
    [
        ("holdings", "EC921", True),
        ("positions", "EC919", False),
        ("positions", "EC919:list", True),
        ("holdings", "EC500:object", False),
    ],
)
def test_an_ec_code_comes_inside_ok_as_list_or_object(caller: Caller, route: str, name: str, as_list: bool) -> None:
    caller.simulator.fail(route, name)
    result = caller.get(f"/{route}")
    assert isinstance(result, list) is as_list
    assert (result[0] if as_list else result)["status"] == name.partition(":")[0]


@pytest.mark.parametrize(
    ("route", "code"),
    [("orders", "EC916"), ("positions", "EC920"), ("holdings", "EC922"), ("trades", "EC926")],
)
def test_empty_is_the_no_data_row_of_the_book(caller: Caller, route: str, code: str) -> None:
    caller.simulator.fail("all", "empty")
    assert code in caller.send("GET", f"/{route}").body.decode()


def test_empty_is_no_candles_for_history_and_changes_nothing_where_nothing_can_be_empty(caller: Caller) -> None:
    before = caller.get("/profile")
    caller.simulator.fail("all", "empty")
    assert caller.history("1 day", "03-Nov-2025", "07-Nov-2025") == []
    assert caller.get("/profile") == before


def test_silent_failures_send_nothing_and_are_logged_with_status_0(caller: Caller, hands: Hands) -> None:
    caller.simulator.fail("profile", "drop", times=1)
    caller.simulator.fail("profile", "hang", times=1)
    assert caller.send("GET", "/profile").delivery is Delivery.DROPPED
    assert hands.slept == []
    assert caller.send("GET", "/profile").delivery is Delivery.HUNG
    assert hands.slept == [60.0]
    assert [call.status for call in caller.simulator.calls[-2:]] == [0, 0]


def test_a_slow_answer_is_the_answer_held_back(caller: Caller, hands: Hands) -> None:
    before = caller.get("/holdings")
    caller.simulator.fail("holdings", "slow:1500")
    assert caller.get("/holdings") == before
    caller.get("/trades")
    assert hands.slept == [1.5]


def test_not_json_is_html_inside_http_200(caller: Caller) -> None:
    caller.simulator.fail("orders", "not-json")
    answer = caller.send("GET", "/orders")
    assert (answer.status, answer.content_type) == (200, "text/html")
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_a_failure_reaches_contract_files_and_logins_too(caller: Caller) -> None:
    caller.simulator.fail("contractfiles", "502", times=1)
    caller.simulator.fail("getusersession", "500", times=1)
    assert caller.send("GET", "/contractfiles/NSEEQ.csv").status == 502
    assert caller.send("POST", "/getusersession", {}).status == 500


def test_every_call_waits_the_latency(simulate: Simulate, caller: Caller, hands: Hands) -> None:
    slow = Caller(simulate(latency=250))
    slow.log_in()
    slow.send("GET", "/nothing")
    assert hands.slept == [0.25, 0.25]
