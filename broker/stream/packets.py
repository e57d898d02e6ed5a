"""Decodes binary packets by their topic (iifl_stream §6). All are little-endian.

A price is a whole number divided by the packet's divisor. A divisor that is no power of ten makes every price of the
packet doubtful: such a packet decodes as if the divisor were 100, and says so in `divisor_known`.
"""

import struct
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache

from broker import money
from broker.clock import IST
from broker.stream.topics import Kind, Topic
from broker.values.base import Value
from broker.values.market import DepthLevel

USUAL_DIVISOR = 100
PLACES = {10**places: places for places in range(9)}
LEVELS = 5  # on each side

PRICE = struct.Struct("<iIIiiiiiHIiIiIIii")
LEVEL = struct.Struct("<Iihh")
DEPTH_AT = PRICE.size
INDEX = struct.Struct("<BHIHHIi")
OPEN_INTEREST = struct.Struct("<iiii")
MARKET_STATUS = struct.Struct("<H")
THREE_WORDS = struct.Struct("<IIi")
PRICE_LENGTH = PRICE.size + 2 * LEVELS * LEVEL.size  # 186; two unused bytes follow on the wire


class BadPacket(ValueError):
    """`reason` is one of a few words, for counters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MarketStatus(IntEnum):
    """Codes of a segment's session (iifl_stream §6.4)."""

    PRE_OPEN_STARTED = 0
    PRE_OPEN_CLOSED = 1
    OPENED = 2
    CALL_AUCTION_STARTED = 3
    CALL_AUCTION_CLOSED = 4
    AUCTION_STARTED = 5
    AUCTION_CLOSED = 6
    CLOSED = 7
    CLOSING_SESSION_OPENED = 8
    CLOSING_SESSION_CLOSED = 9
    HALT = 10


class PricePacket(Value, frozen=True, kw_only=True):
    """Price, volume and depth of an instrument. What has not traded, and an empty level, is None; 0 is no price."""

    ltp: Decimal | None
    last_quantity: int
    volume: int
    high: Decimal | None
    low: Decimal | None
    open: Decimal | None
    previous_close: Decimal | None
    average_price: Decimal | None
    bid_price: Decimal | None
    bid_quantity: int
    ask_price: Decimal | None
    ask_quantity: int
    total_bid_quantity: int
    total_ask_quantity: int
    last_traded_at: datetime | None
    bids: list[DepthLevel]
    asks: list[DepthLevel]
    divisor_known: bool


class IndexPacket(Value, frozen=True, kw_only=True):
    """An index. It has no date, so a repeated packet of the last session looks like a new one."""

    value: Decimal | None
    previous_close: Decimal | None
    up_moves: int
    down_moves: int
    divisor_known: bool


class OpenInterestPacket(Value, frozen=True, kw_only=True):
    """Open contracts now, at the day's extremes, and at the end of the session before."""

    open_interest: int
    day_high: int
    day_low: int
    previous: int


class MarketStatusPacket(Value, frozen=True, kw_only=True):
    """The session of a segment. `code` is a MarketStatus, or a number that the documents do not list."""

    code: int


class ProtectionBandPacket(Value, frozen=True, kw_only=True):
    """Between which prices orders for a derivative are accepted."""

    high: Decimal | None
    low: Decimal | None
    divisor_known: bool


class ExtremePacket(Value, frozen=True, kw_only=True):
    """An instrument has reached a circuit limit, or a price that is new for 52 weeks; the topic says which."""

    instrument_id: str
    price: Decimal | None
    divisor_known: bool


Packet = PricePacket | IndexPacket | OpenInterestPacket | MarketStatusPacket | ProtectionBandPacket | ExtremePacket


def decode(topic: Topic, payload: bytes) -> Packet:
    """Decode a packet; bytes after its end are ignored. Raises BadPacket, and nothing else, for any bytes."""
    decoder = _DECODERS.get(topic.kind)
    if decoder is None:
        raise BadPacket("topic")
    try:
        return decoder(payload)
    except struct.error:
        raise BadPacket("short") from None


