"""Rows of contract files: what they say, and what is none."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from broker.iifl.mapping.contracts import split_symbol
from broker.values import Contract
from tests.broker.contract_files import contracts, index

SHARE = {"exchange": "NSEEQ", "instrumentId": "2885", "tradingSymbol": "RELIANCE-EQ"}


@pytest.mark.parametrize(
    ("exchange", "trading_symbol", "symbol", "series"),
    [
        ("NSEEQ", "RELIANCE-EQ", "RELIANCE", "EQ"),
        ("NSEEQ", "BAJAJ-AUTO-EQ", "BAJAJ-AUTO", "EQ"),
        ("NSEEQ", "M&M-EQ", "M&M", "EQ"),
        ("NSEEQ", "RELINFRA-BE", "RELINFRA", "BE"),
        ("NSEEQ", "NAM-INDIA-EQ", "NAM-INDIA", "EQ"),
        ("NSEEQ", "NIFTY 50", "NIFTY 50", ""),
        ("BSEEQ", "RELIANCE", "RELIANCE", ""),
        ("BSEEQ", "BAJAJ-AUTO", "BAJAJ-AUTO", ""),
        ("NSEFO", "NIFTY26APRFUT", "NIFTY26APRFUT", ""),
    ],
)
def test_only_the_last_hyphen_of_an_nse_share_parts_symbol_and_series(
    exchange: str, trading_symbol: str, symbol: str, series: str
) -> None:
    assert split_symbol(exchange, trading_symbol) == (symbol, series)


def test_an_option_is_read_whole() -> None:
    row = {
        "exchange": "NSEFO",
        "underlyingInstrumentSymbol": "NIFTY",
        "instrumentId": 54321,
        "instrumentType": "OPTIDX",
        "optionType": "CE",
        "strikePrice": "24000.00",
        "underlyingInstrumentName": "NIFTY",
        "tradingSymbol": "NIFTY2643024000CE ",
        "expiry": "30-Apr-2026",
        "lotSize": "75",
        "tickSize": "0.05",
        "formattedInstrumentName": "NIFTY 30 Apr 2026 CE 24000",
    }
    assert contracts([row], "NSEFO") == [
        Contract(
            exchange="NSEFO",
            symbol="NIFTY2643024000CE",
            series="",
            trading_symbol="NIFTY2643024000CE",
            instrument_id="54321",
            name="NIFTY 30 Apr 2026 CE 24000",
            instrument_type="OPTIDX",
            option_type="CE",
            strike_price=Decimal("24000.00"),
            expiry=date(2026, 4, 30),
            lot_size=75,
            tick_size=Decimal("0.05"),
        )
    ]


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ("24-Apr-2026", date(2026, 4, 24)),
        ("30-Mar-2026 23:59", date(2026, 3, 30)),
        ("1-jan-2027", date(2027, 1, 1)),
        ("", None),
        ("NA", None),
        (None, None),
        ("2026-04-24", None),
        ("31-Feb-2026", None),
    ],
)
def test_an_expiry_comes_in_two_forms_or_not_at_all(sent: object, day: date | None) -> None:
    assert contracts([SHARE | {"expiry": sent}])[0].expiry == day


@pytest.mark.parametrize("blank", ["NaN", "", "-", None, float("nan")])
def test_a_blank_strike_and_tick_are_none(blank: object) -> None:
    (contract,) = contracts([SHARE | {"strikePrice": blank, "tickSize": blank, "lotSize": blank}])
    assert (contract.strike_price, contract.tick_size, contract.lot_size) == (None, None, None)


def test_an_index_row_without_a_trading_symbol_goes_by_its_underlying() -> None:
    (contract,) = contracts([index("NIFTY 50", 999920000)], "INDICES")
    assert (contract.exchange, contract.symbol, contract.series) == ("NSEEQ", "NIFTY 50", "")


def test_an_index_row_belongs_to_the_file_of_indices_alone() -> None:
    for file in ("NSEEQ", "BSEEQ"):
        share = SHARE | {"exchange": file}
        assert contracts([index("NIFTY 50", 999920000, file), share], file) == contracts([share], file) != []


def test_india_vix_is_asked_for_at_nseeq_whatever_its_row_says() -> None:
    row = index("INDIA VIX", 999920019, exchange="NSEFO")
    assert contracts([row], "INDICES")[0].exchange == "NSEEQ"


def test_rows_without_an_id_or_a_name_are_left_out() -> None:
    nameless = [{**SHARE, "instrumentId": ""}, {**SHARE, "tradingSymbol": "-"}, {}]
    assert contracts([*nameless, SHARE]) == contracts([SHARE])


def test_what_no_column_could_hold_is_left_out_or_cut() -> None:
    assert contracts([{**SHARE, "instrumentId": "9" * 33}, {**SHARE, "tradingSymbol": "A" * 65}]) == []
    (contract,) = contracts([{**SHARE, "underlyingInstrumentName": "\0N" * 300, "optionType": "O" * 300}])
    assert (contract.name, len(contract.option_type)) == ("N" * 200, 12)


def test_a_row_without_an_exchange_is_of_its_files() -> None:
    assert contracts([{**SHARE, "exchange": ""}], "BSEEQ")[0].exchange == "BSEEQ"


def test_a_row_of_another_exchange_than_its_files_is_left_out() -> None:
    """An order for the file's exchange would be sent to the other one."""
    assert contracts([{**SHARE, "exchange": "BSEEQ"}]) == []
    assert contracts([index("SENSEX", 999901, exchange="BSEEQ")], "INDICES")[0].exchange == "BSEEQ"


def test_the_whole_file_is_read(market_data: Path) -> None:
    rows = json.loads((market_data / "contracts" / "NSEEQ.json").read_text())
    found = contracts(rows)
    assert [contract.instrument_id for contract in found] == [row["instrumentId"] for row in rows]
    assert all(contract.symbol and contract.series and (contract.lot_size or 0) > 0 for contract in found)
