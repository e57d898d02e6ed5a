"""What the broker refuses in a request for candles, always inside "Ok" with HTTP 200."""

import json

import pytest

from tests.broker.simulator.caller import Caller

GOOD = {
    "exchange": "NSEEQ",
    "instrumentId": "2885",
    "interval": "1 day",
    "fromDate": "03-Nov-2025",
    "toDate": "07-Nov-2025",
}
WRONG = [
    ("exchange", None, "EC900"),
    ("exchange", "NSE", "EC901"),
    ("instrumentId", "", "EC941"),
    ("instrumentId", "RELIANCE", "EC946"),
    ("instrumentId", "0", "EC808"),
    ("instrumentId", "-5", "EC808"),
    ("instrumentId", "123456789", "EC947"),
    ("interval", None, "EC801"),
    ("interval", "1 Day", "EC802"),
    ("fromDate", None, "EC803"),
    ("fromDate", "2025-11-03", "EC804"),
    ("fromDate", "31-Feb-2025", "EC804"),
    ("fromDate", "03-Foo-2025", "EC804"),
    ("toDate", "", "EC805"),
    ("toDate", "2025-11-07", "EC806"),
    ("fromDate", "08-Nov-2025", "EC807"),
    ("fromDate", "07-Nov-2025", "EC810"),
    ("fromDate", "01-Jan-1900", "EC809"),
]


@pytest.mark.parametrize(("key", "value", "code"), WRONG)
def test_a_wrong_request_is_recognized_by_its_code(caller: Caller, key: str, value: object, code: str) -> None:
    answer = caller.send("POST", "/marketdata/historicaldata", GOOD | {key: value})
    content = json.loads(answer.body)
    assert (answer.status, content["status"]) == (200, "Ok")
    assert [row["status"] for row in content["result"]] == [code]


def test_a_long_range_of_minutes_is_refused_earlier_than_one_of_days(caller: Caller) -> None:
    asked = GOOD | {"fromDate": "01-Jan-2020"}
    minutes = caller.content("POST", "/marketdata/historicaldata", asked | {"interval": "1 minute"})
    assert minutes["result"][0]["status"] == "EC809"
    assert caller.content("POST", "/marketdata/historicaldata", asked)["result"][0]["candles"]


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b"null", b'"text"'])
@pytest.mark.parametrize("path", ["/marketdata/historicaldata", "/marketdata/marketquotes"])
def test_a_body_of_the_wrong_kind_is_ec005(caller: Caller, path: str, body: object) -> None:
    assert caller.content("POST", path, body)["result"][0]["status"] == "EC005"


def test_months_may_be_written_in_lower_case(caller: Caller) -> None:
    assert len(caller.history("1 day", "03-nov-2025", "07-NOV-2025")) == 5


def test_the_older_spelling_of_the_instrument_is_understood(caller: Caller) -> None:
    asked = {key: value for key, value in GOOD.items() if key != "instrumentId"} | {"InstrumentId": "2885"}
    assert caller.content("POST", "/marketdata/historicaldata", asked)["result"][0]["candles"]
