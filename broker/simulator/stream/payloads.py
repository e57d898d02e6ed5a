"""The current payload of a topic, from the prices that the REST side quotes."""

from collections.abc import Callable
from datetime import timedelta

from broker.simulator.market import Market, Snapshot
from broker.simulator.prices.contracts import Contract, Contracts
from broker.simulator.rows.depth import open_interest
from broker.simulator.rows.quotes import quote_of
from broker.simulator.stream import packets
from broker.simulator.stream.packets import IndexPacket, Level, MarketPacket
from broker.simulator.stream.topics import BAND, INDEX, MARKET, OPEN_INTEREST, Topic

# INDIA VIX, the one index with another divisor.
_FINE_DIVISOR, _WITH_FINE_DIVISOR = 10_000, frozenset({"999920019"})
_INDEX_NUMBERS_START_AT = 999920000
_BAND_SHARE = 0.1
DERIVATIVES = frozenset({"NSEFO", "BSEFO"})


class Payloads:
    """`shift` is how far the packets' clock is ahead."""

    def __init__(self, market: Market, contracts: Contracts, index_over_mw: Callable[[], bool]) -> None:
        self._market = market
        self._contracts = contracts
        self._index_over_mw = index_over_mw
        self.shift = timedelta()

    def contract(self, topic: Topic) -> Contract | None:
        """Return the topic's instrument; None if the stream has no packets of it."""
        contract = self._contracts.find(topic.exchange, topic.instrument_id)
        if contract is None or contract.exchange != topic.exchange:
            return None
        if topic.kind == INDEX:
            return contract if contract.is_index else None
        if topic.kind == MARKET:
            return contract if self._index_over_mw() or not contract.is_index else None
        if topic.kind == BAND:
            return contract if contract.exchange in DERIVATIVES and not contract.is_index else None
        return None if contract.is_index else contract

    def current(self, kind: str, contract: Contract) -> bytes | None:
        """Return what the instrument's topic of this kind has now; None if there is no price."""
        snapshot = self._market.snapshot(contract)
        if snapshot is None:
            return None
        encode = {
            MARKET: self._market_packet,
            INDEX: self._index_packet,
            OPEN_INTEREST: _open_interest,
            BAND: _price_band,
        }[kind]
        return encode(contract, snapshot)

    def _market_packet(self, contract: Contract, snapshot: Snapshot) -> bytes:
        quote = quote_of(contract, snapshot)
        at = quote.at + self.shift
        bids, asks = (
            [Level(level.quantity, level.price, level.orders) for level in side]
            for side in (quote.book.bids, quote.book.asks)
        )
        return MarketPacket(
            ltp=quote.price,
            last_quantity=quote.last_quantity,
            volume=quote.volume,
            high=quote.high,
            low=quote.low,
            open=quote.open,
            close=quote.previous_close,
            average=0 if contract.is_index else quote.average,
            reserved=packets.seconds_since_six(at),
            bid=bids[0] if bids else Level(),
            ask=asks[0] if asks else Level(),
            total_bid_quantity=quote.book.total_bid_quantity,
            total_ask_quantity=quote.book.total_ask_quantity,
            last_traded_at=int(at.timestamp()),
            bids=bids,
            asks=asks,
        ).encode()

    def _index_packet(self, contract: Contract, snapshot: Snapshot) -> bytes:
        is_fine = contract.instrument_id in _WITH_FINE_DIVISOR
        factor = _FINE_DIVISOR // packets.DIVISOR if is_fine else 1
        number = int(contract.instrument_id) - _INDEX_NUMBERS_START_AT
        return IndexPacket(
            number=number if number >= 0 else 0,
            time=packets.seconds_since_six(snapshot.at + self.shift),
            value=snapshot.price * factor,
            close=snapshot.previous_close * factor,
            divisor=packets.DIVISOR * factor,
        ).encode()


def _open_interest(contract: Contract, snapshot: Snapshot) -> bytes:
    interest = open_interest(contract, snapshot)
    return packets.open_interest(interest.now, interest.highest, interest.lowest, interest.lowest)


def _price_band(contract: Contract, snapshot: Snapshot) -> bytes:
    close = snapshot.previous_close
    return packets.price_band(round(close * (1 + _BAND_SHARE)), round(close * (1 - _BAND_SHARE)))
