"""An instrument's quote, and the rows of marketquotes."""

from datetime import datetime
from zlib import crc32

import msgspec

from broker.simulator.market import Market, Snapshot
from broker.simulator.prices.contracts import Contract, Contracts
from broker.simulator.rows.depth import Level, OrderBook, order_book
from broker.simulator.wire import Row, rupees, stamp

UNQUOTED_EXCHANGES = frozenset({"BSECURR", "MCXCOMM"})
_NOBODY = Level(0, 0, 0)


class Quote(msgspec.Struct, frozen=True):
    """What an instrument trades at; prices in paise."""

    at: datetime
    price: int
    last_quantity: int
    volume: int
    open: int
    high: int
    low: int
    previous_close: int
    average: int
    book: OrderBook

    @property
    def bid(self) -> Level:
        return self.book.bids[0] if self.book.bids else _NOBODY

    @property
    def ask(self) -> Level:
        return self.book.asks[0] if self.book.asks else _NOBODY


def quote_of(contract: Contract, snapshot: Snapshot) -> Quote:
    day = snapshot.day
    return Quote(
        at=snapshot.at,
        price=snapshot.price,
        last_quantity=0 if contract.is_index else 1 + crc32(f"{contract.instrument_id}|{day.volume}".encode()) % 97,
        volume=day.volume,
        open=day.open,
        high=day.high,
        low=day.low,
        previous_close=snapshot.previous_close,
        average=(day.high + day.low + day.close) // 3,
        book=order_book(contract, snapshot),
    )


def unknown_row() -> Row:
    return {"exchange": "Z", "instrumentId": 0, "ltp": 0}


def quote_row(market: Market, contracts: Contracts, exchange: str, instrument_id: str) -> Row:
    contract = None if exchange in UNQUOTED_EXCHANGES else contracts.find(exchange, instrument_id)
    snapshot = market.snapshot(contract) if contract else None
    if contract is None or snapshot is None:
        return unknown_row()
    quote = quote_of(contract, snapshot)
    return {
        "exchange": exchange,
        "instrumentId": int(contract.instrument_id),
        "ltp": rupees(quote.price),
        "lastTradedQuantity": quote.last_quantity,
        "bestBidQuantity": quote.bid.quantity,
        "bestAskQuantity": quote.ask.quantity,
        "totalBidQuantity": quote.book.total_bid_quantity,
        "totalAskQuantity": quote.book.total_ask_quantity,
        "bestBidPrice": rupees(quote.bid.price),
        "bestAskPrice": rupees(quote.ask.price),
        "averageTradedPrice": rupees(quote.average),
        "tradedVolume": quote.volume,
        "open": rupees(quote.open),
        "high": rupees(quote.high),
        "low": rupees(quote.low),
        "close": rupees(quote.previous_close),
        "tickTimestamp": stamp(quote.at),
    }
