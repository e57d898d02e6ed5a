"""Symbols mean exactly one contract, or none; a look-up is two statements by index, the next one none."""

import csv
import json
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from broker import gateway
from broker.contracts import master
from broker.contracts.directory import SYMBOL_TTL, SymbolDirectory, find
from broker.errors import BrokerUnreachable, UnknownSymbol
from broker.simulator import Simulator
from systemcache.local import ttl_dict
from tests.broker.contract_files import index, put, share, shares

pytestmark = pytest.mark.django_db


def found(symbol: str, file: str = "NSEEQ") -> str | None:
    contract = find(file, symbol)
    return contract.trading_symbol if contract else None


@pytest.fixture
def real_file(market_data: Path, simulator: Simulator) -> None:
    """All of NSE's contracts."""
    put("NSEEQ", json.loads((market_data / "contracts" / "NSEEQ.json").read_text()))
    put("INDICES", [index("NIFTY 50", 999920000)])


REAL = {
    "RELIANCE": ("RELIANCE-EQ", "2885"),
    "RELIANCE-EQ": ("RELIANCE-EQ", "2885"),
    "reliance": ("RELIANCE-EQ", "2885"),
    " RELIANCE ": ("RELIANCE-EQ", "2885"),
    "M&M": ("M&M-EQ", "2031"),
    "BAJAJ-AUTO": ("BAJAJ-AUTO-EQ", "16669"),
    "BAJAJ-AUTO-EQ": ("BAJAJ-AUTO-EQ", "16669"),
    "IDEA": ("IDEA-EQ", "14366"),
    "RELINFRA": ("RELINFRA-BE", None),
    "RELINFRA-BE": ("RELINFRA-BE", None),
    "M&MFIN": ("M&MFIN-EQ", None),
    "M&MFIN-N3": ("M&MFIN-N3", None),
    "IMC1-N2": ("IMC1-N2", None),
}
PARTS = ["RELIANC", "REL", "RELIANCE-", "RELIANCE-BE", "RELIANCEE", "", "-EQ", "EQ", "BAJAJ", "M", "*", "MM", "%", "_"]
LISTED_NO_MORE = ["HDFC", "TATAMOTORS"]
OF_SEVERAL_SERIES = ["IMC1", "AAFS27B"]


def test_a_real_symbol_is_its_contract(real_file: None) -> None:
    for symbol, (trading_symbol, number) in REAL.items():
        contract = gateway.resolve(symbol)
        assert contract.trading_symbol == trading_symbol, symbol
        assert number is None or contract.instrument_id == number


def test_a_part_of_a_symbol_and_an_ambiguous_one_are_no_symbols(real_file: None) -> None:
    for symbol in (*PARTS, *LISTED_NO_MORE, *OF_SEVERAL_SERIES, "A\0B", "\ud800", "A" * 5000):
        with pytest.raises(UnknownSymbol):
            gateway.resolve(symbol)


def test_all_of_the_nifty_500_are_found_exactly(real_file: None, market_data: Path) -> None:
    (path,) = (market_data / "indices").glob("ind_nifty500list*.csv")
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 500
    # The list's own series is not compared: RELINFRA and OLAELEC change theirs.
    assert [row["Symbol"] for row in rows if gateway.resolve(row["Symbol"]).symbol != row["Symbol"]] == []


def test_of_several_series_the_plain_shares_one_is_meant() -> None:
    put("NSEEQ", shares("ABC-N1", "ABC-BE", "ABC-EQ", "ABC-SM"))
    assert found("ABC") == "ABC-EQ"
    assert found("ABC-SM") == "ABC-SM"
    put("NSEEQ", shares("ABC-N1", "ABC-SM", "ABC-BE"))
    assert found("ABC") == "ABC-BE"


def test_two_rows_of_the_same_series_are_ambiguous_and_another_series_is_not_taken_instead() -> None:
    put("NSEEQ", shares("ABC-EQ", "abc-EQ", "ABC-BE"))
    assert found("ABC") is None


def test_a_trading_symbol_of_two_contracts_is_ambiguous() -> None:
    put("NSEEQ", [share("TWICE-EQ", 801), share("TWICE-EQ", 802)])
    assert found("TWICE") is None
    assert found("TWICE-EQ") is None


def test_an_index_of_both_exchanges_is_each_exchanges_own(simulator: Simulator) -> None:
    put("INDICES", [index("SECTOR", 1, "NSEEQ"), index("SECTOR", 2, "BSEEQ")])
    assert gateway.resolve("SECTOR", "NSEEQ").instrument_id == "1"
    assert gateway.resolve("SECTOR", "BSEEQ").instrument_id == "2"
    with pytest.raises(UnknownSymbol):
        gateway.resolve("SECTOR", "INDICES")


def test_one_and_the_same_row_twice_is_not_ambiguous() -> None:
    put("NSEEQ", shares("ABC-EQ") * 3)
    assert found("ABC") == "ABC-EQ"


def test_a_symbol_of_one_series_is_found_whatever_the_series() -> None:
    put("NSEEQ", shares("ABC-N1", "XYZ-N1"))
    assert found("ABC") == "ABC-N1"


def test_small_letters_in_the_file_are_found_too() -> None:
    put("INDICES", [index("Nifty Bank", 999920005)])
    assert found("NIFTY BANK", "INDICES") == "Nifty Bank"


