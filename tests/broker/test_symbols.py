"""Symbols mean exactly one contract, or none; the contract file is asked for once."""

import csv
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from broker import gateway
from broker.errors import BrokerUnreachable, UnknownSymbol
from broker.mapping.contracts import contracts
from broker.simulator import Simulator
from broker.symbols import INDEX_LIFE, SymbolDirectory, SymbolIndex
from broker.values import Contract


@lru_cache
def index_of(path: Path) -> SymbolIndex:
    return SymbolIndex(contracts(json.loads(path.read_text())))


@pytest.fixture
def index(shared_data: Path) -> SymbolIndex:
    """All of NSE's real contracts."""
    return index_of(shared_data / "contracts" / "NSEEQ.json")


def made(*trading_symbols: str, exchange: str = "NSEEQ") -> list[Contract]:
    return contracts(
        [
            {"exchange": exchange, "tradingSymbol": name, "instrumentId": place}
            for place, name in enumerate(trading_symbols, 1)
        ]
    )


def found(index: SymbolIndex, symbol: str) -> str | None:
    contract = index.find(symbol)
    return contract.trading_symbol if contract else None


@pytest.mark.parametrize(
    ("symbol", "trading_symbol", "number"),
    [
        ("RELIANCE", "RELIANCE-EQ", "2885"),
        ("RELIANCE-EQ", "RELIANCE-EQ", "2885"),
        ("reliance", "RELIANCE-EQ", "2885"),
        (" RELIANCE ", "RELIANCE-EQ", "2885"),
        ("M&M", "M&M-EQ", "2031"),
        ("BAJAJ-AUTO", "BAJAJ-AUTO-EQ", "16669"),
        ("BAJAJ-AUTO-EQ", "BAJAJ-AUTO-EQ", "16669"),
        ("IDEA", "IDEA-EQ", "14366"),
        ("RELINFRA", "RELINFRA-BE", None),
        ("RELINFRA-BE", "RELINFRA-BE", None),
        ("M&MFIN", "M&MFIN-EQ", None),
        ("M&MFIN-N3", "M&MFIN-N3", None),
        ("IMC1-N2", "IMC1-N2", None),
    ],
)
def test_a_real_symbol_is_its_contract(
    index: SymbolIndex, symbol: str, trading_symbol: str, number: str | None
) -> None:
    contract = index.find(symbol)
    assert contract is not None
    assert contract.trading_symbol == trading_symbol
    assert number is None or contract.instrument_id == number


@pytest.mark.parametrize(
    "symbol", ["RELIANC", "REL", "RELIANCE-", "RELIANCE-BE", "RELIANCEE", "", "-EQ", "EQ", "BAJAJ", "M", "*", "MM"]
)
def test_a_part_of_a_symbol_is_no_symbol(index: SymbolIndex, symbol: str) -> None:
    assert index.find(symbol) is None


@pytest.mark.parametrize("symbol", ["HDFC", "TATAMOTORS"])
def test_a_share_that_is_listed_no_more_is_not_found_under_a_similar_name(index: SymbolIndex, symbol: str) -> None:
    assert index.find(symbol) is None


@pytest.mark.parametrize("symbol", ["IMC1", "AAFS27B"])
def test_a_symbol_of_several_series_that_are_no_shares_is_ambiguous(index: SymbolIndex, symbol: str) -> None:
    assert index.find(symbol) is None


def test_all_of_the_nifty_500_are_found_exactly(index: SymbolIndex, shared_data: Path) -> None:
    (path,) = (shared_data / "indices").glob("ind_nifty500list*.csv")
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 500
    # The list's own series is not compared: RELINFRA and OLAELEC change theirs.
    assert [
        row["Symbol"] for row in rows if (hit := index.find(row["Symbol"])) is None or hit.symbol != row["Symbol"]
    ] == []


def test_of_several_series_the_plain_shares_one_is_meant() -> None:
    index = SymbolIndex(made("ABC-N1", "ABC-BE", "ABC-EQ", "ABC-SM"))
    assert found(index, "ABC") == "ABC-EQ"
    assert found(index, "ABC-SM") == "ABC-SM"
    assert found(SymbolIndex(made("ABC-N1", "ABC-SM", "ABC-BE")), "ABC") == "ABC-BE"


