"""The order book of an instrument, and the rows of marketdepth and openinterest."""

from zlib import crc32

import msgspec

from broker.simulator.market import Snapshot
from broker.simulator.prices.candles import TICK
from broker.simulator.prices.contracts import Contract
from broker.simulator.wire import Row, rupees

LEVELS = 5


class Level(msgspec.Struct, frozen=True):
    price: int
    quantity: int
    orders: int


class OrderBook(msgspec.Struct, frozen=True):
    """Both sides, best first; an index has none."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    total_bid_quantity: int = 0
    total_ask_quantity: int = 0


class OpenInterest(msgspec.Struct, frozen=True):
    now: int
    highest: int
    lowest: int


def order_book(contract: Contract, snapshot: Snapshot) -> OrderBook:
    """Return the book of this second."""
    if contract.is_index:
        return OrderBook()
    key = _key(contract, snapshot)
    steps = range(1, LEVELS + 1)
    return OrderBook(
        bids=tuple(_level(key, max(snapshot.price - step * TICK, TICK)) for step in steps),
        asks=tuple(_level(key, snapshot.price + step * TICK) for step in steps),
        total_bid_quantity=10_000 + _pseudo_random(key, 0) % 99_991,
        total_ask_quantity=10_000 + _pseudo_random(key, 1) % 99_989,
    )


def open_interest(contract: Contract, snapshot: Snapshot) -> OpenInterest:
    """Return open interest, which is 0 for shares."""
    highest = 0 if contract.exchange in ("NSEEQ", "BSEEQ") else crc32(contract.instrument_id.encode()) % 90_000_000
    now = highest - highest * (_pseudo_random(_key(contract, snapshot), 2) % 20) // 100
    return OpenInterest(now, highest, highest * 4 // 5)


def depth_row(contract: Contract, snapshot: Snapshot) -> Row:
    book = order_book(contract, snapshot)
    return {
        "exchange": contract.exchange,
        "instrumentId": int(contract.instrument_id),
        "totalBidQuantity": book.total_bid_quantity,
        "totalAskQuantity": book.total_ask_quantity,
        "marketDepth": {"bids": _rows(book.bids), "asks": _rows(book.asks)},
    }


def open_interest_row(contract: Contract, snapshot: Snapshot) -> Row:
    interest = open_interest(contract, snapshot)
    return {
        "exchange": contract.exchange,
        "instrumentId": int(contract.instrument_id),
        "openInterest": interest.now,
        "dayHighOi": interest.highest,
        "dayLowOi": interest.lowest,
    }


def _rows(levels: tuple[Level, ...]) -> list[Row]:
    return [{"price": rupees(level.price), "quantity": level.quantity, "orders": level.orders} for level in levels]


def _level(key: str, price: int) -> Level:
    chance = _pseudo_random(key, price)
    return Level(price, 1 + chance % 499, 1 + chance % 29)


def _key(contract: Contract, snapshot: Snapshot) -> str:
    """Return what the book's quantities depend on, so that they change every second."""
    return f"{contract.instrument_id}|{snapshot.at:%H%M%S}"


def _pseudo_random(key: str, number: int) -> int:
    return crc32(f"{key}|{number}".encode())