def test_bse_names_have_no_series_to_leave_out() -> None:
    put("BSEEQ", shares("BAJAJ-AUTO", "RELIANCE", exchange="BSEEQ"))
    assert found("BAJAJ-AUTO", "BSEEQ") == "BAJAJ-AUTO"
    assert found("BAJAJ", "BSEEQ") is None
    assert found("RELIANCE") is None


def test_an_index_is_found_in_indices_and_where_it_is_quoted(simulator: Simulator) -> None:
    nifty = gateway.resolve("NIFTY 50", "INDICES")
    assert (nifty.instrument_id, nifty.exchange) == ("999920000", "NSEEQ")
    assert gateway.resolve("NIFTY 50", "NSEEQ") == nifty
    assert gateway.resolve("SENSEX", "BSEEQ").instrument_id == "999901"
    with pytest.raises(UnknownSymbol):
        gateway.resolve("SENSEX", "NSEEQ")


def test_a_share_of_bse_alone_is_found_there(simulator: Simulator) -> None:
    put("BSEEQ", [share("ONLYHERE", 511_000, "BSEEQ")])
    assert gateway.resolve("ONLYHERE", "BSEEQ").instrument_id == "511000"
    with pytest.raises(UnknownSymbol):
        gateway.resolve("ONLYHERE")


def test_rows_of_another_broker_are_not_seen(simulator: Simulator, settings: Settings) -> None:
    """Instrument ids of the simulator would be other shares at the broker."""
    assert find("NSEEQ", "RELIANCE") is None
    gateway.resolve("RELIANCE")
    assert find("NSEEQ", "RELIANCE") is not None
    settings.IIFL_BASE_URL = "http://127.0.0.1:9/v1"
    assert find("NSEEQ", "RELIANCE") is None


# --- what a process remembers --------------------------------------------------------------------------------


class Watch:
    """A clock, and a source that says whether its files can be had."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ensured: list[str] = []
        self.broken = False

    def ensure(self, file: str) -> None:
        self.ensured.append(file)
        if self.broken:
            raise BrokerUnreachable("gone")

    def directory(self) -> SymbolDirectory:
        return SymbolDirectory(self.ensure, clock=lambda: self.now)


def test_a_symbol_known_to_the_process_costs_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    put("NSEEQ", shares("ABC-EQ"))
    watch = Watch()
    directory = watch.directory()
    with django_assert_num_queries(1):
        first = directory.resolve("ABC", "NSEEQ")
    with django_assert_num_queries(0):
        assert directory.resolve(" abc ", "NSEEQ") == first
    assert watch.ensured == ["NSEEQ"]


def test_what_the_process_remembers_ends_after_its_life_and_not_before() -> None:
    put("NSEEQ", shares("ABC-EQ"))
    watch = Watch()
    directory = watch.directory()
    directory.resolve("ABC", "NSEEQ")
    put("NSEEQ", shares("XYZ-EQ"))
    watch.now += SYMBOL_TTL - 0.1
    assert directory.resolve("ABC", "NSEEQ").symbol == "ABC"
    watch.now += 0.2
    assert directory.resolve("XYZ", "NSEEQ").symbol == "XYZ"
    with pytest.raises(UnknownSymbol, match="ABC"):
        directory.resolve("ABC", "NSEEQ")


def test_a_refresh_of_this_process_is_seen_at_once(simulator: Simulator) -> None:
    gateway.resolve("RELIANCE")
    put("NSEEQ", shares("ABC-EQ"))
    assert gateway.resolve("RELIANCE").symbol == "RELIANCE"
    gateway.refresh_contracts("NSEEQ", retry_delays=())
    put("NSEEQ", [share("RELIANCE-EQ", 77)])
    assert gateway.resolve("RELIANCE").instrument_id == "77"


def test_only_the_newest_symbols_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ttl_dict, "MAX_ENTRIES", 20)
    put("NSEEQ", [share(f"S{number}-EQ", number) for number in range(30)])
    directory = Watch().directory()
    for number in range(30):
        directory.resolve(f"S{number}", "NSEEQ")
    put("NSEEQ", [share("OTHER-EQ", 99)])
    with pytest.raises(UnknownSymbol):
        directory.resolve("S9", "NSEEQ")
    assert [directory.resolve(f"S{number}", "NSEEQ").symbol for number in range(10, 30)]


def test_without_any_file_the_brokers_error_is_the_answer_and_is_not_remembered() -> None:
    watch = Watch()
    directory = watch.directory()
    watch.broken = True
    with pytest.raises(BrokerUnreachable):
        directory.resolve("ABC", "NSEEQ")
    watch.broken = False
    put("NSEEQ", shares("ABC-EQ"))
    assert directory.resolve("ABC", "NSEEQ").symbol == "ABC"


@pytest.mark.parametrize("with_redis", [True, False])
def test_many_look_ups_are_one_contract_file_with_redis_and_without(
    simulator: Simulator, request: pytest.FixtureRequest, with_redis: bool
) -> None:
    if with_redis:
        request.getfixturevalue("redis_store")
    for symbol in ("RELIANCE", "INFY", "M&M", "TCS", "RELIANCE-EQ"):
        gateway.resolve(symbol)
        gateway.quotes([symbol])
        gateway.clear_symbol_cache()  # as in another process
    assert [call.route for call in simulator.calls].count("contractfiles") == 1


def test_a_known_symbol_asks_neither_database_nor_redis(
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    contract = gateway.resolve("RELIANCE")
    monkeypatch.setattr(master, "fetch", None)
    with django_assert_num_queries(0):
        assert gateway.resolve("RELIANCE") == contract
