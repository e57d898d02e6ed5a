"""The instruments that were read lately, or that a client of the stream follows: the feed subscribes them.

A process notes each of them once in a while, and sends its notes together, so that a read costs a look at a dict.
"""

import threading
from collections.abc import Iterable
from typing import NamedTuple

from broker import conf
from systemcache import clock, process_state
from systemcache.errors import StoreUnavailable
from systemcache.storage import recent_names

KEEP = 300  # seconds for which an instrument that was read counts
NOTE_INTERVAL = 20.0  # seconds after which a process notes an instrument again
SEND_INTERVAL = 1.0  # seconds between two calls of a process to Redis
MOST = 4_000  # instruments that are kept
MOST_IN_PROCESS = 20_000

QUOTES, DEPTH, OPEN_INTEREST = "quotes", "depth", "open_interest"


class Instrument(NamedTuple):
    """An instrument by the names that its key in the cache has."""

    exchange: str
    symbol: str


class _Notes:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Lock()
        self.noted: dict[tuple[str, str, str], float] = {}  # with the time (monotonic)
        self.unsent: dict[str, set[str]] = {}
        self.sent_at = float("-inf")


_notes = process_state.register(_Notes())


def note(exchange: str, symbols: Iterable[str], kind: str = QUOTES) -> None:
    """Note that somebody reads these instruments, or follows them: they are subscribed for the next five minutes.

    `kind` is what is read of them: QUOTES, DEPTH or OPEN_INTEREST. However often this is called, it calls Redis at most
    once a second, and it raises nothing while Redis is away.
    """
    note_all(((exchange, symbol) for symbol in symbols), kind)


def note_all(instruments: Iterable[tuple[str, str]], kind: str = QUOTES) -> None:
    """Note instruments of several exchanges, each as exchange and symbol; see `note`."""
    if not conf.stream_url():
        return
    now = clock.monotonic()
    noted, due = _notes.noted, now - NOTE_INTERVAL
    for instrument in instruments:
        key = (kind, *instrument)
        if noted.get(key, float("-inf")) <= due:
            _keep(key, now)
    if _notes.unsent and now - _notes.sent_at >= SEND_INTERVAL:
        _send(now)


def _keep(key: tuple[str, str, str], now: float) -> None:
    kind, exchange, symbol = key
    with _notes.lock:
        if len(_notes.noted) >= MOST_IN_PROCESS:
            _notes.noted.clear()
        _notes.noted[key] = now
        _notes.unsent.setdefault(kind, set()).add(f"{exchange} {symbol}")


def read_lately(kind: str = QUOTES) -> list[Instrument]:
    """Return what all processes have noted, the latest first. Raises StoreUnavailable."""
    names = recent_names.since(kind, clock.timestamp() - KEEP)
    parts = (name.partition(" ") for name in names)
    return [Instrument(exchange, symbol) for exchange, _, symbol in parts if symbol]


def _send(now: float) -> None:
    with _notes.lock:
        unsent, _notes.unsent, _notes.sent_at = _notes.unsent, {}, now
    try:
        for kind, names in unsent.items():
            recent_names.add(kind, names, clock.timestamp(), keep=KEEP, most=MOST)
    except StoreUnavailable:
        with _notes.lock:  # it is noted again when Redis is back
            _notes.noted.clear()
