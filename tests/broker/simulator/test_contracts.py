"""Contract files."""

import csv
import io
import json
from pathlib import Path

import pytest

from broker.simulator import SimulatorError
from broker.simulator.prices.contracts import SEGMENTS
from tests.broker.simulator.caller import Caller, Simulate

HEADER = (
    "Exchange,Underlying Instrument Symbol,Instrument ID,Instrument Type,Option Type,Strike Price,"
    "Underlying Instrument Name,Trading Symbol,Expiry,Lot Size,Tick Size"
)
REAL_IDS = {
    "RELIANCE-EQ": "2885",
    "INFY-EQ": "1594",
    "SBIN-EQ": "3045",
    "M&M-EQ": "2031",
    "IDEA-EQ": "14366",
    "BAJAJ-AUTO-EQ": "16669",
}


def rows(caller: Caller, segment: str) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads(caller.send("GET", f"/contractfiles/{segment}.json").body)
    return listed


@pytest.mark.parametrize("segment", SEGMENTS)
def test_every_segment_is_a_bare_list_of_strings_and_a_csv_of_the_same_rows(caller: Caller, segment: str) -> None:
    listed = rows(caller, segment)
    text = caller.send("GET", f"/contractfiles/{segment}.csv").body.decode()
    assert text.startswith(HEADER + "\r\n")
    assert text.count("\r\n") == text.count("\n") == len(listed) + 1
    assert all(isinstance(value, str) for row in listed for value in row.values())
    assert [row["Instrument ID"] for row in csv.DictReader(io.StringIO(text))] == [
        row["instrumentId"] for row in listed
    ]


def test_built_in_shares_have_their_real_ids_and_no_two_share_one(caller: Caller) -> None:
    listed = rows(caller, "NSEEQ")
    by_symbol = {row["tradingSymbol"]: row["instrumentId"] for row in listed}
    assert {symbol: by_symbol[symbol] for symbol in REAL_IDS} == REAL_IDS
    assert len({row["instrumentId"] for row in listed}) == len(listed)
    assert len([row for row in listed if row["tradingSymbol"].endswith("-EQ")]) >= 60
    assert any(row["tradingSymbol"].endswith("-BE") for row in listed)


def test_the_nse_file_holds_index_rows_that_clients_must_filter(caller: Caller) -> None:
    assert any(row["instrumentType"] == "INDEX" for row in rows(caller, "NSEEQ"))


def test_bse_symbols_have_no_suffix(caller: Caller) -> None:
    assert {"RELIANCE": "500325", "SBIN": "500112"}.items() <= {
        row["tradingSymbol"]: row["instrumentId"] for row in rows(caller, "BSEEQ")
    }.items()


def test_indices_are_listed_under_their_exchange(caller: Caller) -> None:
    listed = {
        row["underlyingInstrumentSymbol"]: (row["exchange"], row["instrumentId"]) for row in rows(caller, "INDICES")
    }
    assert listed == {
        "NIFTY 50": ("NSEEQ", "999920000"),
        "NIFTY BANK": ("NSEEQ", "999920005"),
        "INDIA VIX": ("NSEFO", "999920019"),
        "SENSEX": ("BSEEQ", "999901"),
    }


@pytest.mark.parametrize("name", ["NCDEXCOMM.csv", "NSEEQ", "NSEEQ.xml", "..json", "%2e%2e"])
def test_other_files_do_not_exist(caller: Caller, name: str) -> None:
    assert caller.send("GET", f"/contractfiles/{name}").status == 404


def test_contract_files_need_no_session(caller: Caller) -> None:
    caller.token = ""
    assert caller.send("GET", "/contractfiles/NSEEQ.json").status == 200


def test_a_given_file_is_served_row_by_row_in_both_forms(replaying_caller: Caller, market_data: Path) -> None:
    expected = json.loads((market_data / "contracts" / "NSEEQ.json").read_text())
    assert rows(replaying_caller, "NSEEQ") == expected
    csv_bytes = replaying_caller.send("GET", "/contractfiles/NSEEQ.csv").body
    assert csv_bytes == (market_data / "contracts" / "NSEEQ.csv").read_bytes()


def test_a_file_is_encoded_once(caller: Caller) -> None:
    first = caller.send("GET", "/contractfiles/NSEEQ.json").body
    assert caller.send("GET", "/contractfiles/NSEEQ.json").body is first


@pytest.mark.parametrize("content", [None, "{}", "[1]", "no json"])
def test_a_file_that_is_absent_or_no_list_of_contracts_is_said_in_a_sentence(
    simulate: Simulate, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "NSEEQ.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SimulatorError, match="contract file"):
        simulate(contracts=path)
