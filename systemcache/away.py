"""Reads while Redis is away: from the source, once a process and key at a time, held for a moment.

Families that show our own tables are neither joined nor held: another process may have written meanwhile, and without
Redis this one would not hear of it. The database bears that better than a broker with three calls a second would.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from systemcache import conf
from systemcache.families import Family
from systemcache.fetched import Fetched
from systemcache.flights import Flights
from systemcache.flights import now as moment
from systemcache.recent import Recent

T = TypeVar("T")

_flights: Flights[Fetched[Any]] = Flights()
_held: Recent[Fetched[Any]] = Recent()
_forgotten = {"at": 0.0}


def answer(family: Family[T], key: str, load: Callable[[], Fetched[T]], since: float) -> Fetched[T]:
    if family.strict:
        return load()
    if found := held(key):
        return found
    outcome, _ = _flights.join(key, load, since=since - conf.hold(), wait=family.load_limit)
    if outcome is None:
        outcome = load()
    hold(family, key, outcome)
    return outcome


def held(key: str) -> Fetched[Any] | None:
    found = _held.get(key)
    return found if found and found.sound_at >= _forgotten["at"] else None


def hold(family: Family[T], key: str, value: Fetched[T]) -> None:
    """For a moment from when it was loaded, never past its TTL."""
    if not family.strict:
        _held.keep(key, value, value.sound_at + min(conf.hold(), family.ttl) - moment())


def forget() -> None:
    """Redis is back, or something was dropped: what was loaded before is held no longer, loads under way included."""
    _forgotten["at"] = moment()
    _flights.forget_all()
    _held.clear()
