"""Fetch-through: a fresh value from Redis, else one load from the source."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from systemcache import codec, conf, stats, store
from systemcache.codec import Entry
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.flights import Flights
from systemcache.keys import Params

T = TypeVar("T")

logger = logging.getLogger(__name__)
flights: Flights["Fetched[Any]"] = Flights()


def now() -> datetime:
    return datetime.now(UTC)


class Fetched(Generic[T]):
    """A value with its origin. `state` is hit, miss, or bypass when the cache was not asked or could not be."""

    __slots__ = ("_value", "created", "payload", "state", "type")

    def __init__(self, type_: type[T], entry: Entry, state: str, value: T | None = None) -> None:
        self.type = type_
        self.created = entry.created
        self.payload = entry.payload
        self.state = state
        self._value = value

    @property
    def value(self) -> T:
        """The typed value; decoded when first asked for, since most answers only pass the bytes on."""
        if self._value is None:
            self._value = codec.decode(self.payload, self.type)
        return self._value

    def age(self) -> int:
        """Whole seconds since the value was loaded."""
        return max(0, int((now() - self.created).total_seconds()))


def fetch(family: Family[T], params: Params, loader: Callable[[], T], *, ttl: int | None = None) -> Fetched[T]:
    """The family's value for these parameters, from Redis or else from `loader`, whose errors are never stored.

    `ttl` (seconds) takes the place of the family's own for values that age faster.
    """
    key = family.key(params)
    state = "miss"
    try:
        if found := _stored(family, key):
            stats.count(family.name, "hits")
            return found
    except StoreUnavailable as error:
        logger.debug("cache: %s goes to its source: %s", _shown(family, key), error)
        state = "bypass"
    stats.count(family.name, "misses" if state == "miss" else "bypasses")
    return _load_once(family, key, loader, state, ttl)


def _stored(family: Family[T], key: str) -> Fetched[T] | None:
    """What Redis holds, if it is a value of the family's type: anything else is a miss now, not an error later."""
    try:
        entry = store.read(key)
        if not isinstance(entry, Entry):
            return None
        return Fetched(family.type, entry, "hit", codec.decode(entry.payload, family.type))
    except codec.Undecodable as error:
        logger.warning("cache: %s does not decode and is loaded anew: %s", _shown(family, key), error)
        stats.count(family.name, "undecodable")
        return None


def bypass(family: Family[T], loader: Callable[[], T]) -> Fetched[T]:
    """A value for which the family has no key, straight from its source and kept nowhere."""
    stats.count(family.name, "bypasses")
    return _load(family, loader, "bypass")


def _load_once(family: Family[T], key: str, loader: Callable[[], T], state: str, ttl: int | None) -> Fetched[T]:
    def load(still_current: Callable[[], bool]) -> Fetched[T]:
        if state == "miss" and (found := _loaded_meanwhile(family, key)):
            return found
        loaded = _load(family, loader, state)
        if state == "miss" and still_current():
            _keep(family, key, loaded, ttl or family.ttl)
        return loaded

    outcome, waited = flights.join(key, load, conf.load_wait())
    if waited:
        stats.count(family.name, "waits")
    return outcome


def _loaded_meanwhile(family: Family[T], key: str) -> Fetched[T] | None:
    """Between this caller's miss and its turn to load, another's load may have ended."""
    try:
        return _stored(family, key)
    except StoreUnavailable:
        return None


def _load(family: Family[T], loader: Callable[[], T], state: str) -> Fetched[T]:
    created, started = now(), time.perf_counter()  # born before the load: never younger than what it shows
    try:
        value = loader()
    except Exception:
        stats.count(family.name, "load_errors")
        raise
    stats.count(family.name, "loads")
    stats.count(family.name, "load_seconds", time.perf_counter() - started)
    return Fetched(family.type, Entry(created, codec.encode(value)), state, value)


def _keep(family: Family[T], key: str, loaded: Fetched[T], ttl: int) -> None:
    try:
        store.write(key, Entry(loaded.created, loaded.payload), ttl)
    except StoreUnavailable as error:
        logger.debug("cache: %s is not kept: %s", _shown(family, key), error)


def _shown(family: Family[T], key: str) -> str:
    """The key for a log line; a secret family's keys are named by their family alone."""
    return family.name if family.secret else key
