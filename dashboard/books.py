"""The account's books as one page shows them: its tables and its summary line are of the same values."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from broker import gateway, portfolio
from broker.values import Holding, Margins, PortfolioSummary, Position
from dashboard.reading import Answer, ask
from systemcache.cached_value import combine

# Seconds: the age of the summary line is written anew so often where nothing else has changed. While an order is open
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
    def summary(self) -> Answer[PortfolioSummary]:
        """What the books come to, as old as the older of holdings and positions; funds have a title of their own."""
        held, positions, margins = self.holdings.cached, self.positions.cached, self.margins.cached
        if held is None or positions is None:
            return Answer(None, self.holdings.error or self.positions.error)
        found = portfolio.summarize(held.value, positions.value, margins.value if margins else None)
        return Answer(combine(PortfolioSummary, found, [held, positions]))

    def fingerprint(self) -> Iterator[bytes]:
        for _, answer in self.named:
            yield answer.fingerprint(dated=False)
            yield b"%d" % (answer.as_of.timestamp() // DATED_EVERY if answer.as_of else 0)


def read() -> Books:
    return Books(ask(gateway.holdings), ask(gateway.positions), ask(gateway.margins))
