"""What the broker's stream says of the segments' sessions, which outranks calendar and clock.

The feed publishes it every second. A process reads it from Redis at most once a second.
"""

from collections.abc import Mapping

import msgspec

from broker import conf
from systemcache import process_state
from systemcache.errors import StoreUnavailable
from systemcache.local.ttl_dict import TTLDict
from systemcache.storage import pushes
from systemcache.storage.leader_lock import LeaderLock

NAME = "market status"
LASTS = 5.0  # seconds for which it counts
REMEMBERED_FOR = 1.0

_known: TTLDict[Mapping[str, bool]] = process_state.register(TTLDict())


def publish(lock: LeaderLock, is_open: Mapping[str, bool]) -> None:
    """Publish of exchanges whether they are open. Raises StoreUnavailable."""
    pushes.set_status(lock, msgspec.json.encode(is_open), LASTS, name=NAME)


def is_open(exchange: str) -> bool | None:
    """Return whether the exchange is open; None if the stream says nothing of it."""
    return _read().get(exchange) if conf.stream_url() else None


def _read() -> Mapping[str, bool]:
    known = _known.get(NAME)
    if known is None:
        known = _ask()
        _known.set(NAME, known, REMEMBERED_FOR)
    return known


def _ask() -> Mapping[str, bool]:
    try:
        published = pushes.status(NAME)
        return msgspec.json.decode(published, type=dict[str, bool]) if published else {}
    except (StoreUnavailable, msgspec.MsgspecError):
        return {}
