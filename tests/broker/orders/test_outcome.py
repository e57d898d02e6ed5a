"""What an order book proves of a request without an answer: "it had no effect" only if that is certain."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from broker.clock import IST
from broker.models import OrderRequest
from broker.orders.outcome import FINAL_AFTER, Attributed, Outcome, confirm, find_outcome
from broker.values import Order, OrderStatus

Action, State = OrderRequest.Action, OrderRequest.State
SENT_AT = datetime(2025, 11, 20, 11, 0, 30, tzinfo=IST)
LATER = SENT_AT + FINAL_AFTER + timedelta(seconds=1)
TAG = "TS0123456789abcdmomentum7"
ORDER = Order(
    order_id="251120000000009",
    exchange_order_id="",
    status=OrderStatus.OPEN,
    symbol="INFY",
    trading_symbol="INFY-EQ",
    name="",
    exchange="NSEEQ",
    instrument_id="1594",
    side="BUY",
    quantity=5,
    filled_quantity=0,
    pending_quantity=5,
    product="INTRADAY",
    complexity="REGULAR",
    order_type="LIMIT",
    validity="DAY",
    price=Decimal("1481.05"),
    average_price=Decimal(0),
    trigger_price=Decimal(0),
    disclosed_quantity=0,
    cancelled_quantity=0,
    placed_at=SENT_AT,
    updated_at=None,
    rejection_reason="",
    tag=TAG,
)


def request(action: OrderRequest.Action = Action.PLACE, **fields: Any) -> OrderRequest:
    asked = {"side": "BUY", "quantity": 5, "order_type": "LIMIT", "price": "1481.05"}
    values = {"asked": asked, "tag": TAG, "symbol": "INFY", "instrument_id": "1594", "sent_at": SENT_AT} | fields
    return OrderRequest(action=action, state=State.UNKNOWN, **values)


def changed(**fields: Any) -> Order:
    return msgspec.structs.replace(ORDER, **fields)


def outcome(row: OrderRequest, *book: Order, at: datetime = LATER, others: Attributed | None = None) -> Outcome:
    found = find_outcome(row, book, at, others or Attributed())
    assert found is not None
    return found


@pytest.mark.parametrize("tag", [TAG, TAG.lower(), TAG.upper(), f"{TAG}-1764835124"])
def test_an_order_is_ours_if_its_tag_begins_with_ours_whatever_its_case(tag: str) -> None:
    found = outcome(request(), changed(tag=tag), at=SENT_AT)
    assert (found.state, found.order_id) == (State.ACCEPTED, ORDER.order_id)


@pytest.mark.parametrize(
    "fields",
    [
        {"tag": TAG[:10]},
        {"tag": ""},
        {"tag": "other"},
        {"tag": "", "status": OrderStatus.UNKNOWN, "status_text": "Frozen"},
        {"tag": "", "status": OrderStatus.CANCELLED},
        {"tag": "", "price": Decimal("1481.0500000000002")},
        {"tag": "", "quantity": 4, "price": Decimal(1490)},
        {"tag": "", "placed_at": None},
        {"tag": "", "placed_at": SENT_AT - timedelta(seconds=1)},
        {"tag": "", "placed_at": SENT_AT - timedelta(seconds=50)},
        {"tag": "", "side": ""},
        {"tag": "", "symbol": "", "trading_symbol": "", "instrument_id": ""},
        {"tag": "", "instrument_id": ""},
        {"tag": "", "symbol": "INFY-EQ"},
        {"tag": "", "instrument_id": "", "symbol": "INFY EQ", "trading_symbol": "INFY EQ"},
        {"tag": "", "instrument_id": "", "symbol": "", "trading_symbol": "NSE:INFY-EQ"},
        {"tag": "", "instrument_id": "01594"},
        {"tag": "", "exchange": ""},
        {"tag": "", "filled_quantity": 2, "pending_quantity": 3, "status": OrderStatus.PARTIALLY_FILLED},
        {"tag": "", "status": OrderStatus.CANCELLED, "cancelled_quantity": 5},  # cancelled at once, by hand
        {"tag": "", "status": OrderStatus.REJECTED},
        {"order_id": ""},
    ],
    ids=str,
)
def test_an_order_that_may_be_the_one_leaves_the_outcome_unknown_and_is_named(fields: dict[str, Any]) -> None:
    order = changed(**fields)
    for at in (SENT_AT, LATER):
        found = outcome(request(), order, at=at)
        assert found.state == State.UNKNOWN
        assert found.looks_like == (order.order_id,)
        assert order.order_id in found.message


@pytest.mark.parametrize(
    "fields",
    [
        {"side": "SELL"},
        {"symbol": "TCS", "trading_symbol": "TCS-EQ", "instrument_id": "11536"},
        {"placed_at": SENT_AT - timedelta(minutes=2)},
        {"placed_at": SENT_AT - timedelta(seconds=50), "quantity": 4},
    ],
    ids=str,
)
def test_an_order_that_is_another_for_certain_leaves_the_request_without_effect(fields: dict[str, Any]) -> None:
    other = changed(tag="", **fields)
    assert find_outcome(request(), [other], SENT_AT, Attributed()) is None
    assert outcome(request(), other).state == State.NOT_IN_BOOK


def test_an_order_of_another_request_is_not_taken_for_this_one() -> None:
    theirs = changed(tag="NA")
    assert outcome(request(), theirs, others=Attributed(frozenset({ORDER.order_id}))).state == State.NOT_IN_BOOK
    tagged = changed(tag="ts99-x")
    assert outcome(request(), tagged, others=Attributed(tags=("TS99",))).state == State.NOT_IN_BOOK


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (OrderStatus.CANCELLED, State.ACCEPTED),
        (OrderStatus.COMPLETE, State.NOT_IN_BOOK),
        (OrderStatus.REJECTED, State.NOT_IN_BOOK),
        (OrderStatus.OPEN, State.NOT_IN_BOOK),
        (OrderStatus.PENDING, State.UNKNOWN),
        (OrderStatus.UNKNOWN, State.UNKNOWN),
    ],
)
def test_a_cancellation_had_no_effect_if_the_order_is_in_another_state_for_certain(
    status: OrderStatus, state: OrderRequest.State
) -> None:
    row = request(Action.CANCEL, order_id=ORDER.order_id, asked={})
    filled = 5 if status is OrderStatus.COMPLETE else 0
    assert outcome(row, changed(status=status, filled_quantity=filled)).state == state


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"filled_quantity": 5}, State.NOT_IN_BOOK),
        ({"filled_quantity": 2}, State.UNKNOWN),
        ({"filled_quantity": 2, "cancelled_quantity": 3}, State.UNKNOWN),
        ({"filled_quantity": None, "cancelled_quantity": 3}, State.UNKNOWN),
        ({"filled_quantity": None, "cancelled_quantity": None}, State.UNKNOWN),
        ({"filled_quantity": 5, "quantity": None}, State.UNKNOWN),
    ],
    ids=str,
)
def test_an_order_that_is_complete_but_perhaps_for_a_part_may_have_been_cancelled(
    fields: dict[str, Any], state: OrderRequest.State
) -> None:
    row = request(Action.CANCEL, order_id=ORDER.order_id, asked={})
    assert outcome(row, changed(status=OrderStatus.COMPLETE, **fields)).state == state


@pytest.mark.parametrize("seconds", [-5, 0, 59])
def test_a_book_that_was_asked_for_before_the_sending_or_soon_after_proves_nothing(seconds: int) -> None:
    read_at = SENT_AT + timedelta(seconds=seconds)
    for row in (
        request(),
        request(Action.CANCEL, order_id=ORDER.order_id, asked={}),
        request(Action.CHANGE, order_id=ORDER.order_id, before={"price": "1481.05"}, asked={"price": "1490.00"}),
    ):
        book = [] if row.action == Action.PLACE else [ORDER]
        assert find_outcome(row, book, read_at, Attributed()) is None


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"price": Decimal("1481.05")}, State.ACCEPTED),
        ({"price": Decimal("1481.0500000000002")}, State.ACCEPTED),
        ({"price": Decimal("1481.050048828125")}, State.ACCEPTED),
        ({"price": Decimal("1480.0000000001")}, State.NOT_IN_BOOK),
        ({"price": None}, State.UNKNOWN),  # what the book does not tell is neither
        ({"price": Decimal("1481.00")}, State.UNKNOWN),  # neither: somebody has changed it since
        ({"price": Decimal("1480.00"), "status": OrderStatus.UNKNOWN}, State.UNKNOWN),
        ({"price": Decimal("1480.00"), "status": OrderStatus.PENDING}, State.UNKNOWN),
        ({"price": Decimal("1480.00"), "updated_at": SENT_AT}, State.NOT_IN_BOOK),
        # Changed as requested and changed back, or filled in part: the book does not tell.
        ({"price": Decimal("1480.00"), "updated_at": SENT_AT + timedelta(seconds=20)}, State.UNKNOWN),
    ],
    ids=str,
)
def test_a_change_had_no_effect_if_the_order_is_as_before_for_certain(
    fields: dict[str, Any], state: OrderRequest.State
) -> None:
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked={"price": "1481.05"}, before={"price": "1480.00"})
    assert outcome(row, changed(**fields)).state == state


def test_a_change_that_the_book_shows_in_part_has_an_unknown_outcome() -> None:
    asked, before = {"price": "1481.05", "quantity": 6}, {"price": "1480.00", "quantity": 5}
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked=asked, before=before)
    assert outcome(row, changed(quantity=5)).state == State.UNKNOWN


def test_a_change_of_which_the_book_shows_nothing_has_an_unknown_outcome() -> None:
    asked = {"market_protection_percent": "1.00"}
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked=asked, before={})
    assert outcome(row, ORDER).state == State.UNKNOWN


@pytest.mark.parametrize(
    ("price", "state"), [("1481.05", State.ACCEPTED), ("1482.00", State.UNKNOWN), ("1480.00", State.NOT_IN_BOOK)]
)
def test_of_an_order_that_the_book_has_twice_both_rows_count(price: str, state: OrderRequest.State) -> None:
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked={"price": "1481.05"}, before={"price": "1480.00"})
    before = changed(price=Decimal("1480.00"))
    assert outcome(row, before, changed(price=Decimal(price))).state == state


def test_a_book_that_was_asked_for_before_a_change_proves_nothing_even_if_it_is_as_requested() -> None:
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked={"price": "1481.05"}, before={"price": "1480.00"})
    assert find_outcome(row, [ORDER], SENT_AT - timedelta(seconds=1), Attributed()) is None
    assert find_outcome(row, [ORDER], SENT_AT, Attributed()) == Outcome(
        State.ACCEPTED, ORDER.order_id, "Found in the order book; the answer was lost."
    )


@pytest.mark.parametrize(
    ("updated_at", "proven"),
    [(SENT_AT - timedelta(seconds=30), False), (None, False), (SENT_AT - timedelta(seconds=1), True), (LATER, True)],
)
def test_an_update_of_the_stream_proves_a_change_if_it_is_no_older(updated_at: datetime | None, proven: bool) -> None:
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked={"price": "1481.05"}, before={"price": "1480.00"})
    found = confirm(row, changed(updated_at=updated_at))
    assert (found.state if found else None) == (State.ACCEPTED if proven else None)


def test_a_value_that_was_not_known_before_a_change_proves_nothing() -> None:
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked={"price": "1490.00"}, before={"price": None})
    assert outcome(row, ORDER).state == State.UNKNOWN


@pytest.mark.parametrize(
    ("was", "state"), [("MARKET", State.UNKNOWN), ("LIMIT", State.ACCEPTED)], ids=["as before", "changed"]
)
def test_a_change_is_proven_by_what_is_new_in_the_book_if_the_book_does_not_show_all_of_it(
    was: str, state: OrderRequest.State
) -> None:
    asked = {"order_type": "MARKET", "market_protection_percent": "1.00"}
    row = request(Action.CHANGE, order_id=ORDER.order_id, asked=asked, before={"order_type": was})
    assert outcome(row, changed(order_type="MARKET")).state == state


@pytest.mark.parametrize("action", [Action.CHANGE, Action.CANCEL])
def test_a_book_without_the_order_proves_nothing_of_what_was_to_change(action: OrderRequest.Action) -> None:
    row = request(action, order_id=ORDER.order_id, asked={"price": "1481.05"}, before={"price": "1480.00"})
    assert outcome(row, changed(order_id="251120000000010")).state == State.UNKNOWN
