"""The stream's binary payloads, little-endian; a real price is the raw one divided by the packet's divisor."""

from collections.abc import Sequence
from datetime import datetime
from struct import Struct as Layout

import msgspec

MARKET = Layout("<iIIiiiiiHIiIiIIii" + "Iihh" * 10 + "xx")
INDEX = Layout("<BHIHHIix")
OPEN_INTEREST = Layout("<iiii")
MARKET_STATUS = Layout("<H")
BAND = Layout("<IIi")

LEVELS = 5
DIVISOR = 100
_U16, _U32 = 0xFFFF, 0xFFFFFFFF
# The two clock fields count from here, as far as the recordings tell.
_COUNTING_STARTS_AT = 6 * 3600


class Level(msgspec.Struct, frozen=True):
    quantity: int = 0
    price: int = 0
    orders: int = 0
    side: int = 0
    """1 or 2 in made-up examples; what was recorded has 0 at each level."""


class MarketPacket(msgspec.Struct, frozen=True):
    """An instrument's price and depth; bids and asks best first, five at most."""

    ltp: int = 0
    last_quantity: int = 0
    volume: int = 0
    high: int = 0
    low: int = 0
    open: int = 0
    close: int = 0
    average: int = 0
    reserved: int = 0
    bid: Level = Level()
    ask: Level = Level()
    total_bid_quantity: int = 0
    total_ask_quantity: int = 0
    divisor: int = DIVISOR
    last_traded_at: int = 0
    """Seconds since 1970, UTC; 0 if never."""
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()

    def encode(self) -> bytes:
        """Return 188 bytes; a volume beyond 32 bits starts again at 0."""
        levels = [part for side in (self.bids, self.asks) for part in _side(side)]
        return MARKET.pack(
            self.ltp,
            self.last_quantity & _U32,
            self.volume & _U32,
            *(self.high, self.low, self.open, self.close, self.average),
            self.reserved & _U16,
            *(self.bid.quantity & _U32, self.bid.price),
            *(self.ask.quantity & _U32, self.ask.price),
            *(self.total_bid_quantity & _U32, self.total_ask_quantity & _U32),
            *(self.divisor, self.last_traded_at),
            *levels,
        )


class IndexPacket(msgspec.Struct, frozen=True):
    """An index's value; `close` is that of the session before."""

    number: int
    time: int
    value: int
    close: int
    divisor: int = DIVISOR
    up_moves: int = 0
    down_moves: int = 0

    def encode(self) -> bytes:
        """Return 20 bytes."""
        return INDEX.pack(
            self.number & 0xFF,
            self.time & _U16,
            self.value,
            *(self.up_moves, self.down_moves),
            *(self.close, self.divisor),
        )


def open_interest(now: int, highest: int, lowest: int, previous: int) -> bytes:
    return OPEN_INTEREST.pack(now, highest, lowest, previous)


def market_status(code: int) -> bytes:
    return MARKET_STATUS.pack(code)


def price_band(high: int, low: int, divisor: int = DIVISOR) -> bytes:
    """Encode a limit price protection, whose instrument is in the topic."""
    return BAND.pack(high, low, divisor)


def price_event(instrument_id: int, price: int, divisor: int = DIVISOR) -> bytes:
    """Encode that an instrument reached a circuit limit or made a new 52-week extreme."""
    return BAND.pack(instrument_id, price, divisor)


def seconds_since_six(at: datetime) -> int:
    """Return the packets' clock, which counts from 06:00 IST and so fits 16 bits until after midnight."""
    return (at.hour * 3600 + at.minute * 60 + at.second - _COUNTING_STARTS_AT) % 86_400


def _side(levels: Sequence[Level]) -> list[int]:
    parts = []
    for level in (*levels, *(Level(),) * (LEVELS - len(levels))):
        parts += [level.quantity & _U32, level.price, level.orders, level.side]
    return parts
