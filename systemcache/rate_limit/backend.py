"""The interface between a rate limiter and its backends."""

import secrets
from dataclasses import dataclass, field
from typing import Protocol

from systemcache.rate_limit import owner


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `window` seconds."""

    calls: int
    window: float

    def share(self, processes: int) -> "Rate":
        """One process's share, so that all shares together keep the rate in each window.

        With more processes than calls per window this holds only on average.
        """
        if processes <= self.calls:
            return Rate(self.calls // processes, self.window)
        return Rate(1, self.window * processes / self.calls)


@dataclass(slots=True)
class Call:
    """A call that waits for a slot, or is in flight.

    `asked_at` is a time of this process's clock, and `ticket` one of Redis's (0: it has not been asked yet). They are
    the call's place in the queue, which it keeps although a back end may have lost it. Urgent calls go before all
    others. `token` begins with the call's owner, up to the first dot.
    """

    limit: str
    asked_at: float
    counts_for: float  # seconds after its start from which it no longer counts, even if it is never released
    urgent: bool = False
    ticket: int = 0
    token: str = field(default_factory=lambda: f"{owner.current()}.{secrets.token_hex(8)}")


def owner_of(token: str) -> str:
    return token.partition(".")[0]


class Backend(Protocol):
    """Keeps, for each limit, the calls that count now and those that wait: urgent ones first, then those of whoever has
    fewer calls that count or wait, then in the order of asking.

    A call counts from before it is sent until a window after its end, since only the source knows when in between it
    arrived. So no window of the source's holds more calls than count at once.
    """

    def acquire(self, call: Call, rate: Rate, max_wait: float) -> float:
        """0 if the call may be sent, and counts from now on; otherwise seconds until it can be sent at the earliest.

        The caller is to ask again then; until then it has its place in the queue. With more than `max_wait` seconds
        it has none: it is refused.
        """

    def release(self, call: Call, rate: Rate) -> None:
        """The call has ended, and counts for one window more."""

    def pause(self, limit: str, seconds: float) -> None:
        """Let no call start for so long."""
