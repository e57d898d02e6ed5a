"""Events: what has happened, for programs and pages that follow `/stream`.

`publish` is for facts: changes that are committed in the database, or that a source has reported. It writes to the
event log in Redis, from which every stream process reads; no decision on this site depends on an event. Without Redis
an event is lost: once Redis is back, all programs are told to read everything again.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS

from systemcache import codec, commits, process_state
from systemcache.errors import StoreUnavailable
from systemcache.stats.meters import Meter
from systemcache.storage import event_log
from systemcache.storage.event_log import NewEvent

logger = logging.getLogger(__name__)

PUBLISHED = Meter("events_published", "Events that were logged for programs to read", "kind")
LOST = Meter("events_lost", "Events that could not be logged, because Redis was away", "kind")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: the name by which programs ask for it.

    row_type: the type of its data, which is that of the REST row that it concerns.
    permission: what it takes to see it, beside what the stream itself takes; "": nothing.
    replaced: only the newest event of a key counts, as of prices: a slow reader is spared the others.
    owned: an event is its owner's, and staff's: its key begins with the owner's number and a colon.
    """

    name: str
    row_type: type
    about: str
    permission: str = ""
    replaced: bool = False
    owned: bool = False


class Event(NamedTuple):
    """A fact that is published; `data` is what the REST API shows of it, `key` names its row within the kind.

    With a `version` it is published once, however many processes learn of it: see publish_all.
    """

    kind: str
    data: object
    key: str = ""
    version: str = ""
    rank: int = 0


_kinds: dict[str, Kind] = {}


class _Outage:
    """Whether the last event of this process was lost, so that an outage is logged once."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock, self.lasts = threading.Lock(), False

    def begins(self) -> bool:
        with self.lock:
            begins, self.lasts = not self.lasts, True
            return begins

    def ends(self) -> None:
        self.lasts = False


_outage = process_state.register(_Outage())


def register(*kinds: Kind) -> None:
    """Make kinds known, in AppConfig.ready(). Registering one again is harmless; another of its name is refused."""
    for kind in kinds:
        if _kinds.setdefault(kind.name, kind) != kind:
            raise ValueError(f"Two kinds of events are called {kind.name!r}.")


def unregister(kind: Kind) -> None:
    """For tests, which bring kinds of their own."""
    _kinds.pop(kind.name, None)


def registered() -> list[Kind]:
    return list(_kinds.values())


def publish(kind: str, data: object, *, key: str = "", version: str = "", rank: int = 0) -> None:
    """Publish one fact. `key` names its row: for a quote it is `NSEEQ:RELIANCE`. See publish_all."""
    publish_all([Event(kind, data, key, version, rank)])


def publish_all(events: Iterable[Event], *, book: str = "") -> bool:
    """Publish facts; return whether the log has them. It never fails because of Redis; an unknown kind is a KeyError.

    version: a text for the row's state. An event is left out if the last one of its kind and key has the same version,
    or a higher rank: a row that is read later may be older than one that was pushed. A row without a version is always
    published.
    book: the events are a full list of rows, such as the order book. The first one ever is what there was before, and
    is not published.
    """
    new = list(map(_encoded, events))
    try:
        if new or book:
            event_log.append(new, book=book)
    except StoreUnavailable as error:
        if _outage.begins():
            logger.warning("events: Redis cannot be used, events are lost until it is back: %s", error)
        _count(LOST, new)
        event_log.events_are_missing()
        return False
    _outage.ends()
    _count(PUBLISHED, new)
    return True


def publish_on_commit(make: Callable[[], Iterable[Event]], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Publish a write once it has committed, or at once outside a transaction.

    `make` is called then; its errors are logged and do not make the write fail.
    """
    commits.on_commit(partial(publish_safely, make), using)


def publish_safely(make: Callable[[], Iterable[Event]]) -> None:
    """For what runs after a commit: nothing may make the write look failed."""
    try:
        publish_all(make())
    except Exception:  # the write has been committed, so whatever fails here must not reach its caller
        logger.exception("events: publishing a committed write failed")


def _encoded(event: Event) -> NewEvent:
    kind = _kinds[event.kind]
    data = codec.encode(event.data)
    return NewEvent(kind.name, event.key, data, not kind.replaced, event.rank, event.version)


def _count(meter: Meter, events: Sequence[NewEvent]) -> None:
    for kind, number in Counter(event.kind for event in events).items():
        meter.add(kind, number)
