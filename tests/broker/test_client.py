"""The client against the simulator: typed values, the right errors, no call twice that may not be repeated."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from broker import clock
from broker.clock import IST
from broker.errors import (
    BrokerAnswerUnclear,
    BrokerBusy,
    BrokerLoginRequired,
    BrokerRefused,
    BrokerTimeout,
    BrokerUnreachable,
)
from broker.iifl import endpoints, session
from broker.iifl.client import Client, default_client
from broker.iifl.mapping import contract_csv
from broker.iifl.session import TokenStore
from broker.iifl.transport import HTTPTransport
from broker.models import BrokerSession
from broker.simulator import Simulator
from broker.values import Contract, Interval, OrderChange
from tests.broker.contract_files import contracts
from tests.broker.wire import answer_calls, ok

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(simulator: Simulator) -> Client:
    return Client(HTTPTransport(simulator.base_url), TokenStore())


def routes_called(simulator: Simulator) -> list[str]:
    return [call.route for call in simulator.calls if call.route != "getusersession"]


def test_the_first_call_logs_in_and_the_next_ones_use_the_session(client: Client, simulator: Simulator) -> None:
    client.holdings()
    client.positions()
    assert [call.route for call in simulator.calls] == ["getusersession", "holdings", "positions"]


def test_the_token_is_kept_encrypted(client: Client) -> None:
    client.login("SIMULATED")
    token = TokenStore().current()
    assert token
    assert token.encode() not in bytes(BrokerSession.objects.get().ciphertext)


def test_the_token_dies_at_midnight_in_india() -> None:
    assert clock.next_midnight(datetime(2026, 1, 5, 18, 29, tzinfo=UTC)) == datetime(2026, 1, 6, tzinfo=IST)
    assert clock.next_midnight(datetime(2026, 1, 5, 18, 31, tzinfo=UTC)) == datetime(2026, 1, 7, tzinfo=IST)


def test_the_checksum_is_the_documented_one() -> None:
    expected = "8db2cf540885ef68ed0540bdc18576edd8675edc5467ebc8ba614c71f1925e21"
    assert session.checksum("CL1", "AC1", "SEC") == expected


def test_a_wrong_code_is_a_refused_login(client: Client) -> None:
    with pytest.raises(BrokerLoginRequired, match="brokerlogin"):
        client.login("WRONG")


def test_a_session_that_the_broker_ended_is_renewed_on_the_simulator(client: Client, simulator: Simulator) -> None:
    client.holdings()
    simulator.fail("holdings", "401", times=1)
    assert client.holdings()


def test_a_real_account_without_a_session_is_told_to_log_in_and_nothing_is_called(
    client: Client, simulator: Simulator, settings: object
) -> None:
    settings.IIFL_SIMULATED = False  # type: ignore[attr-defined]
    with pytest.raises(BrokerLoginRequired, match="brokerlogin"):
        client.holdings()
    assert simulator.calls == ()


def test_money_is_decimal_and_numbers_in_strings_are_numbers(client: Client) -> None:
    holding = client.holdings()[0]
    assert isinstance(holding.average_price, Decimal)
    assert isinstance(holding.authorized_quantity, int)
    assert None not in (holding.dp_quantity, holding.t1_quantity)
    assert holding.quantity == (holding.dp_quantity or 0) + (holding.t1_quantity or 0)


@pytest.mark.parametrize("book", ["holdings", "positions", "orders", "trades"])
def test_an_empty_book_is_an_empty_list(client: Client, simulator: Simulator, book: str) -> None:
    simulator.fail(book, "empty", times=1)
    assert getattr(client, book)() == []


def test_an_error_inside_an_ok_envelope_is_an_error(client: Client, simulator: Simulator) -> None:
    simulator.fail("holdings", "EC921", times=1)
    with pytest.raises(BrokerRefused, match="EC921") as caught:
        client.holdings()
    assert caught.value.ec == "EC921"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("429", BrokerBusy),
        ("500", BrokerUnreachable),
        ("503", BrokerUnreachable),
        ("drop", BrokerUnreachable),
        ("not-json", BrokerAnswerUnclear),
        ("truncated", BrokerUnreachable),
    ],
)
def test_a_fault_of_the_wire_becomes_one_of_our_errors(
    client: Client, simulator: Simulator, fault: str, error: type[Exception]
) -> None:
    client.login("SIMULATED")
    simulator.fail("limits", fault)
    with pytest.raises(error):
        client.margins()


def test_a_read_is_asked_once_more_after_a_5xx(client: Client, simulator: Simulator) -> None:
    simulator.fail("holdings", "502", times=1)
    assert client.holdings()
    assert routes_called(simulator) == ["holdings", "holdings"]


def test_what_is_no_read_is_never_sent_twice(client: Client, simulator: Simulator) -> None:
    simulator.fail("getusersession", "502", times=1)
    with pytest.raises(BrokerUnreachable):
        client.login("SIMULATED")
    assert len(simulator.calls) == 1


def test_a_silent_broker_is_a_timeout(client: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    client.login("SIMULATED")
    impatient = endpoints.Endpoint("holdings", "holdings", "GET", "/holdings", timeout=0.2)
    monkeypatch.setattr(endpoints, "HOLDINGS", impatient)
    simulator.fail("holdings", "hang", times=1)
    with pytest.raises(BrokerTimeout, match=r"0\.2 seconds"):
        client.holdings()


def contract_of(client: Client, symbol: str) -> Contract:
    rows = contract_csv.rows(client.contract_file("NSEEQ"), lambda *_: None)
    return next(item for item in contracts(row for _, row in rows) if item.symbol == symbol)


def test_one_day_of_candles_is_one_day(client: Client) -> None:
    contract = contract_of(client, "RELIANCE")
    monday = date(2024, 9, 16)
    candles = client.candles(contract, Interval.DAY, monday, monday)
    assert [candle.time for candle in candles] == [datetime(2024, 9, 16, 9, 15, tzinfo=IST)]


def test_quotes_are_matched_by_id_and_unknown_ones_are_missing(client: Client) -> None:
    known = contract_of(client, "INFY")
    unknown = type(known)(**{**{name: getattr(known, name) for name in known.__struct_fields__}, "instrument_id": "7"})
    assert list(client.quotes([unknown, known])) == [("NSEEQ", known.instrument_id)]


def test_profile_and_orders_and_trades_are_typed(client: Client) -> None:
    assert client.profile().exchanges
    orders, trades = client.orders(), client.trades()
    assert {order.status for order in orders} >= {"complete", "rejected"}
    assert all(trade.traded_at is not None and trade.price > 0 for trade in trades)
    assert {trade.order_id for trade in trades} <= {order.order_id for order in orders}


@pytest.mark.parametrize(
    "ask", [Client.cancel_order, lambda client, number: client.change_order(number, OrderChange(quantity=2))]
)
def test_a_receipt_for_another_order_is_no_success(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Client, str], object]
) -> None:
    answer_calls(monkeypatch, lambda *_: ok({"brokerOrderId": "251120000000002", "requestTime": ""}))
    with pytest.raises(BrokerAnswerUnclear, match="251120000000002, where 251120000000001 was meant") as error:
        ask(default_client(), "251120000000001")
    assert error.value.may_have_arrived
