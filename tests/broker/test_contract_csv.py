"""A contract file as CSV, in whatever pieces it comes; and whatever else comes in its place."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.errors import BrokerAnswerUnclear, BrokerError, BrokerRefused, BrokerUnreachable
from broker.mapping import contract_csv
from broker.mapping.contracts import contract
from broker.values import CONTRACT_FILES
from tests.broker.contract_files import TITLES, as_csv, contracts, share
from tests.broker.wire import EC_SHAPES

HEADER = ",".join(TITLES.values())
RELIANCE = share("RELIANCE-EQ", 2885, underlyingInstrumentName="RELIANCE, INDUSTRIES “LTD”")


def read(*pieces: bytes) -> list[Any]:
    return list(contract_csv.rows(pieces))


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_rows_are_the_same_in_whatever_pieces_they_come(size: int, bom: bytes) -> None:
    rows = [RELIANCE, share("M&M-EQ", 2031), share("BAJAJ-AUTO-EQ", 16669)]
    found = contract_csv.rows(in_pieces(bom + as_csv(rows), size))
    assert contracts(found) == contracts(rows)


def test_a_table_under_the_json_files_names_is_read_too() -> None:
    body = as_csv([RELIANCE]).decode().replace(HEADER, ",".join(TITLES))
    assert contracts(read(body.encode())) == contracts([RELIANCE])


def test_columns_may_change_places_and_titles_their_blanks_and_capitals() -> None:
    body = b" trading  symbol ,EXCHANGE,Something New,Instrument Id\nRELIANCE-EQ,NSEEQ,?,2885"
    assert [found.instrument_id for found in contracts(read(body))] == ["2885"]


def test_a_row_with_too_few_columns_is_left_out_and_one_with_more_is_not() -> None:
    body = as_csv([RELIANCE]).rstrip() + b",more\nNSEEQ,half\n\n" + as_csv([share("TCS-EQ")]).split(b"\n", 1)[1]
    assert [found.symbol for found in contracts(read(body))] == ["RELIANCE", "TCS"]


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
        HEADER.encode() + b'\n"' + b"x\n" * 200_000,
        HEADER.encode() + b"\n" + b"x" * 200_000,
    ],
    ids=range(12),
)
def test_what_is_no_contract_file_is_unclear(body: bytes) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        list(contract_csv.rows(in_pieces(body, 1_000)))


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
    lambda rows: "".join(
        [HEADER, *("\r\n" + ",".join(f'"{row.get(name, "")}"' for name in TITLES) for row in rows)]
    ).encode(errors="replace")
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(body=st.binary(max_size=300) | tables, size=st.integers(1, 200), file=st.sampled_from(CONTRACT_FILES))
@example(body=HEADER.encode() + b"\n" + b'"' * 7, size=3, file=CONTRACT_FILES[0])
def test_rubbish_is_contracts_or_one_of_our_errors(body: bytes, size: int, file: str) -> None:
    try:
        found = [contract(file, row) for row in contract_csv.rows(in_pieces(body, size))]
    except BrokerError:
        return
    assert all(item is None or (item.instrument_id and item.trading_symbol) for item in found)
