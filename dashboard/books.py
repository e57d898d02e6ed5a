"""The account's books as one page shows them: its tables and its summary line are of the same values."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from broker import gateway, portfolio
from broker.portfolio import Totals
from broker.values import Holding, Margins, Position
from dashboard.reading import Answer, ask

# Seconds: the age of the summary line is updated so often where nothing else has changed. While an order is open
# the broker is asked every three seconds, and an age alone is no reason to send a page.
DATED_EVERY = 15


@dataclass(frozen=True)
class Books:
    """Holdings, positions and margins, read once for a page."""

    holdings: Answer[list[Holding]]
    positions: Answer[list[Position]]
    margins: Answer[Margins]

    @property
    def named(self) -> list[tuple[str, Answer[Any]]]:
        return [("Holdings", self.holdings), ("Positions", self.positions), ("Funds", self.margins)]

    @cached_property
    def holdings_totals(self) -> Totals | None:
        """Sums over what is held; None if the holdings are not known."""
        rows = self.holdings.value
        return None if rows is None else portfolio.totals(portfolio.owned(rows))

    @cached_property
    def positions_totals(self) -> Totals | None:
        """Sums over the positions; None if they are not known."""
        rows = self.positions.value
        return None if rows is None else portfolio.totals(rows)

    @property
    def as_of(self) -> datetime | None:
        """Of when the sums are: of the older book; None if neither is known."""
        known = [answer.as_of for answer in (self.holdings, self.positions) if answer.as_of]
        return min(known, default=None)

    @property
    def stale(self) -> bool:
        return self.holdings.stale or self.positions.stale

    def fingerprint(self) -> Iterator[bytes]:
        for _, answer in self.named:
            yield answer.fingerprint(dated=False)
            yield b"%d" % (answer.as_of.timestamp() // DATED_EVERY if answer.as_of else 0)


def read() -> Books:
    return Books(ask(gateway.holdings), ask(gateway.positions), ask(gateway.margins))
