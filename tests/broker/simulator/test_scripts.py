"""Scripts as files: what is wrong with one is told in a sentence that names the step, before anything starts."""

import json
from datetime import datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from broker.simulator import Simulator, SimulatorError, SimulatorOptions
from broker.simulator.script.script import read_script
from tests.broker.simulator.caller import IST, THURSDAY_AT_ELEVEN, Caller, Hands, Simulate

MOVE = {"at": "10:00", "symbol": "INFY", "price": 1500}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "day.json"


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({}, "Object missing required field `at`"),
        ({"at": "25:00", "payin": 1}, r"\(25:00\): '25:00' is not a time of day such as 09:30"),
        ({"at": "9:30", "payin": 1}, "is not a time of day"),
        ({"at": "10:00"}, "it must have exactly one of price, change, fill, market, "),
        (MOVE | {"change": 1}, "exactly one of"),
        (MOVE | {"colour": 1}, "unknown field `colour`"),
        ({"at": "10:00", "price": 1500}, "price requires symbol"),
        (MOVE | {"price": "much"}, r"Expected `float \| null`"),
        (MOVE | {"price": 0}, "price must be between 0.05 and 1000000"),
        ({"at": "10:00", "symbol": "INFY", "change": -60}, "change must be between -50 and 100"),
        (MOVE | {"until": "10:00"}, "it ends at 10:00, which is not after its start"),
        (MOVE | {"until": "noon"}, "'noon' is not a time of day"),
        (MOVE | {"until": "15:31"}, "the market closes before 15:31"),
        (MOVE | {"at": "15:30"}, "the market is closed at this time"),
        (MOVE | {"symbol": "NOSUCH"}, "there is no symbol 'NOSUCH'"),
        ({"at": "10:00", "symbol": "INFY", "fill": 40}, "fill requires until"),
        ({"at": "10:00", "symbol": "INFY", "fill": 100, "until": "11:00"}, "fill must be between 1 and 99"),
        ({"at": "10:00", "market": "shut"}, "market must be open or close"),
        ({"at": "10:00", "market": "open"}, "the market cannot open at this time"),
        ({"at": "16:00", "market": "close"}, "the market opens at 09:15 and closes at 15:30"),
        ({"at": "10:00", "market": "close", "symbol": "INFY"}, "market takes no symbol"),
        ({"at": "10:00", "reject": "no"}, "the text of reject must begin with RMS:"),
        ({"at": "10:00", "payin": 0}, "payin must be between 1 and"),
        ({"at": "10:00", "fault": "holdings"}, "'holdings' is not a failure"),
        ({"at": "10:00", "fault": "nowhere=500"}, "There is no route 'nowhere'"),
        ({"at": "10:00", "quirk": "D99"}, "There is no quirk 'D99'"),
        ({"at": "09:20", "payin": 1}, "it comes after 09:30, step 1"),
    ],
)
def test_a_wrong_step_stops_the_start_and_is_named(
    simulate: Simulate, file: Path, step: dict[str, Any], sentence: str
) -> None:
    file.write_text(json.dumps({"steps": [{"at": "09:30", "payin": 100}, step]}))
    with pytest.raises(SimulatorError, match=rf"^day\.json, step 2.*{sentence}") as caught:
        simulate(script=file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([MOVE | {"until": "11:00"}, MOVE | {"at": "10:30"}], "step 2 .*step 1 of INFY lasts until 11:00"),
        ([MOVE | {"at": "09:14"}], "step 1 .*the market is closed at this time"),
        ([{"at": "10:00", "market": "close"}, MOVE | {"at": "10:30"}], "step 2 .*the market is closed at this time"),
        ([{"at": "10:00", "market": "close"}] * 2, "step 2 .*the market cannot close at this time"),
        ([MOVE | {"until": "11:00"}, {"at": "10:30", "market": "close"}], "step 1 .*the market closes before 11:00"),
    ],
)
def test_steps_have_to_fit_each_other(file: Path, steps: list[object], sentence: str) -> None:
    file.write_text(json.dumps({"steps": steps}))
    with pytest.raises(SimulatorError, match=sentence):
        read_script(file)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"steps": {}}', b'{"steps": [], "more": 1}', b"\xff"])
def test_what_is_no_script_at_all_is_told_with_its_path(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SimulatorError, match=r"day\.json is not a script: "):
        read_script(file)


def test_a_script_that_is_not_there_and_one_that_is_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="There is no script"):
        read_script(tmp_path / "none.json")
    with pytest.raises(SimulatorError, match="is not a script"):
        read_script(tmp_path)


def test_a_symbol_needs_a_price_of_the_day_before(simulate: Simulate, file: Path, tmp_path: Path) -> None:
    (tmp_path / "INFY.csv").write_text("date,open,high,low,close,volume\n2025-11-20,1,1,1,1,1\n")
    file.write_text(json.dumps({"steps": [MOVE]}))
    with pytest.raises(SimulatorError, match=r"step 1 .*there is no price of INFY before 2025-11-20"):
        simulate(script=file, data=tmp_path)


def test_a_script_needs_a_weekday_which_start_can_choose(simulate: Simulate, hands: Hands) -> None:
    hands.now += timedelta(days=2)
    with pytest.raises(SimulatorError, match="2025-11-22 is not a weekday"):
        simulate(script="example")
    friday = simulate(script="example", start=datetime(2025, 11, 21, 9, 0))  # noqa: DTZ001 - as typed, without a zone
    assert friday.now() == datetime(2025, 11, 21, 9, 0, tzinfo=IST)


def test_the_clock_starts_at_the_given_time_and_runs_at_the_given_speed(simulate: Simulate, hands: Hands) -> None:
    simulator = simulate(start=time(9, 0), speed=60)
    begun = simulator.now()
    hands.now += timedelta(seconds=15)
    assert (begun, simulator.now()) == (
        datetime(2025, 11, 20, 9, 0, tzinfo=IST),
        datetime(2025, 11, 20, 9, 15, tzinfo=IST),
    )
    assert simulate().now() == hands.now != THURSDAY_AT_ELEVEN


def test_one_call_sees_one_time_however_fast_the_clock_goes() -> None:
    seconds = count()
    simulator = Simulator(
        SimulatorOptions(speed=600, limits=False), clock=lambda: THURSDAY_AT_ELEVEN + timedelta(seconds=next(seconds))
    )
    caller = Caller(simulator)
    caller.log_in()
    rows = caller.quotes("2885", "1594"), caller.quotes("2885", "1594")
    stamps = [[row["tickTimestamp"] for row in answer] for answer in rows]
    assert stamps[0][0] == stamps[0][1] != stamps[1][0] == stamps[1][1]


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_clock_cannot_stand_still_or_go_backwards(simulate: Simulate, speed: float) -> None:
    with pytest.raises(SimulatorError, match="The clock's speed must be above 0"):
        simulate(speed=speed)
