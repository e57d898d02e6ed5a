"""Prices read from files."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.simulator import Simulator, SimulatorError, SimulatorOptions
from tests.broker.simulator.caller import IST, Caller, Hands, Simulate

WHOLE = ("01-Jan-2014", "31-Dec-2022")


def rows_of(path: Path) -> list[list[object]]:
    def number(text: str) -> float:
        return float(text.replace(",", ""))

    with path.open(newline="") as lines:
        return [
            [
                f"{row['date']}T09:15:00",
                *(number(row[key]) for key in ("open", "high", "low", "close")),
                int(number(row["volume"])),
            ]
            for row in csv.DictReader(lines)
        ]


@pytest.mark.parametrize(
    ("symbol", "number"), [("RELIANCE", "2885"), ("M&M", "2031"), ("BAJAJ-AUTO", "16669"), ("TITAN", "3506")]
)
def test_daily_candles_are_those_of_the_file(
    replaying_caller: Caller, market_data: Path, symbol: str, number: str
) -> None:
    expected = rows_of(market_data / "candles_daily" / f"{symbol}.csv")
    assert replaying_caller.history("1 day", *WHOLE, number) == expected


def test_outside_the_file_there_are_no_candles(replaying_caller: Caller) -> None:
    assert replaying_caller.history("1 day", "01-Jan-2023", "31-Dec-2023") == []
    assert replaying_caller.history("5 minutes", "02-Jan-2023", "03-Jan-2023") == []


def test_intraday_candles_stay_inside_the_day_of_the_file(replaying_caller: Caller) -> None:
    [day, _] = replaying_caller.history("1 day", "30-Dec-2021", "31-Dec-2021")
    minutes = replaying_caller.history("1 minute", "30-Dec-2021", "31-Dec-2021")[:375]
    assert [minutes[0][1], max(row[2] for row in minutes), min(row[3] for row in minutes)] == day[1:4]
    assert [minutes[-1][4], sum(row[5] for row in minutes)] == day[4:]


def test_months_add_up_from_the_days_of_the_file(replaying_caller: Caller) -> None:
    [month] = replaying_caller.history("monthly", "01-Dec-2021", "31-Dec-2021")
    days = replaying_caller.history("1 day", "01-Dec-2021", "31-Dec-2021")
    assert month == [
        "2021-12-01T09:15:00",
        days[0][1],
        max(row[2] for row in days),
        min(row[3] for row in days),
        days[-1][4],
        sum(row[5] for row in days),
    ]


def test_a_quote_of_an_old_file_plays_its_last_day_in_step_with_the_time(
    replaying_caller: Caller, hands: Hands, market_data: Path
) -> None:
    *_, eve, (_, opened, highest, lowest, *_) = rows_of(market_data / "candles_daily" / "RELIANCE.csv")
    early = replaying_caller.quotes("2885")[0]
    hands.now += timedelta(hours=2)
    late = replaying_caller.quotes("2885")[0]
    assert early["tickTimestamp"].startswith("31-Dec-2021 11:00")
    assert [early[name] for name in ("open", "high", "low", "close")] == [opened, highest, lowest, eve[4]]
    assert early["ltp"] != late["ltp"]
    assert all(lowest <= quote["ltp"] <= highest for quote in (early, late))


def test_a_quote_before_the_file_begins_is_unknown(replaying_caller: Caller, hands: Hands) -> None:
    hands.now = datetime(2014, 1, 1, 12, 0, tzinfo=IST)
    replaying_caller.log_in()
    assert replaying_caller.quotes("2885") == [{"exchange": "Z", "instrumentId": 0, "ltp": 0}]


def test_inside_the_file_today_is_not_final_and_tomorrow_not_known(
    replaying_caller: Caller, hands: Hands, market_data: Path
) -> None:
    *_, today, _ = rows_of(market_data / "candles_daily" / "RELIANCE.csv")
    hands.now = datetime(2021, 12, 30, 12, 0, tzinfo=IST)
    replaying_caller.log_in()
    rows = replaying_caller.history("1 day", "29-Dec-2021", "31-Dec-2021")
    assert [row[0][:10] for row in rows] == ["2021-12-29", "2021-12-30"]
    assert 0 < rows[1][5] < today[5]


def test_a_symbol_without_a_file_is_made_up(replaying_caller: Caller) -> None:
    assert len(replaying_caller.history("1 day", "03-Nov-2025", "07-Nov-2025", "14366")) == 5


def test_a_folder_of_files_needs_no_folder_around_it(simulate: Simulate, tmp_path: Path, caller: Caller) -> None:
    (tmp_path / "INFY.csv").write_text('Volume,Close,low,high,open,date\n"1,000",2.5,1,3,"2",2025-11-19\n')
    direct = Caller(simulate(data=tmp_path))
    direct.log_in()
    assert direct.history("1 day", "01-Nov-2025", "20-Nov-2025", "1594") == [
        ["2025-11-19T09:15:00", 2.0, 3.0, 1.0, 2.5, 1000]
    ]


def test_a_file_is_read_once_and_only_when_asked_for(simulate: Simulate, tmp_path: Path, caller: Caller) -> None:
    file = tmp_path / "INFY.csv"
    file.write_text("not read yet")
    replaying = Caller(simulate(data=tmp_path))
    replaying.log_in()
    file.write_text("date,open,high,low,close,volume\n2025-11-19,2,3,1,2,10\n")
    first = replaying.history("1 day", "01-Nov-2025", "20-Nov-2025", "1594")
    file.unlink()
    assert replaying.history("1 day", "01-Nov-2025", "20-Nov-2025", "1594") == first


@pytest.mark.parametrize("folder", ["absent", "."])
def test_a_folder_that_is_absent_or_has_no_files_is_said_in_a_sentence(tmp_path: Path, folder: str) -> None:
    with pytest.raises(SimulatorError, match=str(tmp_path)):
        Simulator(SimulatorOptions(data=tmp_path / folder))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('2025-11-19,"2,3,1,2,10', "line 2 has a quotation mark"),
        ('2025-11-19,"2\n",3,1,2,10', "line 2 has a quotation mark"),
        ("2025-11-19,1,100.50,3,1,2,10", "line 2 has 7 cells where the header has 6"),
        ("2025-11-19,2,3", "line 2 has 3 cells where the header has 6"),
    ],
)
def test_a_row_that_has_not_the_headers_cells_is_named(simulate: Simulate, tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "INFY.csv").write_text(f"date,open,high,low,close,volume\n{row}\n2025-11-20,2,3,1,2,10\n")
    replaying = Caller(simulate(data=tmp_path))
    replaying.log_in()
    with pytest.raises(SimulatorError, match=said):
        replaying.history("1 day", "01-Nov-2025", "20-Nov-2025", "1594")


@pytest.mark.parametrize("content", ["day,open\n1,2\n", "date,open,high,low,close,volume\n2025-11-19,x,1,1,1,1\n"])
def test_a_file_of_something_else_is_named(simulate: Simulate, tmp_path: Path, content: str) -> None:
    (tmp_path / "INFY.csv").write_text(content + "odd,row\n")
    replaying = Caller(simulate(data=tmp_path))
    replaying.log_in()
    with pytest.raises(SimulatorError, match=r"INFY\.csv is not a file of daily candles"):
        replaying.history("1 day", "01-Nov-2025", "20-Nov-2025", "1594")
