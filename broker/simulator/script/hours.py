"""The trading hours of a scripted day, in seconds after 09:15."""

import msgspec

from broker.simulator.prices.candles import SESSION_SECONDS


class Hours(msgspec.Struct, frozen=True):
    """Spans of trading, in order; each includes its start but not its end."""

    spans: tuple[tuple[float, float], ...] = ((0, SESSION_SECONDS),)

    @property
    def end(self) -> float:
        return self.spans[-1][1]

    def span(self, at: float) -> tuple[float, float] | None:
        """Return the current span; None while the market is closed."""
        return next((span for span in self.spans if span[0] <= at < span[1]), None)

    def last_open(self, at: float) -> float:
        """Return the last time of trading up to this one; this one itself before the opening."""
        return max((min(at, end) for start, end in self.spans if start <= at), default=at)

    def traded(self, at: float) -> float:
        """Return the seconds of trading up to this time."""
        return sum(min(at, end) - start for start, end in self.spans if start < at)
