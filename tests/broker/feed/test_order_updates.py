"""Order and trade updates: what they invalidate, settle and tell."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from redis import Redis

from broker import clock
from broker.cache_families import HOLDINGS, ORDERS, POSITIONS, TRADES
from broker.feed import order_updates
from broker.feed.order_updates import OrderUpdates, Update
from broker.models import OrderRequest
from broker.stream.topics import Kind
from broker.values import Order
from systemcache import events
from systemcache.families import Family
from systemcache.fetching.fetch import fetch, peek
from systemcache.invalidation import clear
from tests.broker.stream.vectors import named
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db
State = OrderRequest.State

Told = list[events.Event]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What programs are told."""
    found: Told = []

    def publish_all(new: Any, **_: object) -> bool:
        found.extend(new)
        return True

    monkeypatch.setattr("broker.events.publish_all", publish_all)
    return found


@pytest.fixture
def monotonic() -> Clock[float]:
    return Clock(1000.0)


@pytest.fixture
def fills() -> list[int]:
    return []


@pytest.fixture
def feed(redis: Redis, told: Told, monotonic: Clock[float], fills: list[int]) -> OrderUpdates:
    return OrderUpdates(lambda: fills.append(1), monotonic)


def update(name: str, **changes: str) -> Update:
    vector = named(name)
    kind = Kind.TRADE if name.startswith("trade") else Kind.ORDER
    return Update(kind, json.dumps(vector["decoded"]["json"] | changes).encode())


FAMILIES: tuple[Family[Any], ...] = (ORDERS, TRADES, POSITIONS, HOLDINGS)


def cache_all() -> None:
    for family in FAMILIES:
        fetch(family, {}, list)


def cached() -> set[str]:
    return {family.name for family in FAMILIES if peek(family, {})}


def test_an_order_update_invalidates_the_book_at_once(feed: OrderUpdates) -> None:
    cache_all()
    feed.handle([update("order_open_made")])
    assert cached() == {"trades", "positions", "holdings"}


def test_a_fill_moves_positions_and_trades_and_a_delivery_the_holdings(feed: OrderUpdates, fills: list[int]) -> None:
    cache_all()
    feed.handle([update("trade_update_single_letter_made", product="INTRADAY")])
    assert cached() == {"holdings"}
    cache_all()
    feed.handle([update("trade_update_single_letter_made", product="DELIVERY")])
    assert cached() == set()
    assert fills


def test_an_update_that_cannot_be_read_invalidates_everything(feed: OrderUpdates, told: Told) -> None:
    cache_all()
    feed.handle([Update(Kind.ORDER, b"{not json")])
    assert cached() == set()
    assert told == []


