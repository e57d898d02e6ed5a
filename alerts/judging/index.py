"""The active alerts by instrument, so that most prices cost two comparisons however many alerts there are."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from alerts.judging.rule import Price, Verdict, is_old, judge
from alerts.schemas import WatchedAlert

Instrument = tuple[str, str]  # exchange and the broker's id


class Judgement(NamedTuple):
    """What a price means to an alert; never Verdict.NOTHING."""

    alert_id: int
    verdict: Verdict
    price: Price


class Quiet:
    """The open range of a number in which it changes nothing: where it lies between what alerts wait for."""

    __slots__ = ("high", "low")

    def __init__(self) -> None:
        self.low: Decimal | None = None
        self.high: Decimal | None = None

    def add(self, alert: WatchedAlert) -> None:
        """Narrow the range by an alert whose `armed` is known: an armed one waits for the number to reach its value,
        another for it to leave the value's side."""
        if alert.kind.is_upward == bool(alert.armed):
            self.high = alert.value if self.high is None else min(self.high, alert.value)
        else:
            self.low = alert.value if self.low is None else max(self.low, alert.value)

    def has(self, number: Decimal | None) -> bool:
        """Whether nothing can follow from the number. At a value itself something may."""
        if number is None:
            return True
        return (self.low is None or number > self.low) and (self.high is None or number < self.high)


class _Watched:
    """An instrument's alerts, and its last live price."""

    __slots__ = ("alerts", "before", "change", "price", "settled")

    def __init__(self, alerts: Iterable[WatchedAlert], before: Price | None) -> None:
        self.alerts = {alert.id: alert for alert in alerts}
        self.before = before
        self._measure()

    def judge(self, price: Price) -> Iterator[Judgement]:
        before, self.before = self.before, price
        if self.settled and self.price.has(price.ltp) and self.change.has(price.change_percent):
            return
        for alert in list(self.alerts.values()):
            verdict = judge(alert, before, price)
            if verdict is Verdict.NOTHING:
                continue
            if verdict is Verdict.FIRE:
                del self.alerts[alert.id]
            else:
                self.alerts[alert.id] = msgspec.structs.replace(alert, armed=verdict is Verdict.ARM)
            yield Judgement(alert.id, verdict, price)
        self._measure()

    def _measure(self) -> None:
        self.settled = all(alert.armed is not None for alert in self.alerts.values())
        self.price, self.change = Quiet(), Quiet()
        if self.settled:
            for alert in self.alerts.values():
                (self.price if alert.kind.is_price else self.change).add(alert)


class AlertIndex:
    """Not for several threads at once."""

    def __init__(self) -> None:
        self._by_instrument: dict[Instrument, _Watched] = {}

    def __len__(self) -> int:
        return sum(len(watched.alerts) for watched in self._by_instrument.values())

    def replace(self, alerts: Iterable[WatchedAlert]) -> None:
        """Take over the active alerts; the last prices of their instruments are kept."""
        grouped: defaultdict[Instrument, list[WatchedAlert]] = defaultdict(list)
        for alert in alerts:
            grouped[alert.exchange, alert.instrument_id].append(alert)
        former = self._by_instrument
        self._by_instrument = {
            instrument: _Watched(some, former[instrument].before if instrument in former else None)
            for instrument, some in grouped.items()
        }

    def judge(self, instrument: Instrument, price: Price) -> list[Judgement]:
        """Say which of the instrument's alerts change by a price, and remember it."""
        watched = self._by_instrument.get(instrument)
        if watched is None or not price.live or (watched.before and is_old(watched.before, price)):
            return []
        return list(watched.judge(price))
