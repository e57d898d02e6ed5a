"""Large answers, such as a year of minutes (94,000 candles, 11 MB): a few at once, and one of each user.

While it is made, such an answer takes a hundred megabytes; forty at once would take the memory of the machine.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date

from broker.errors import TooManyLargeAnswers
from broker.values import Interval
from systemcache import process_state
from systemcache.rate_limit import owner
from systemcache.rate_limit.bulkhead import Bulkhead, BulkheadFull

LARGE = 20_000  # candles
MINUTES_A_DAY = 375  # of the exchange for shares, from 9:15 to 15:30
TRADING_DAYS = 5 / 7  # of all days
MINUTES = {
    Interval.MINUTE: 1,
    Interval.MINUTES_5: 5,
    Interval.MINUTES_10: 10,
    Interval.MINUTES_15: 15,
    Interval.MINUTES_30: 30,
    Interval.MINUTES_60: 60,
}

bulkhead = process_state.register(Bulkhead(running=3, running_of_one=1, waiting=8, waiting_of_one=2, longest_wait=20.0))


@contextmanager
def place_for(interval: Interval, first: date, last: date) -> Iterator[None]:
    """Make the answer inside; a large one waits for its turn. Raises TooManyLargeAnswers."""
    if _candles(interval, first, last) < LARGE:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(bulkhead.enter(owner.current()))
        except BulkheadFull:
            raise TooManyLargeAnswers from None
        yield


def _candles(interval: Interval, first: date, last: date) -> float:
    """How many there are about."""
    days = (last - first).days + 1
    a_day = MINUTES_A_DAY / MINUTES[interval] if interval.is_intraday else 1
    return days * TRADING_DAYS * a_day
