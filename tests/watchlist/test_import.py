"""importwatchlist and samplewatchlist."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from broker.errors import BrokerUnreachable
from tests.watchlist.conftest import Market, contract
from watchlist.models import WatchlistItem

pytestmark = pytest.mark.django_db

HEADER = "Company Name,Industry,Symbol,Series,ISIN Code"


@pytest.fixture
def index_list(tmp_path: Path) -> Path:
    return written(tmp_path, HEADER, 'Tata Consultancy,"IT, Services",TCS,EQ,X', "Infosys Ltd.,IT,INFY,EQ,Y")


def written(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "list.csv"
    path.write_bytes((end.join(lines) + end).encode())
    return path


def run(*arguments: object) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def symbols() -> list[str]:
    return list(WatchlistItem.objects.values_list("symbol", flat=True))


def test_the_symbols_of_an_index_list_are_added(market: Market, index_list: Path) -> None:
    assert run("importwatchlist", index_list, "--category", "long_term") == "2 added to long_term, 0 already there.\n"
    assert symbols() == ["INFY", "TCS"]
    assert set(WatchlistItem.objects.values_list("category", "exchange")) == {("long_term", "NSEEQ")}


def test_what_is_there_stays_as_it_is(market: Market, index_list: Path) -> None:
    WatchlistItem.objects.create(symbol="TCS", category="hold", is_active=False, notes="mine")
    assert run("importwatchlist", index_list, "--category", "hold") == "1 added to hold, 1 already there.\n"
    mine = WatchlistItem.objects.get(symbol="TCS")
    assert (mine.is_active, mine.notes) == (False, "mine")
    assert run("importwatchlist", index_list, "--category", "hold") == "0 added to hold, 2 already there.\n"


def test_an_unknown_symbol_stops_the_import(market: Market, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, "a,b,TCS,EQ,X", "a,b,DUMMY1,EQ,Y", "a,b,DUMMY2,EQ,Y")
    with pytest.raises(CommandError, match="NSEEQ does not know DUMMY1, DUMMY2"):
        run("importwatchlist", path)
    assert symbols() == []
    said = run("importwatchlist", path, "--skip-unknown")
    assert "1 added" in said
    assert "DUMMY1, DUMMY2" in said
    assert symbols() == ["TCS"]


def test_symbols_are_looked_up_on_the_exchange_that_was_named(market: Market, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, "a,b,RELIANCE,EQ,X")
    run("importwatchlist", path, "--exchange", "BSEEQ")
    assert WatchlistItem.objects.get().exchange == "BSEEQ"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_mark_at_the_start_blank_lines_and_windows_line_ends_do_no_harm(
    market: Market, tmp_path: Path, end: str
) -> None:
    lines = ("\ufeffSymbol , Series", "", " tcs ,EQ", "  ,", "INFY,EQ", "TCS,EQ", "")
    assert "2 added" in run("importwatchlist", written(tmp_path, *lines, end=end))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Name,Ticker\nTata,TCS\n", "no column 'Symbol'"),
        (b"", "no column 'Symbol'"),
        (b"Symbol\n\xff\xfe\n", "not a CSV file in UTF-8"),
        (b'Symbol\n"' + b"x" * 200_000, "line 2 has a quotation mark that does not enclose a cell"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_a_sentence(
    market: Market, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=said):
        run("importwatchlist", path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('"Infosys Ltd.,X,INFY,EQ,I', "line 3 has a quotation mark"),
        ('Infosys "Ltd.,X,INFY,EQ,I', "line 3 has a quotation mark"),
        ('"Infosys\nLtd.",X,INFY,EQ,I', "line 3 has a quotation mark"),
        ("Reliance,X", "line 3 has 2 cells where the header has 5"),
        ("Infosys, Ltd.,X,INFY,EQ,I", "line 3 has 6 cells where the header has 5"),
        ("Infosys Ltd.,X,,EQ,I", "has no symbol"),
    ],
)
def test_a_row_that_has_not_the_headers_cells_stops_the_import(
    market: Market, tmp_path: Path, row: str, said: str
) -> None:
    path = written(tmp_path, HEADER, "Reliance,X,RELIANCE,EQ,I", row, "SBI,X,SBIN,EQ,I", "TCS,X,TCS,EQ,I")
    with pytest.raises(CommandError, match=said):
        run("importwatchlist", path, "--skip-unknown")
    assert symbols() == []


def test_a_missing_file_is_refused_in_a_sentence(market: Market, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run("importwatchlist", tmp_path / "none.csv")


def test_a_broker_that_is_away_stops_the_import(market: Market, index_list: Path) -> None:
    market.failure = BrokerUnreachable("refused")
    with pytest.raises(CommandError, match="cannot be reached"):
        run("importwatchlist", index_list)


def test_a_real_index_list_is_read(market: Market, market_data: Path) -> None:
    path = market_data / "indices" / "ind_nifty50list.2025-12.csv"
    with pytest.raises(CommandError) as refused:
        run("importwatchlist", path)
    unknown = str(refused.value)
    assert "ADANIENT" in unknown
    for symbol in unknown.partition("know ")[2].partition(".")[0].split(", "):
        market.add(contract(symbol))
    assert "50 added" in run("importwatchlist", path)


def test_the_sample_fills_an_empty_watchlist_only(market: Market) -> None:
    market.failure = BrokerUnreachable("refused")
    assert run("samplewatchlist") == "10 added.\n"
    assert len(set(WatchlistItem.objects.values_list("category"))) == 4
    WatchlistItem.objects.exclude(symbol="TCS").delete()
    assert run("samplewatchlist") == "The watchlist is not empty; nothing was added.\n"
    assert symbols() == ["TCS"]