def test_a_database_that_fails_does_not_keep_the_book_from_being_invalidated(
    feed: OrderUpdates, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr("broker.contracts.table.by_trading_symbol", fail)
    cache_all()
    feed.handle([update("order_open_made")])
    assert "orders" not in cached()
    assert [event.kind for event in told] == ["order"]


def test_the_books_are_invalidated_once_more_a_moment_later(feed: OrderUpdates, monotonic: Clock[float]) -> None:
    feed.handle([update("order_open_made")])
    cache_all()
    feed.handle([])
    assert "orders" in cached()
    monotonic.now += order_updates.REPEAT_AFTER
    feed.handle([])
    assert "orders" not in cached()


def test_books_that_could_not_be_invalidated_are_so_a_moment_later(
    feed: OrderUpdates, monotonic: Clock[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("neither Redis nor the database can be reached")

    cache_all()
    with monkeypatch.context() as away:
        away.setattr(clear, "invalidate", fail)
        for batch in ([update("order_open_made")], []):
            with pytest.raises(OperationalError):
                feed.handle(batch)
            monotonic.now += order_updates.REPEAT_AFTER
    feed.handle([])
    assert "orders" not in cached()


def test_programs_are_told_of_the_order_as_the_book_has_it(feed: OrderUpdates, told: Told) -> None:
    feed.handle([update("order_open_made")])
    (event,) = told
    assert isinstance(event.data, Order)
    assert (event.kind, event.data.order_id, event.data.symbol) == ("order", "261001000000012", "RELIANCE-EQ")
    assert event.data.tag == "tag1"


def test_exchange_and_name_come_from_the_book(feed: OrderUpdates, told: Told) -> None:
    feed.handle([update("order_open_made")])
    assert isinstance(told[0].data, Order)
    known = told[0].data
    told.clear()
    row = {**{name: getattr(known, name) for name in known.__struct_fields__}, "exchange": "NSEEQ", "name": "RELIANCE"}
    fetch(ORDERS, {}, lambda: [Order(**row)])
    feed.handle([update("order_complete_made")])
    assert isinstance(told[0].data, Order)
    assert (told[0].data.exchange, told[0].data.name, told[0].data.symbol) == ("NSEEQ", "RELIANCE", "RELIANCE")


def test_programs_are_told_of_a_fill(feed: OrderUpdates, told: Told) -> None:
    feed.handle([update("trade_update_single_letter_made")])
    (event,) = told
    assert (event.kind, event.key) == ("trade", "NSEEQ:500123")


# --- the record of orders ------------------------------------------------------------------------------------------


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock[datetime]:
    moving = Clock(datetime(2026, 10, 1, 11, 5, tzinfo=clock.IST))
    monkeypatch.setattr(clock, "now", moving)
    return moving


def request(now: Clock[datetime], **fields: Any) -> OrderRequest:
    """An order that was sent, and whose answer never came."""
    values = {
        "user": User.objects.create_user("trader"),
        "client_id": "SIM0001",
        "action": OrderRequest.Action.PLACE,
        "exchange": "NSEEQ",
        "symbol": "RELIANCE",
        "instrument_id": "2885",
        "asked": {"side": "BUY", "quantity": 10},
        "tag": "TS0123",
        "state": State.UNKNOWN,
        "tried_at": now.now,
        "sent_at": now.now,
    }
    return OrderRequest.objects.create(**(values | fields))


def test_a_lost_answer_is_settled_by_the_orders_tag(feed: OrderUpdates, now: Clock[datetime]) -> None:
    row = request(now)
    feed.handle([update("order_open_made", comments="TS0123~key~SELF")])
    row.refresh_from_db()
    assert (row.state, row.order_id) == (State.ACCEPTED, "261001000000012")


def test_another_order_proves_nothing(feed: OrderUpdates, now: Clock[datetime]) -> None:
    """Nor does its absence: an update is no book."""
    row = request(now)
    now.now += timedelta(minutes=5)
    feed.handle([update("order_open_made", comments="other~key~SELF")])
    row.refresh_from_db()
    assert row.state == State.UNKNOWN


def test_an_answer_that_is_waited_for_is_settled_once_it_is_lost(
    feed: OrderUpdates, now: Clock[datetime], monotonic: Clock[float]
) -> None:
    row = request(now, state=State.SENT)
    feed.handle([update("order_open_made", comments="TS0123~key~SELF")])
    row.refresh_from_db()
    assert row.state == State.SENT
    OrderRequest.objects.update(state=State.UNKNOWN)
    monotonic.now += order_updates.SETTLE_INTERVAL
    feed.handle([])
    row.refresh_from_db()
    assert row.state == State.ACCEPTED


def test_a_cancellation_is_settled_by_the_cancelled_order(feed: OrderUpdates, now: Clock[datetime]) -> None:
    row = request(now, action=OrderRequest.Action.CANCEL, order_id="261001000000012", tag="")
    feed.handle([update("order_open_made")])
    row.refresh_from_db()
    assert row.state == State.UNKNOWN
    feed.handle([update("order_cancelled_made")])
    row.refresh_from_db()
    assert row.state == State.ACCEPTED


def test_an_older_update_does_not_take_back_what_a_later_one_has_noted(
    feed: OrderUpdates, now: Clock[datetime]
) -> None:
    row = request(now, state=State.ACCEPTED, order_id="261001000000012")
    for name in ("order_complete_made", "order_open_made", "order_complete_made"):
        feed.handle([update(name)])
    row.refresh_from_db()
    assert row.order_status == "complete"
