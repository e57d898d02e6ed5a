"""The record of order requests: a process that has been overtaken changes nothing any more."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from broker.errors import BrokerTimeout, BrokerUnreachable, OrderOverLimit, OrderUnderWay
from broker.iifl.mapping import books
from broker.models import OrderRequest
from broker.orders import reconciliation, request_log
from broker.orders.outcome import FINAL_AFTER
from broker.orders.request_log import MAX_CALL_TIME, OrderIntent
from broker.values import Order, OrderReceipt
from tests.broker.orders.conftest import Time

State = OrderRequest.State
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def overtaken(time: Time) -> OrderRequest:
    """A request as the process knows it that began with it, and that was stopped until another one took it over."""
    user = User.objects.create_user("dealer")
    intent = OrderIntent(user.pk, "key-1", OrderRequest.Action.PLACE, "NSEEQ", "INFY", {"quantity": 1})
    row, is_new = request_log.create_or_get(intent)
    assert is_new
    time.passes((timedelta(minutes=5) + MAX_CALL_TIME).total_seconds())
    assert request_log.claim(OrderRequest.objects.get(pk=row.pk))
    return row


def on_record() -> OrderRequest:
    return OrderRequest.objects.get()


def test_a_request_that_another_process_has_taken_over_is_not_sent_by_the_first(overtaken: OrderRequest) -> None:
    with pytest.raises(OrderUnderWay):
        request_log.mark_sent(overtaken)
    assert (on_record().state, on_record().sent_at) == (State.WAITING, None)


def test_the_process_that_has_taken_it_over_sends_it(overtaken: OrderRequest) -> None:
    request_log.mark_sent(on_record())
    assert on_record().state == State.SENT


def test_the_first_process_does_not_end_it_either(overtaken: OrderRequest, time: Time) -> None:
    request_log.mark_sent(on_record())
    request_log.mark_accepted(overtaken, OrderReceipt(order_id="4711", taken_at=time()))
    assert (on_record().state, on_record().order_id) == (State.SENT, "")
    request_log.mark_failed(overtaken, BrokerUnreachable("the broker is not there"))
    assert (on_record().state, on_record().message) == (State.SENT, "")


def test_a_request_is_taken_over_once(overtaken: OrderRequest, time: Time) -> None:
    time.passes((timedelta(minutes=5) + MAX_CALL_TIME).total_seconds())
    first, second = on_record(), on_record()
    assert request_log.claim(first)
    assert not request_log.claim(second)
    assert on_record().tries == 3


def test_a_request_that_somebody_else_has_tried_since_is_not_claimed(overtaken: OrderRequest) -> None:
    row = on_record()
    request_log.mark_failed(row, BrokerUnreachable("the broker is not there"))
    assert on_record().state == State.NOT_SENT
    assert not request_log.claim(overtaken)
    assert on_record().tries == 2
    assert request_log.claim(on_record())


def test_what_refuses_new_orders_does_not_refuse_the_answer_to_one_that_was_sent(time: Time) -> None:
    def refuse() -> None:
        raise OrderOverLimit("max_positions", 3, 2, "too many.")

    user = User.objects.create_user("dealer")
    intent = OrderIntent(user.pk, "key-1", OrderRequest.Action.PLACE, "NSEEQ", "INFY", {"quantity": 1})
    row, _ = request_log.create_or_get(intent)
    request_log.mark_sent(row)
    request_log.mark_accepted(row, OrderReceipt(order_id="4711", taken_at=time()))
    assert request_log.create_or_get(intent, refuse) == (row, False)
    assert not request_log.claim(on_record(), refuse)


def test_a_cancellation_is_recorded_whatever_the_book_calls_the_instrument(time: Time) -> None:
    user = User.objects.create_user("dealer")
    intent = OrderIntent(user.pk, None, OrderRequest.Action.CANCEL, "NATIONAL STOCK", "I" * 100, {}, "4711")
    assert request_log.create_or_get(intent)[1]
    assert (on_record().exchange, on_record().symbol) == ("NATIONAL STO", "I" * 64)


def test_an_earlier_order_book_takes_nothing_back_that_a_later_one_has_proven(time: Time) -> None:
    user = User.objects.create_user("dealer")
    intent = OrderIntent(user.pk, "key-1", OrderRequest.Action.PLACE, "NSEEQ", "INFY", {"side": "BUY", "quantity": 1})
    row, _ = request_log.create_or_get(intent)
    request_log.mark_sent(row)
    request_log.mark_failed(row, BrokerTimeout(15))
    time.passes(FINAL_AFTER.total_seconds() + 1)
    asked_at = time()
    found = books.order({"brokerOrderId": "4711", "orderStatus": "open", "orderTag": row.tag})

    class EarlierBook(list[Order]):
        """An empty book, which is looked at while another process has read the next one."""

        def __iter__(self) -> Iterator[Order]:
            reconciliation.reconcile([found], asked_at)
            return super().__iter__()

    reconciliation.reconcile(EarlierBook(), asked_at)
    assert (on_record().state, on_record().order_id) == (State.ACCEPTED, found.order_id)
