"""Tells of prices that reach a circuit limit or a new extreme of 52 weeks, of all instruments of an exchange."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import cycle, islice

import msgspec

from broker.simulator.market import Market
from broker.simulator.prices.candles import DAILY, on_tick
from broker.simulator.prices.contracts import Contract, Contracts
from broker.simulator.stream import packets
from broker.simulator.stream.topics import HIGH_52_WEEK, LOW_52_WEEK, LOWER_CIRCUIT, UPPER_CIRCUIT, feed_topic
from broker.simulator.wire import Clock

CIRCUIT_SHARE = 0.2
YEAR = timedelta(days=365)
LOOKS_AT_ONCE = 500
YEARS_AT_ONCE = 5
"""A year of made-up candles takes some milliseconds."""


class Limits(msgspec.Struct):
    """An instrument's limits of a day, and its price at the last look."""

    day: date
    upper: int
    lower: int
    price: int
    year: tuple[int, int] | None = None
    """The lowest and highest price of the year before, and of today's events; None until it is needed."""


class Extremes:
    def __init__(self, market: Market, contracts: Contracts, now: Clock) -> None:
        self._market = market
        self._contracts = contracts
        self._now = now
        self._limits: dict[Contract, Limits] = {}
        self._turn = 0

    def events(self, exchanges: set[str]) -> Iterator[tuple[str, bytes]]:
        """Yield topics and payloads of what has happened since the last look; a price counts when it has moved."""
        contracts = [row for name in sorted(exchanges) for row in self._contracts.of(name) if not row.is_index]
        if not contracts:
            return
        count = min(LOOKS_AT_ONCE, len(contracts))
        start, self._turn = self._turn, (self._turn + count) % len(contracts)
        years = YEARS_AT_ONCE
        for contract in islice(cycle(contracts), start, start + count):
            price = self._market.price(contract)
            limits = self._limits_of(contract)
            if price is None or limits is None or price == limits.price:
                continue
            if limits.year is None:
                if not years:
                    continue  # it is looked at again
                years -= 1
                limits.year = self._year(contract, limits.day)
            yield from self._events(contract, limits, price)
            limits.price = price

    def _events(self, contract: Contract, limits: Limits, price: int) -> Iterator[tuple[str, bytes]]:
        number = int(contract.instrument_id)
        if limits.price < limits.upper <= price:
            yield _event(UPPER_CIRCUIT, contract.exchange, number, limits.upper)
        if limits.price > limits.lower >= price:
            yield _event(LOWER_CIRCUIT, contract.exchange, number, limits.lower)
        if limits.year is None:
            return
        lowest, highest = limits.year
        if lowest <= price <= highest:
            return
        limits.year = min(lowest, price), max(highest, price)
        snapshot = self._market.snapshot(contract)
        if snapshot is None:
            return
        if price > highest and price >= snapshot.day.high:
            yield _event(HIGH_52_WEEK, contract.exchange, number, price)
        if price < lowest and price <= snapshot.day.low:
            yield _event(LOW_52_WEEK, contract.exchange, number, price)

    def _limits_of(self, contract: Contract) -> Limits | None:
        """Return today's limits, made at the day's first look."""
        today, limits = self._now().date(), self._limits.get(contract)
        if limits and limits.day == today:
            return limits
        snapshot = self._market.snapshot(contract)
        if snapshot is None:
            return None
        close = snapshot.previous_close
        upper, lower = (on_tick(close * (1 + share)) for share in (CIRCUIT_SHARE, -CIRCUIT_SHARE))
        self._limits[contract] = limits = Limits(today, upper, lower, snapshot.price)
        return limits

    def _year(self, contract: Contract, day: date) -> tuple[int, int] | None:
        candles = self._market.candles(contract, DAILY, day - YEAR, day - timedelta(days=1))
        return (min(candle.low for candle in candles), max(candle.high for candle in candles)) if candles else None


def _event(kind: str, exchange: str, instrument_id: int, price: int) -> tuple[str, bytes]:
    return feed_topic(kind, exchange), packets.price_event(instrument_id, price)
