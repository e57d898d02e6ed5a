"""Rows of marketquotes."""

from zlib import crc32

from broker.simulator.candles import TICK
from broker.simulator.contracts import Contract, Contracts
from broker.simulator.market import Market, Snapshot
from broker.simulator.wire import Row, rupees, stamp

UNSERVED = frozenset({"BSECURR", "MCXCOMM"})


def unknown_row() -> Row:
    return {"exchange": "Z", "instrumentId": 0, "ltp": 0}


def quote(market: Market, contracts: Contracts, exchange: str, instrument_id: str) -> Row:
    contract = None if exchange in UNSERVED else contracts.find(exchange, instrument_id)
    snapshot = market.snapshot(contract) if contract else None
    if contract is None or snapshot is None:
        return unknown_row()
    day = snapshot.day
    return {
        "exchange": exchange,
        "instrumentId": int(contract.instrument_id),
        "ltp": rupees(snapshot.price),
        **_book(contract, snapshot),
        "averageTradedPrice": rupees((day.high + day.low + day.close) // 3),
        "tradedVolume": day.volume,
        "open": rupees(day.open),
        "high": rupees(day.high),
        "low": rupees(day.low),
        "close": rupees(snapshot.previous_close),
        "tickTimestamp": stamp(snapshot.at),
    }


def _book(contract: Contract, snapshot: Snapshot) -> Row:
    """The best bid and ask, with quantities that change every second; an index has none."""
    fields = (
        "lastTradedQuantity",
        "bestBidQuantity",
        "bestAskQuantity",
        "totalBidQuantity",
        "totalAskQuantity",
    )
    if contract.is_index:
        return dict.fromkeys((*fields, "bestBidPrice", "bestAskPrice"), 0)
    chance = crc32(f"{contract.instrument_id}|{snapshot.at:%H%M%S}".encode())
    quantities = (
        1 + chance % 97,
        1 + chance % 499,
        1 + chance % 503,
        10_000 + chance % 99_991,
        10_000 + chance % 99_989,
    )
    return {
        **dict(zip(fields, quantities, strict=True)),
        "bestBidPrice": rupees(max(snapshot.price - TICK, TICK)),
        "bestAskPrice": rupees(snapshot.price + TICK),
    }
