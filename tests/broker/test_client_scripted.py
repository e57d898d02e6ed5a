"""A scripted day as the client sees it: typed, and of one piece."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from broker.clock import IST
from broker.errors import BrokerUnreachable
from broker.iifl.client import Client
from broker.iifl.session import TokenStore
from broker.iifl.transport import HTTPTransport
from broker.simulator import Simulator, SimulatorOptions
from broker.values import Interval, OrderParams
from tests.broker.instruments import INFY, RELIANCE, contract

pytestmark = pytest.mark.django_db

TODAY = date(2025, 11, 20)
SBIN = contract("NSEEQ", "3045")


class Day:
    """The clock of the example's day."""

    def __init__(self) -> None:
        self.now = datetime(2025, 11, 20, 9, 0, tzinfo=IST)

    def go_to(self, hour: int, minute: int) -> None:
        self.now = datetime(2025, 11, 20, hour, minute, tzinfo=IST)


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def client(day: Day) -> Iterator[Client]:
    with Simulator(SimulatorOptions(port=0, limits=False, script="example"), clock=lambda: day.now) as running:
        yield Client(HTTPTransport(running.base_url), TokenStore())


def limit(side: str, quantity: int, price: Decimal) -> OrderParams:
    return OrderParams(side=side, quantity=quantity, product="NORMAL", order_type="LIMIT", price=price)


def test_quotes_candles_and_depth_agree_at_every_hour(client: Client, day: Day) -> None:
    seen: set[Decimal] = set()
    day.go_to(9, 15)
    while day.now.hour < 16:
        quote = client.quotes([RELIANCE])["NSEEQ", "2885"]
        (today,) = client.candles(RELIANCE, Interval.DAY, TODAY, TODAY)
        minutes = client.candles(RELIANCE, Interval.MINUTE, TODAY, TODAY)
        seen.add(quote.ltp)
        assert (today.open, today.high, today.low, today.close) == (quote.open, quote.high, quote.low, quote.ltp)
        assert (max(item.high for item in minutes), min(item.low for item in minutes)) == (today.high, today.low)
        assert (minutes[-1].close, sum(item.volume or 0 for item in minutes)) == (quote.ltp, quote.volume)
        assert today.low <= min(seen) <= max(seen) <= today.high
        depth = client.depth(RELIANCE)
        assert (depth.bids[0].price, depth.asks[0].price) == (quote.bid_price, quote.ask_price)
        assert depth.bids[0].price < quote.ltp < depth.asks[0].price
        day.now += timedelta(minutes=20)
    assert len(seen) > 10


def test_orders_are_filled_in_parts_refused_and_ended_as_the_day_goes(client: Client, day: Day) -> None:
    day.go_to(10, 31)
    refused, taken = (client.place_order(SBIN, limit("BUY", 5, Decimal(500))).order_id for _ in range(2))
    day.go_to(11, 35)
    price = client.quotes([INFY])["NSEEQ", "1594"].ltp
    parted = client.place_order(INFY, limit("BUY", 10, price)).order_id
    used = client.margins().utilized_margin
    states = {order.order_id: order for order in client.orders()}
    assert states[refused].rejection_reason == "RMS:Blocked for INTRADAY SBIN-EQ"
    assert (states[parted].status, states[parted].filled_quantity) == ("partially_filled", 4)
    assert states[taken].status == "open"
    day.go_to(12, 1)
    assert [order.status for order in client.order_history(parted)] == ["complete"]
    assert [trade.quantity for trade in client.trades() if trade.order_id == parted] == [4, 6]
    (position,) = [item for item in client.positions() if item.product == "NORMAL"]
    assert (position.net_quantity, position.day_buy_value) == (10, 10 * price)
    assert client.margins().utilized_margin == used  # what waited was reserved before it was bought
    day.go_to(15, 31)
    assert {order.status for order in client.orders()} <= {"complete", "cancelled", "rejected"}


def test_the_short_outage_and_the_other_form_are_over_when_they_are(client: Client, day: Day) -> None:
    day.go_to(12, 19)
    before = client.positions()
    day.go_to(12, 21)
    with pytest.raises(BrokerUnreachable):
        client.positions()
    for hour, minute in ((12, 25), (13, 10), (13, 31)):
        day.go_to(hour, minute)
        assert client.positions() == before
