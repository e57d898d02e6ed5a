"""Which segments are open, and of which packets are to be expected now.

A market status packet outranks calendar and clock for as long as its connection lasts. Without one the calendar
decides. A segment that it does not know is not taken for closed, and no packets are expected of it, so that a holiday
that nobody has entered raises no alarm.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from broker import clock
from broker.calendar import trading_hours
from broker.clock import IST
from broker.stream.packets import MarketStatus
from broker.values import Exchange

# Codes that say nothing of the normal market's session are left out: auctions run beside it.
CLOSED_CODES = frozenset({MarketStatus.CLOSED, MarketStatus.CLOSING_SESSION_CLOSED, MarketStatus.HALT})
OPEN_CODES = frozenset(
    {
        MarketStatus.PRE_OPEN_STARTED,
        MarketStatus.PRE_OPEN_CLOSED,
        MarketStatus.OPENED,
        MarketStatus.CLOSING_SESSION_OPENED,
    }
)
DAY = timedelta(days=1)


class Margins(NamedTuple):
    """The parts of the calendar's hours, at the beginning and the end, in which there may be no packets."""

    opening: timedelta
    closing: timedelta


_MINUTE = timedelta(minutes=1)
# The pre-open session takes a quarter of an hour; trading ends half an hour before the closing session does.
WITH_PRE_OPEN = Margins(16 * _MINUTE, 31 * _MINUTE)
CURRENCY = Margins(_MINUTE, 151 * _MINUTE)  # pairs with the rupee end at 17:00
OTHER = Margins(_MINUTE, _MINUTE)
MARGINS: dict[str, Margins] = {
    Exchange.NSEEQ: WITH_PRE_OPEN,
    Exchange.BSEEQ: WITH_PRE_OPEN,
    Exchange.NSEFO: WITH_PRE_OPEN,
    Exchange.BSEFO: WITH_PRE_OPEN,
    Exchange.NSECURR: CURRENCY,
    Exchange.BSECURR: CURRENCY,
}


class MarketSessions:
    """The segments' states, as of the last `refresh`; a status packet counts at once."""

    def __init__(self, now: Callable[[], datetime] = lambda: clock.now()) -> None:
        self._now = now
        self.codes: dict[str, int] = {}
        self._calendar: dict[str, tuple[bool, bool]] = {}  # by exchange: closed, packets expected

    def note(self, exchange: str, code: int) -> bool:
        """Note a status packet; return whether it says something new of the normal market."""
        if code not in CLOSED_CODES | OPEN_CODES or self.codes.get(exchange) == code:
            return False
        self.codes = {**self.codes, exchange: code}
        return True

    def forget(self) -> None:
        """The connection is over: what its packets have said is not known any more."""
        self.codes = {}

    def refresh(self, exchanges: set[str]) -> None:
        """Ask the calendar, which may take a query."""
        now = self._now()
        self._calendar = {exchange: by_calendar(exchange, now) for exchange in exchanges}

    def announced(self) -> dict[str, bool]:
        """Return whether each segment is open of which the stream has sent a status."""
        return {exchange: code not in CLOSED_CODES for exchange, code in self.codes.items()}

    def is_closed(self, exchange: str) -> bool:
        code = self.codes.get(exchange)
        return self._calendar.get(exchange, (False, False))[0] if code is None else code in CLOSED_CODES

    def expects_packets(self, exchange: str) -> bool:
        code = self.codes.get(exchange)
        return self._calendar.get(exchange, (False, False))[1] if code is None else code == MarketStatus.OPENED


def by_calendar(exchange: str, now: datetime) -> tuple[bool, bool]:
    """Return whether the segment is closed, and whether packets are to be expected."""
    known, day = trading_hours.calendar(), now.astimezone(IST).date()
    closed = known.seconds_until_open(now, exchange) > 0
    if closed or not known.knows(exchange, day.year):
        return closed, False
    opening, closing = MARGINS.get(exchange, OTHER)
    sessions = [each for each in known.sessions(exchange, day) if each.closes - each.opens < DAY]
    return closed, any(opens + opening <= now <= closes - closing for opens, closes in sessions)
