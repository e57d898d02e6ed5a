"""Failures inside "Ok", failures under other names, and what is no answer at all."""

from collections.abc import Callable
from typing import Any

import pytest

from broker.errors import (
    AccountBlocked,
    BrokerAddressRefused,
    BrokerAnswerUnclear,
    BrokerError,
    BrokerLoginRequired,
    BrokerRefused,
)
from broker.iifl.mapping import books, envelope, market
from broker.values import Interval
from tests.broker.wire import EC_SHAPES, ok, sample

READERS: dict[str, Callable[[Any], Any]] = {
    "profile": books.profile,
    "margins": books.margins,
    "holdings": books.holdings,
    "positions": books.positions,
    "orders": books.orders,
    "trades": books.trades,
    "candles": lambda answer: market.candles(answer, Interval.DAY),
    "quotes": market.quotes,
}
any_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
any_ec_shape = pytest.mark.parametrize("shape", EC_SHAPES.values(), ids=EC_SHAPES.keys())


def test_a_refusal_inside_ok_is_an_error_and_is_not_an_empty_list_of_candles() -> None:
    with pytest.raises(BrokerRefused, match="DD-MMM-YYYY") as caught:
        market.candles(sample("historicaldata_EC804_inside_Ok"), Interval.DAY)
    assert caught.value.ec == "EC804"


@any_reader
@any_ec_shape
def test_a_code_is_found_in_every_wrapping_by_every_reader(
    read: Callable[[Any], Any], shape: Callable[[str], Any]
) -> None:
    with pytest.raises(BrokerRefused, match="so it is") as caught:
        read(shape("EC003"))
    assert caught.value.ec == "EC003"


def test_an_address_that_is_not_registered_is_told_with_what_to_do() -> None:
    with pytest.raises(BrokerAddressRefused, match=r"IPv4 address .* IPv6") as caught:
        envelope.result(EC_SHAPES["list"]("EC500"))
    assert (caught.value.code, caught.value.ec) == ("broker_ip_not_allowed", "EC500")


@pytest.mark.parametrize("code", ["EC004", "EC014", "EC081", "EC703", "EC704", "EC705"])
def test_a_blocked_account_sends_to_the_brokers_support(code: str) -> None:
    with pytest.raises(AccountBlocked, match=rf"so it is \({code}\)"):
        envelope.result(EC_SHAPES["object"](code))


@pytest.mark.parametrize(
    ("code", "meaning"), [("EC809", "too long"), ("EC002", "no such client"), ("EC777", "no reason given")]
)
def test_a_code_without_a_message_is_explained(code: str, meaning: str) -> None:
    with pytest.raises(BrokerRefused, match=meaning):
        envelope.result({"status": "Ok", "result": [{"status": code, "message": ""}]})


@any_reader
@any_ec_shape
@pytest.mark.parametrize("code", ["EC044", "EC053", "EC054", "EC055", "EC075"])
def test_a_code_about_the_session_asks_for_a_login(
    read: Callable[[Any], Any], shape: Callable[[str], Any], code: str
) -> None:
    with pytest.raises(BrokerLoginRequired, match="brokerlogin"):
        read(shape(code))


@any_reader
@pytest.mark.parametrize(
    "answer",
    [
        {"stat": "Not_Ok", "emsg": "Session Expired"},
        {"status": "Not_Ok", "message": "Session Expired"},
        {"status": "NOT_OK", "message": "Session Expired", "result": []},
        {"status": "error", "message": "Session Expired"},
        {"status": False, "message": "Session Expired", "result": []},
        ok({"stat": "Error", "emsg": "Session Expired"}),
        ok([{"status": "Not_Ok", "message": "Session Expired"}]),
    ],
    ids=str,
)
def test_a_failure_without_a_code_is_refused_too(read: Callable[[Any], Any], answer: Any) -> None:
    with pytest.raises(BrokerRefused, match="Session Expired"):
        read(answer)


@pytest.mark.parametrize("word", ["Ok", "OK", "ok", "success", "Success", "true", True, "200", 200, "", None, "-"])
def test_all_words_for_success_are_known(word: object) -> None:
    assert envelope.rows({"status": word, "result": [{"a ": 1}]}) == [{"a": 1}]


@pytest.mark.parametrize("answer", [None, True, 3, 1.5, "Ok", ok(None), ok(5), ok("Ok"), ok("5")])
def test_a_scalar_is_no_answer(answer: Any) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        envelope.result(answer)


def test_a_bulk_answer_shows_its_first_row_and_keeps_the_others() -> None:
    answer = sample("request_response_structure_response_structure_example")
    assert [row["status"] for row in envelope.rows(answer)] == ["Success", "EC901"]


@pytest.mark.parametrize("answer", [ok([]), ok([{"status": "EC804"}]), {"status": "Not_Ok"}, None, 3])
def test_only_a_dead_session_is_looked_for_before_the_reader_judges(answer: Any) -> None:
    assert envelope.raise_if_session_ended(answer) is None  # type: ignore[func-returns-value]  # it does not raise


def test_a_dead_session_is_found_before_the_reader_judges() -> None:
    with pytest.raises(BrokerLoginRequired):
        envelope.raise_if_session_ended(ok([{"status": "EC044", "message": "token not valid"}]))


def test_a_refusal_says_what_the_broker_said_and_the_code() -> None:
    with pytest.raises(BrokerError) as caught:
        envelope.result(ok({"status": "EC003", "message": "Something went wrong"}))
    assert str(caught.value) == "The broker refused the request: Something went wrong (EC003)."
    assert caught.value.detail == {"ec": "EC003"}
