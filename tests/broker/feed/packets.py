"""Packets for tests, and what they become."""

from datetime import datetime
from decimal import Decimal

from broker.clock import IST
from broker.feed.subscriptions import Subscription
from broker.stream.packets import IndexPacket, PricePacket

NOW = datetime(2026, 11, 27, 11, 0, tzinfo=IST)  # a Friday, in the middle of the session
RELIANCE = Subscription(exchange="NSEEQ", symbol="RELIANCE", instrument_id="2885")
INFY = Subscription(exchange="NSEEQ", symbol="INFY", instrument_id="1594")
NIFTY = Subscription(exchange="NSEEQ", symbol="NIFTY 50", instrument_id="999920000", is_index=True)


def price_packet(ltp: str = "1421.95", traded_at: datetime | None = NOW, volume: int = 100) -> PricePacket:
    price = Decimal(ltp)
    return PricePacket(
        ltp=price,
        last_quantity=1,
        volume=volume,
        high=Decimal(1500),
        low=Decimal(1400),
        open=Decimal(1410),
        previous_close=Decimal(1400),
        average_price=Decimal(1420),
        bid_price=price - Decimal("0.05"),
        bid_quantity=10,
        ask_price=price,
        ask_quantity=20,
        total_bid_quantity=1000,
        total_ask_quantity=2000,
        last_traded_at=traded_at,
        bids=[],
        asks=[],
        divisor_known=True,
    )


def index_packet(value: str = "22421.95") -> IndexPacket:
    return IndexPacket(
        value=Decimal(value), previous_close=Decimal("22620.45"), up_moves=0, down_moves=0, divisor_known=True
    )
