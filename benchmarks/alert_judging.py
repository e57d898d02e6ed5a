"""What judging costs the feed's process: a thousand alerts on five hundred instruments, five hundred prices a second.

The processor time of the judging itself is measured, in the feed's thread, with prices that stay between the alerts'
values, as nearly all do, and with prices that cross some of them.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alerts.judging.index import AlertIndex
from alerts.models import Kind
from alerts.schemas import WatchedAlert
from alerts.watcher import price_of
from benchmarks.targets import Targets
from broker.values import PriceState, Quote

ALERTS, INSTRUMENTS = 1_000, 500
PRICES_A_SECOND = 500
SECONDS = 60  # of the market
LARGEST_SHARE = 0.05  # of a core
MADE = datetime(2026, 1, 8, 5, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Figures:
    """Processor time a price in microseconds, and the share of a core at the rate above."""

    quiet_us: float
    crossing_us: float
    one_instrument_us: float
    share: float


def run(targets: Targets) -> Figures:
    quiet = _microseconds(_alerts(INSTRUMENTS), spread=2)
    crossing = _microseconds(_alerts(INSTRUMENTS), spread=30)
    crowded = _microseconds(_alerts(1), spread=2)
    share = max(quiet, crossing) * PRICES_A_SECOND / 1e6
    print(
        f"a price between the values {quiet:.1f} µs, among crossings {crossing:.1f} µs, "
        f"all alerts on one instrument {crowded:.1f} µs"
    )
    print(f"{ALERTS:,} alerts at {PRICES_A_SECOND} prices a second: {share:.2%} of a core")
    targets.at_most("share of a core that judging takes", share, LARGEST_SHARE)
    return Figures(quiet, crossing, crowded, share)


def _alerts(instruments: int) -> list[WatchedAlert]:
    kinds = list(Kind)
    return [_alert(number, kinds[number % len(kinds)], str(number % instruments)) for number in range(ALERTS)]


def _alert(number: int, kind: Kind, instrument: str) -> WatchedAlert:
    """An armed alert 10 to 24 rupees, or 1.0 to 2.4 per cent, off a price of 1,000."""
    distance = Decimal(10 + number % 15) * (1 if kind.is_upward else -1)
    return WatchedAlert(
        id=number,
        exchange="NSEEQ",
        symbol=f"S{instrument}",
        instrument_id=instrument,
        kind=kind,
        value=1_000 + distance if kind.is_price else distance / 10,
        armed=True,
        created_at=MADE,
    )


def _microseconds(alerts: list[WatchedAlert], spread: int) -> float:
    """Processor time of this thread a price."""
    index = AlertIndex()
    index.replace(alerts)
    quotes = list(_quotes(len({alert.instrument_id for alert in alerts}), spread))
    before = time.thread_time()
    for quote in quotes:
        if price := price_of(quote):
            index.judge((quote.exchange, quote.instrument_id), price)
    return (time.thread_time() - before) / len(quotes) * 1e6


def _quotes(instruments: int, spread: int) -> Iterator[Quote]:
    chance = random.Random(1)
    for number in range(PRICES_A_SECOND * SECONDS):
        at = MADE + timedelta(seconds=1 + number / PRICES_A_SECOND)
        change = Decimal(chance.randint(-spread, spread))
        yield Quote(
            exchange="NSEEQ",
            symbol="",
            instrument_id=str(number % instruments),
            ltp=1_000 + change,
            open=None,
            high=None,
            low=None,
            previous_close=Decimal(1_000),
            change_percent=change / 10,
            volume=None,
            average_price=None,
            bid_price=None,
            bid_quantity=None,
            ask_price=None,
            ask_quantity=None,
            quoted_at=at,
            exchange_time=at,
            received_at=at,
            state=PriceState.LIVE,
        )
