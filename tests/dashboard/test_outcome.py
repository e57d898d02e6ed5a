"""What is said of a request, state by state: what is not known is said to be so, and invites no second order."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from broker import clock
from broker.models import OrderRequest
from broker.values import Order, OrderStatus
from dashboard.outcome import PATIENCE, Outcome, describe
from tests.broker.simulator.caller import THURSDAY_AT_ELEVEN as NOW

State = OrderRequest.State


@pytest.fixture(autouse=True)
def eleven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def request(state: str, **fields: Any) -> OrderRequest:
    values: dict[str, Any] = {"action": "place", "asked": {"side": "BUY", "quantity": 10}, "tried_at": NOW}
    return OrderRequest(**values | {"state": state, "sent_at": NOW - timedelta(seconds=1)} | fields)


def order(status: OrderStatus, **fields: Any) -> Order:
    values: dict[str, Any] = dict.fromkeys(Order.__struct_fields__, "")
    values |= dict.fromkeys(("average_price", "disclosed_quantity", "cancelled_quantity", "placed_at", "updated_at"))
    values |= {"side": "BUY", "symbol": "INFY", "quantity": 10, "filled_quantity": 0, "pending_quantity": 10}
    return Order(**values | {"status": status, "price": Decimal(0), "trigger_price": Decimal(0)} | fields)


def said(row: OrderRequest, found: Order | None = None, book_error: str = "") -> Outcome:
    return describe(row, found, NOW, book_error)


@pytest.mark.parametrize(
    ("status", "fields", "headline", "is_over"),
    [
        (OrderStatus.PENDING, {}, "With the broker.", False),
        (OrderStatus.OPEN, {}, "Open: it waits in the exchange's order book.", False),
        (OrderStatus.TRIGGER_PENDING, {}, "Trigger pending: it waits for its trigger price.", False),
        (OrderStatus.PARTIALLY_FILLED, {"filled_quantity": 4}, "Partially filled: 4 of 10 bought.", False),
        (
            OrderStatus.COMPLETE,
            {"filled_quantity": 10, "average_price": Decimal("1480.05")},
            "Complete: 10 INFY bought at ₹1,480.05 on average.",
            True,
        ),
        (OrderStatus.REJECTED, {"rejection_reason": "Funds"}, "Rejected.", True),
        (OrderStatus.CANCELLED, {}, "Cancelled.", True),
        (OrderStatus.EXPIRED, {}, "Expired.", True),
        (OrderStatus.UNKNOWN, {"status_text": "ODD"}, "The broker calls its state 'ODD'.", False),
    ],
)
def test_an_order_that_was_taken_is_followed_to_its_end(
    status: OrderStatus, fields: dict[str, Any], headline: str, is_over: bool
) -> None:
    outcome = said(request(State.ACCEPTED, order_id="1"), order(status, **fields))
    assert (outcome.headline, outcome.is_over) == (headline, is_over)


def test_what_was_filled_before_a_cancellation_is_said() -> None:
    outcome = said(request(State.ACCEPTED), order(OrderStatus.CANCELLED, filled_quantity=4))
    assert outcome.text == "4 of 10 bought before."


def test_a_book_that_cannot_be_read_is_said() -> None:
    outcome = said(request(State.ACCEPTED), None, "The broker is away.")
    assert outcome.headline == "The broker has taken the order."
    assert "cannot be read now: The broker is away." in outcome.text
    assert not outcome.is_over


@pytest.mark.parametrize("seconds", [0, PATIENCE.total_seconds() - 1])
def test_while_the_broker_may_still_answer_the_order_is_sent(seconds: float) -> None:
    outcome = said(request(State.SENT, sent_at=NOW - timedelta(seconds=seconds)))
    assert outcome.headline == "The order is sent."


@pytest.mark.parametrize(
    "row",
    [
        request(State.SENT, sent_at=NOW - PATIENCE),
        request(State.UNKNOWN),
        request(State.UNKNOWN, message="The order book has order 7 (BUY 10 INFY).", looks_like=["7"]),
    ],
)
def test_an_unknown_outcome_is_never_an_invitation(row: OrderRequest) -> None:
    outcome = said(row)
    assert outcome.headline == "It is not known what became of the order."
    assert "Do not send it again before that is certain" in outcome.text
    assert (outcome.is_over, outcome.may_retry) == (False, False)
    assert row.message in outcome.text


def test_what_was_certainly_not_sent_may_be_tried_again() -> None:
    outcome = said(request(State.NOT_SENT, message="The rate limit is reached."))
    assert (outcome.headline, outcome.may_retry, outcome.is_over) == ("The order was not sent.", True, True)


def test_an_order_that_waits_may_not_be_tried_again() -> None:
    outcome = said(request(State.WAITING))
    assert (outcome.headline, outcome.may_retry) == ("The order waits for its turn with the broker.", False)


def test_no_effect_is_said_with_its_proof() -> None:
    outcome = said(request(State.NOT_IN_BOOK, message="The order book holds nothing like it."))
    assert outcome.headline == "The order had no effect."
    assert "holds nothing like it" in outcome.text


def test_a_change_is_called_a_change() -> None:
    assert said(request(State.REFUSED, action="change")).headline == "The broker refused the change."