def _price_packet(payload: bytes) -> PricePacket:
    if len(payload) < PRICE_LENGTH:
        raise BadPacket("short")
    fields = PRICE.unpack_from(payload)
    (ltp, last_quantity, volume, high, low, open_, close, average, _) = fields[:9]
    (bid_quantity, bid, ask_quantity, ask, bids_total, asks_total, divisor, traded_at) = fields[9:]
    if ltp > 0 and 0 < low <= high and not low <= ltp <= high:
        raise BadPacket("implausible")
    prices = _Prices(divisor)
    levels = [_level(prices, *LEVEL.unpack_from(payload, DEPTH_AT + n * LEVEL.size)) for n in range(2 * LEVELS)]
    return PricePacket(
        ltp=prices(ltp),
        last_quantity=last_quantity,
        volume=volume,
        high=prices(high),
        low=prices(low),
        open=prices(open_),
        previous_close=prices(close),
        average_price=prices(average),
        bid_price=prices(bid),
        bid_quantity=bid_quantity,
        ask_price=prices(ask),
        ask_quantity=ask_quantity,
        total_bid_quantity=bids_total,
        total_ask_quantity=asks_total,
        last_traded_at=datetime.fromtimestamp(traded_at, IST) if traded_at > 0 else None,
        bids=[level for level in levels[:LEVELS] if level],
        asks=[level for level in levels[LEVELS:] if level],
        divisor_known=prices.divisor_known,
    )


def _level(prices: "_Prices", quantity: int, raw: int, orders: int, _: int) -> DepthLevel | None:
    price = prices(raw)
    return None if price is None else DepthLevel(price=price, quantity=quantity, orders=orders if orders >= 0 else None)


def _index_packet(payload: bytes) -> IndexPacket:
    _, _, value, ups, downs, close, divisor = INDEX.unpack_from(payload)
    prices = _Prices(divisor)
    return IndexPacket(
        value=prices(value),
        previous_close=prices(close),
        up_moves=ups,
        down_moves=downs,
        divisor_known=prices.divisor_known,
    )


def _open_interest_packet(payload: bytes) -> OpenInterestPacket:
    now, high, low, previous = OPEN_INTEREST.unpack_from(payload)
    if min(now, high, low, previous) < 0:
        raise BadPacket("implausible")
    return OpenInterestPacket(open_interest=now, day_high=high, day_low=low, previous=previous)


def _market_status_packet(payload: bytes) -> MarketStatusPacket:
    (code,) = MARKET_STATUS.unpack_from(payload)
    return MarketStatusPacket(code=MarketStatus(code) if code in iter(MarketStatus) else code)


def _protection_band_packet(payload: bytes) -> ProtectionBandPacket:
    high, low, divisor = THREE_WORDS.unpack_from(payload)
    prices = _Prices(divisor)
    return ProtectionBandPacket(high=prices(high), low=prices(low), divisor_known=prices.divisor_known)


def _extreme_packet(payload: bytes) -> ExtremePacket:
    number, raw, divisor = THREE_WORDS.unpack_from(payload)
    prices = _Prices(divisor)
    return ExtremePacket(instrument_id=str(number), price=prices(raw), divisor_known=prices.divisor_known)


class _Prices:
    """Turns raw prices into rupees; what is not above 0 is none."""

    __slots__ = ("_places", "divisor_known")

    def __init__(self, divisor: int) -> None:
        places = PLACES.get(divisor)
        self.divisor_known = places is not None
        self._places = PLACES[USUAL_DIVISOR] if places is None else places

    def __call__(self, raw: int) -> Decimal | None:
        return _price(raw, self._places) if raw > 0 else None


@lru_cache(50_000)
def _price(raw: int, places: int) -> Decimal | None:
    """The same prices come again and again: a packet has eighteen, and most are those of the one before."""
    return money.price(Decimal(raw).scaleb(-places)) or None


_DECODERS: dict[Kind, Callable[[bytes], Packet]] = {
    Kind.PRICE: _price_packet,
    Kind.INDEX: _index_packet,
    Kind.OPEN_INTEREST: _open_interest_packet,
    Kind.MARKET_STATUS: _market_status_packet,
    Kind.PROTECTION_BAND: _protection_band_packet,
    Kind.UPPER_CIRCUIT: _extreme_packet,
    Kind.LOWER_CIRCUIT: _extreme_packet,
    Kind.HIGH_52_WEEKS: _extreme_packet,
    Kind.LOW_52_WEEKS: _extreme_packet,
}