def test_two_rows_of_the_same_series_are_ambiguous_and_another_series_is_not_taken_instead() -> None:
    assert found(SymbolIndex(made("ABC-EQ", "abc-EQ", "ABC-BE")), "ABC") is None


def test_a_symbol_of_one_series_is_found_whatever_the_series() -> None:
    assert found(SymbolIndex(made("ABC-N1", "XYZ-N1")), "ABC") == "ABC-N1"


def test_bse_names_have_no_series_to_leave_out() -> None:
    index = SymbolIndex(made("BAJAJ-AUTO", "RELIANCE", exchange="BSEEQ"))
    assert found(index, "BAJAJ-AUTO") == "BAJAJ-AUTO"
    assert found(index, "BAJAJ") is None


class Files:
    """A source of contract files with a clock beside it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rows = made("ABC-EQ")
        self.asked: list[str] = []
        self.broken = False

    def load(self, exchange: str) -> list[Contract]:
        self.asked.append(exchange)
        if self.broken:
            raise BrokerUnreachable("gone")
        return self.rows

    def directory(self) -> SymbolDirectory:
        return SymbolDirectory(self.load, clock=lambda: self.now)


def test_the_file_is_read_anew_after_the_indexs_life_and_not_before() -> None:
    files = Files()
    directory = files.directory()
    directory.resolve("ABC", "NSEEQ")
    files.rows = made("XYZ-EQ")
    files.now += INDEX_LIFE - 0.1
    assert directory.resolve("ABC", "NSEEQ").symbol == "ABC"
    assert files.asked == ["NSEEQ"]
    files.now += 0.1
    assert directory.resolve("XYZ", "NSEEQ").symbol == "XYZ"
    with pytest.raises(UnknownSymbol, match="ABC"):
        directory.resolve("ABC", "NSEEQ")
    assert files.asked == ["NSEEQ", "NSEEQ"]


def test_each_exchange_has_a_file_of_its_own() -> None:
    files = Files()
    directory = files.directory()
    for exchange in ("NSEEQ", "BSEEQ", "NSEEQ", "BSEEQ"):
        directory.resolve("ABC", exchange)
    assert files.asked == ["NSEEQ", "BSEEQ"]


def test_while_the_file_cannot_be_had_the_symbols_known_before_are_found_and_it_is_asked_for_once_a_life() -> None:
    files = Files()
    directory = files.directory()
    directory.resolve("ABC", "NSEEQ")
    files.broken = True
    files.now += INDEX_LIFE
    for _ in range(3):
        assert directory.resolve("ABC", "NSEEQ").symbol == "ABC"
    assert len(files.asked) == 2


def test_without_any_file_the_brokers_error_is_the_answer_and_is_not_remembered() -> None:
    files = Files()
    directory = files.directory()
    files.broken = True
    with pytest.raises(BrokerUnreachable):
        directory.resolve("ABC", "NSEEQ")
    files.broken = False
    assert directory.resolve("ABC", "NSEEQ").symbol == "ABC"


def test_what_is_forgotten_is_read_anew() -> None:
    files = Files()
    directory = files.directory()
    directory.resolve("ABC", "NSEEQ")
    directory.forget()
    directory.resolve("ABC", "NSEEQ")
    assert files.asked == ["NSEEQ", "NSEEQ"]


@pytest.mark.parametrize("look_up", [gateway.resolve, lambda symbol: gateway.quotes([symbol])])
@pytest.mark.django_db
def test_many_look_ups_are_one_contract_file_even_without_redis(
    simulator: Simulator, look_up: Callable[[str], object]
) -> None:
    for symbol in ("RELIANCE", "INFY", "M&M", "TCS", "RELIANCE-EQ"):
        look_up(symbol)
    with pytest.raises(UnknownSymbol):
        look_up("RELIANC")
    assert [call.route for call in simulator.calls].count("contractfiles") == 1
