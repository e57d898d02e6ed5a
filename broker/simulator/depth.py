"""Rows of marketdepth and openinterest, in step with the quotes."""

from zlib import crc32

from broker.simulator.candles import TICK
from broker.simulator.contracts import Contract
from broker.simulator.market import Snapshot
from broker.simulator.wire import Row, rupees

LEVELS = 5


def depth_row(contract: Contract, snapshot: Snapshot) -> Row:
    """An index has no depth."""
    levels = 0 if contract.is_index else LEVELS
    bids = [_level(contract, snapshot, max(snapshot.price - step * TICK, TICK)) for step in range(1, levels + 1)]
    asks = [_level(contract, snapshot, snapshot.price + step * TICK) for step in range(1, levels + 1)]
    return {
        "exchange": contract.exchange,
        "instrumentId": int(contract.instrument_id),
        "totalBidQuantity": 10_000 + _chance(contract, snapshot, 0) % 99_991 if levels else 0,
        "totalAskQuantity": 10_000 + _chance(contract, snapshot, 1) % 99_989 if levels else 0,
        "marketDepth": {"bids": bids, "asks": asks},
    }


def open_interest_row(contract: Contract, snapshot: Snapshot) -> Row:
    """Shares have none."""
    highest = 0 if contract.exchange in ("NSEEQ", "BSEEQ") else crc32(contract.instrument_id.encode()) % 90_000_000
    now = highest - highest * (_chance(contract, snapshot, 2) % 20) // 100
    return {
        "exchange": contract.exchange,
        "instrumentId": int(contract.instrument_id),
        "openInterest": now,
        "dayHighOi": highest,
        "dayLowOi": highest * 4 // 5,
    }


def _level(contract: Contract, snapshot: Snapshot, price: int) -> Row:
    chance = _chance(contract, snapshot, price)
    return {"price": rupees(price), "quantity": 1 + chance % 499, "orders": 1 + chance % 29}


def _chance(contract: Contract, snapshot: Snapshot, number: int) -> int:
    """Changes every second."""
    return crc32(f"{contract.instrument_id}|{snapshot.at:%H%M%S}|{number}".encode())
