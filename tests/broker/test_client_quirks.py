"""Whatever form the broker's documents give an answer, the client reads the same values out of it."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from broker.clock import IST
from broker.contracts import refresh
from broker.errors import BrokerLoginRequired
from broker.iifl.client import Client
from broker.iifl.session import TokenStore
from broker.iifl.transport import HTTPTransport
from broker.models import Contract as ContractRow
from broker.simulator import QUIRKS, Simulator, SimulatorOptions
from broker.values import Holding, Interval, Leg, Order, OrderParams, Trade, Value
from tests.broker.instruments import INFY, NIFTY, RELIANCE, contract

pytestmark = pytest.mark.django_db

THURSDAY_AT_ELEVEN = datetime(2025, 11, 20, 11, 0, 30, tzinfo=IST)
FIRST, LAST = date(2025, 11, 10), date(2025, 11, 20)
SAME_VALUES = [name for name, quirk in QUIRKS.items() if quirk.has_form and not quirk.changes_values]
# Each form alone, each with blanks behind the keys (D6), all at once.
WITH_BLANKS = [pytest.param((name, "D6"), marks=pytest.mark.slow) for name in SAME_VALUES if name != "D6"]
FORMS = [*((name,) for name in SAME_VALUES), *WITH_BLANKS, ("forms",)]
NEW_VALUES = {name for name, quirk in QUIRKS.items() if quirk.changes_values}


DERIVATIVE = contract("NSEFO", "999920019")
WANTED = OrderParams(side="BUY", quantity=5, product="INTRADAY", order_type="LIMIT", price=Decimal(1500))
PLACED = OrderParams(
    side="BUY", quantity=5, product="INTRADAY", order_type="MARKET", market_protection_percent=Decimal(2)
)

READS: dict[str, Callable[[Client], Any]] = {
    "profile": Client.profile,
    "margins": Client.margins,
    "holdings": Client.holdings,
    "positions": Client.positions,
    "orders": Client.orders,
    "order_history": lambda client: client.order_history(client.orders()[0].order_id),
    "unknown order_history": lambda client: client.order_history("1"),
    "trades": Client.trades,
    "minutes": lambda client: client.candles(RELIANCE, Interval.MINUTE, LAST, LAST),
    "days": lambda client: client.candles(RELIANCE, Interval.DAY, FIRST, LAST),
    "one day": lambda client: client.candles(RELIANCE, Interval.DAY, FIRST, FIRST),
    "no days": lambda client: client.candles(RELIANCE, Interval.DAY, date(2025, 11, 15), date(2025, 11, 16)),
    "quotes": lambda client: client.quotes([RELIANCE, INFY, NIFTY, contract("NSEEQ", "7")]),
    "one quote": lambda client: client.quotes([INFY]),
    "depth": lambda client: client.depth(INFY),
    "depth of an index": lambda client: client.depth(NIFTY),
    "open_interest": lambda client: client.open_interest(DERIVATIVE),
    "open_interest of a share": lambda client: client.open_interest(INFY),
    "order_margin": lambda client: client.order_margin(INFY, WANTED),
    "span_margin": lambda client: client.span_margin([Leg(contract=DERIVATIVE, side="BUY", quantity=75)]),
    "contract file": lambda client: b"".join(client.contract_file("NSEEQ")),
}


@pytest.fixture(scope="module")
def broker() -> Iterator[Simulator]:
    """On a clock that stands still, with an order that the market has filled."""
    with Simulator(SimulatorOptions(port=0, limits=False), clock=lambda: THURSDAY_AT_ELEVEN) as running:
        yield running


@pytest.fixture
def client(broker: Simulator) -> Client:
    broker.clear_quirks()
    broker.clear_faults()
    return Client(HTTPTransport(broker.base_url), TokenStore())


def with_quirks(broker: Simulator, *names: str) -> None:
    broker.clear_quirks()
    for name in names:
        broker.add_quirk(name)


@pytest.mark.parametrize("quirks", FORMS, ids=" ".join)
def test_every_read_has_the_same_values_in_every_form(
    client: Client, broker: Simulator, quirks: tuple[str, ...]
) -> None:
    client.place_order(INFY, PLACED)
    plain = {name: read(client) for name, read in READS.items()}
    with_quirks(broker, *quirks)
    sent = {name: read(client) for name, read in READS.items()}
    if {"missing-numbers", "forms"} & set(quirks):  # a missing number is not known to be the 0 that it stands for
        plain, sent = zeros_as_unknown(plain), zeros_as_unknown(sent)
    assert sent == plain


def zeros_as_unknown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: zeros_as_unknown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [zeros_as_unknown(item) for item in value]
    if isinstance(value, Value):
        return zeros_as_unknown({name: getattr(value, name) for name in value.__struct_fields__})
    return None if isinstance(value, int | Decimal) and not isinstance(value, bool) and value == 0 else value


@pytest.mark.parametrize("quirks", FORMS, ids=" ".join)
@pytest.mark.parametrize("book", ["holdings", "positions", "orders", "trades"])
def test_an_empty_book_is_empty_in_every_form(
    client: Client, broker: Simulator, quirks: tuple[str, ...], book: str
) -> None:
    with_quirks(broker, *quirks)
    broker.fail(book, "empty")
    assert READS[book](client) == []


@pytest.mark.parametrize("quirks", FORMS, ids=" ".join)
def test_logins_and_orders_are_understood_in_every_form(
    client: Client, broker: Simulator, quirks: tuple[str, ...]
) -> None:
    with_quirks(broker, *quirks)
    with pytest.raises(BrokerLoginRequired, match="brokerlogin"):
        client.login("WRONG")
    client.login("SIMULATED")
    receipt = client.place_order(INFY, PLACED)
    assert receipt.taken_at == THURSDAY_AT_ELEVEN
    assert [order.status for order in client.order_history(receipt.order_id)] == ["complete"]
    client.logout()


@pytest.mark.parametrize("quirk", SAME_VALUES)
def test_contract_files_are_taken_over_in_every_form(
    client: Client, broker: Simulator, quirk: str, settings: Settings
) -> None:
    settings.IIFL_BASE_URL = broker.base_url
    with_quirks(broker, quirk)
    refreshed = refresh.refresh("BSEEQ", client.contract_file, retry_delays=())
    assert refreshed.info.rows == ContractRow.objects.filter(file="BSEEQ").count() > 5


def changed(value: Value, **fields: object) -> Any:
    return type(value)(**{name: getattr(value, name) for name in value.__struct_fields__} | fields)


def with_all_that_is_pledged(holding: Holding) -> Any:
    quantity = holding.quantity + (holding.collateral_quantity or 0) + (holding.authorized_quantity or 0)
    assert holding.average_price is not None
    return changed(holding, quantity=quantity, invested=quantity * holding.average_price)


def in_paise(value: Holding | Order | Trade) -> Any:
    prices = {"price", "average_price", "trigger_price", "invested"} & set(value.__struct_fields__)
    return changed(value, **{name: 100 * getattr(value, name) for name in prices})


def each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda rows: [change(row) for row in rows]


# By definition these say something else: on which reads, and what then. (D18 concerns a field that no value has, D16
# the margin of a CO order without a target.)
OTHER_VALUES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "D15": {"holdings": each(with_all_that_is_pledged)},
    "D16": {},
    "D17": {"profile": lambda profile: changed(profile, account_status="Active")},
    "D18": {},
    "D22": dict.fromkeys(("holdings", "orders", "order_history", "trades"), each(in_paise)),
    "first-row": dict.fromkeys(("holdings", "positions"), lambda rows: rows[:1]),
}


def test_each_quirk_with_other_values_is_judged_by_itself() -> None:
    assert set(OTHER_VALUES) == NEW_VALUES


@pytest.mark.parametrize("quirk", OTHER_VALUES)
def test_a_quirk_with_other_values_changes_those_and_no_more(client: Client, broker: Simulator, quirk: str) -> None:
    client.place_order(INFY, PLACED)
    plain = {name: read(client) for name, read in READS.items()}
    with_quirks(broker, quirk)
    expected = plain | {name: change(plain[name]) for name, change in OTHER_VALUES[quirk].items()}
    assert {name: read(client) for name, read in READS.items()} == expected
