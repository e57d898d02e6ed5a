"""A contract file as CSV, in whatever pieces it comes; and whatever else comes in its place."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.errors import BrokerAnswerUnclear, BrokerError, BrokerRefused, BrokerUnreachable
from broker.iifl.mapping import contract_csv
from broker.values import CONTRACT_FILES
from tests.broker.contract_files import TITLES, as_csv, contracts, share
from tests.broker.wire import EC_SHAPES

HEADER = ",".join(TITLES.values())
RELIANCE = share("RELIANCE-EQ", 2885, underlyingInstrumentName="RELIANCE, INDUSTRIES “LTD”")


def rows(pieces: Iterable[bytes]) -> Iterator[Any]:
    return (row for _, row in contract_csv.rows(pieces, lambda *_: None))


def read(*pieces: bytes) -> list[Any]:
    return list(rows(pieces))


def malformed(body: bytes) -> list[str]:
    """What is said of the rows that are left out."""
    found: list[str] = []
    list(contract_csv.rows([body], lambda number, error: found.append(f"{number}: {error}")))
    return found


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_rows_are_the_same_in_whatever_pieces_they_come(size: int, bom: bytes) -> None:
    sent = [RELIANCE, share("M&M-EQ", 2031), share("BAJAJ-AUTO-EQ", 16669)]
    assert contracts(rows(in_pieces(bom + as_csv(sent), size))) == contracts(sent)


def test_a_table_under_the_json_files_names_is_read_too() -> None:
    body = as_csv([RELIANCE]).decode().replace(HEADER, ",".join(TITLES))
    assert contracts(read(body.encode())) == contracts([RELIANCE])


def test_columns_may_change_places_and_titles_their_blanks_and_capitals() -> None:
    body = b" trading  symbol ,EXCHANGE,Something New,Instrument Id\nRELIANCE-EQ,NSEEQ,?,2885"
    assert [found.instrument_id for found in contracts(read(body))] == ["2885"]


GOOD = "NSEEQ,CCC,33,EQUITY,XX,0,CCC LTD,CCC-EQ,,1,0.05"
MALFORMED = {
    "a quotation mark that opens only": 'NSEEQ,BBB,22,EQUITY,XX,0,"BBB LTD,BBB-EQ,,1,0.05',
    "a quotation mark within a cell": 'NSEEQ,EEE,55,EQUITY,XX,0,E"E LTD,EEE-EQ,,1,0.05',
    "two quotation marks within a cell": 'NSEEQ,EEE,55,EQUITY,XX,0,E"E" LTD,EEE-EQ,,1,0.05',
    "a comma too many": "NSEEQ,BBB,22,EQUITY,XX,0,BBB MOTORS, DVR,BBB-EQ,,1,0.05",
    "a comma that moves another symbol into place": "NSEEQ,FFF,66,EQUITY,XX,0,F, CCC-EQ,FFF-EQ,,1,0.05",
    "an end too early": "NSEEQ,BBB,22,EQUITY",
    "a quoted line break": 'NSEEQ,BBB,22,EQUITY,XX,0,"BBB\nLTD",BBB-EQ,,1,0.05',
}


@pytest.mark.parametrize("row", MALFORMED.values(), ids=MALFORMED)
def test_a_row_that_has_not_the_headers_cells_is_counted_and_spoils_no_other(row: str) -> None:
    body = "\n".join([HEADER, GOOD.replace("CCC", "AAA"), row, GOOD, ""]).encode()
    assert [found.symbol for found in contracts(read(body))] == ["AAA", "CCC"]
    assert [found.instrument_id for found in contracts(read(body))] == ["33", "33"]
    said = malformed(body)
    assert len(said) == row.count("\n") + 1
    assert said[0].startswith("3: ")


def test_two_rows_with_a_quotation_mark_each_do_not_hide_the_rows_between_them() -> None:
    body = "\n".join(
        [HEADER, MALFORMED["a quotation mark that opens only"], GOOD, MALFORMED["a quotation mark within a cell"], ""]
    )
    assert [found.instrument_id for found in contracts(read(body.encode()))] == ["33"]
    assert len(malformed(body.encode())) == 2


def test_a_quoted_cell_may_hold_commas_and_doubled_quotation_marks() -> None:
    body = f'{HEADER}\nNSEEQ,BBB,22,EQUITY,XX,0,"BBB, ""THE"" LTD",BBB-EQ,,1,0.05\n'.encode()
    assert [found.name for found in contracts(read(body))] == ['BBB, "THE" LTD']
    assert malformed(body) == []


def test_a_header_that_names_a_column_twice_is_none() -> None:
    with pytest.raises(BrokerAnswerUnclear, match="without its header"):
        read(f"{HEADER},Trading Symbol\n{GOOD},OTHER-EQ\n".encode())


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\n"])
def test_an_empty_body_is_worth_another_try(body: bytes) -> None:
    with pytest.raises(BrokerUnreachable, match="empty") as caught:
        read(body)
    assert caught.value.retryable


def test_a_header_alone_is_a_file_without_contracts() -> None:
    assert read(HEADER.encode()) == []


def test_a_file_that_ends_within_a_row_is_not_taken_for_whole() -> None:
    with pytest.raises(BrokerUnreachable, match="within a row"):
        read(as_csv([RELIANCE, RELIANCE])[:-20])


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"<html><body>Please try again later.</body></html>",
            b"NSEEQ,RELIANCE-EQ,2885\n",
            b"\x00\xff\xfe",
            b"a,b\n1,2",
        ),
        *(b"[]", b"{}", b'[{"exchange": "NSEEQ"}]', b"{" * 5_000, b'{"result": ', b'"' * 99_999),
        HEADER.encode() + b"\n" + b"x" * 200_000,
    ],
    ids=range(11),
)
def test_what_is_no_contract_file_is_unclear(body: bytes) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        list(rows(in_pieces(body, 1_000)))


@pytest.mark.parametrize("shape", EC_SHAPES.values(), ids=EC_SHAPES.keys())
def test_a_refusal_in_the_files_place_is_the_brokers(shape: Any) -> None:
    with pytest.raises(BrokerRefused, match="so it is") as caught:
        read(json.dumps(shape("EC003"), indent=1).encode())
    assert caught.value.ec == "EC003"


awkward = st.sampled_from(
    ["", "-", "NaN", "NA", "1e999999", "9" * 5_000, "-1e17", "\0", '"', "'", "INDEX", "NSEEQ", "A-EQ", "-EQ", "٣", "%"]
)
cells = st.text(max_size=12) | awkward
tables = st.lists(st.dictionaries(st.sampled_from(list(TITLES)), cells, max_size=11), max_size=6).map(
    lambda sent: "".join(
        [HEADER, *("\r\n" + ",".join(f'"{row.get(name, "")}"' for name in TITLES) for row in sent)]
    ).encode(errors="replace")
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(body=st.binary(max_size=300) | tables, size=st.integers(1, 200), file=st.sampled_from(CONTRACT_FILES))
@example(body=HEADER.encode() + b"\n" + b'"' * 7, size=3, file=CONTRACT_FILES[0])
def test_rubbish_is_contracts_or_one_of_our_errors(body: bytes, size: int, file: str) -> None:
    try:
        found = contracts(rows(in_pieces(body, size)), file)
    except BrokerError:
        return
    assert all(item.instrument_id and item.trading_symbol for item in found)
