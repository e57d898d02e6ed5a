"""Builds quotes, depth and open interest from the stream's packets."""

from decimal import Decimal

from broker import clock, money, pnl
from broker.feed.subscriptions import Subscription
from broker.iifl.mapping.fields import price_places
from broker.stream.packets import IndexPacket, OpenInterestPacket, PricePacket
from broker.values import Depth, OpenInterest, PriceState, Quote


def quote_of(subscription: Subscription, packet: PricePacket, ltp: Decimal) -> Quote:
    """Build a quote of a packet and its price."""
    ltp = _at_tick(ltp, subscription.exchange)
    previous_close = _price(packet.previous_close, subscription.exchange)
    change, change_percent = pnl.day_change(ltp, previous_close)
    return Quote(
        exchange=subscription.exchange,
        symbol=subscription.symbol,
        instrument_id=subscription.instrument_id,
        ltp=ltp,
        open=_price(packet.open, subscription.exchange),
        high=_price(packet.high, subscription.exchange),
        low=_price(packet.low, subscription.exchange),
        previous_close=previous_close,
        change=change,
        change_percent=change_percent,
        volume=packet.volume,
        average_price=_price(packet.average_price, subscription.exchange),
        bid_price=_price(packet.bid_price, subscription.exchange),
        bid_quantity=packet.bid_quantity,
        ask_price=_price(packet.ask_price, subscription.exchange),
        ask_quantity=packet.ask_quantity,
        quoted_at=packet.last_traded_at,
        exchange_time=packet.last_traded_at,
        received_at=clock.now(),
        state=PriceState.LIVE,
    )


def index_quote_of(subscription: Subscription, packet: IndexPacket, value: Decimal) -> Quote:
    """Build a quote from an index packet, which has no range, no volume and no time."""
    change, change_percent = pnl.day_change(value, packet.previous_close)
    return Quote(
        exchange=subscription.exchange,
        symbol=subscription.symbol,
        instrument_id=subscription.instrument_id,
        ltp=value,
        open=None,
        high=None,
        low=None,
        previous_close=packet.previous_close,
        change=change,
        change_percent=change_percent,
        volume=None,
        average_price=None,
        bid_price=None,
        bid_quantity=None,
        ask_price=None,
        ask_quantity=None,
        quoted_at=None,
        received_at=clock.now(),
        state=PriceState.LIVE,
    )


def depth_of(subscription: Subscription, packet: PricePacket) -> Depth:
    return Depth(
        exchange=subscription.exchange,
        symbol=subscription.symbol,
        instrument_id=subscription.instrument_id,
        bids=packet.bids,
        asks=packet.asks,
        total_bid_quantity=packet.total_bid_quantity,
        total_ask_quantity=packet.total_ask_quantity,
    )


def interest_of(subscription: Subscription, packet: OpenInterestPacket) -> OpenInterest:
    return OpenInterest(
        exchange=subscription.exchange,
        symbol=subscription.symbol,
        instrument_id=subscription.instrument_id,
        open_interest=packet.open_interest,
        day_high=packet.day_high,
        day_low=packet.day_low,
    )


def _price(price: Decimal | None, exchange: str) -> Decimal | None:
    return None if price is None else _at_tick(price, exchange)


def _at_tick(price: Decimal, exchange: str) -> Decimal:
    """Write a price with the places of the segment's ticks; packets are decoded with the fewest."""
    places = price_places(exchange)
    return price if places == money.MIN_PRICE_PLACES else money.price(price, places)
