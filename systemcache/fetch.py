"""Fetch-through: a fresh value from Redis, else one load from the source, else an old value if the source fails.

A read goes as far down this list as it must:

1. The process holds a copy that it may show (near families): hit, without asking anybody.
2. Redis holds a fresh value whose generations stand: hit.
3. Somebody in this process is loading it: wait for that, and take it if it is known to be current.
4. Ask Redis for the lease. Granted: load, store under the lease. Not granted: sleep until the holder has ended.
5. The source fails: a value within `stale_for`, marked stale; else the source's error.
6. Redis cannot be asked: the source alone (away.py).
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from systemcache import away, codec, conf, dirty, keeper, keys, listener, near, stats, store
from systemcache.codec import Entry
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetched import Content, Fetched
from systemcache.flights import Flights
from systemcache.flights import now as moment
from systemcache.keys import KeyPart, Params
from systemcache.recent import Recent
from systemcache.sources import Answer, ask_source, event, failures, source_failed

T = TypeVar("T")

AHEAD = 0.75  # of its life, after which a value is refreshed by one caller
AHEAD_EVERY = 1.0  # seconds between two tries of one process to be that caller
# Lives of a lease for which the one caller of a process waits: its holder may have died, then another needs its time.
PATIENCE = 2

logger = logging.getLogger(__name__)
flights: Flights[Fetched[Any]] = Flights()
_tried_ahead: Recent[bool] = Recent()


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One read: what is asked for, and how to load it."""

    family: Family[T]
    spot: store.Spot
    loader: Callable[[], T]
    ttl: float

    @property
    def shown(self) -> str:
        """For log lines: a secret family's keys are named by their family alone."""
        return self.family.name if self.family.secret else self.spot.key


def fetch(family: Family[T], params: Params, loader: Callable[[], T], *, ttl: int | None = None) -> Fetched[T]:
    """The family's value for these parameters, from Redis or else from `loader`, whose errors are never stored.

    `ttl` (seconds) takes the place of the family's own for values that age faster.
    """
    spot = spot_of(family, params)
    found = nearby(family, spot) or _answered(Question(family, spot, loader, _life(family, ttl)))
    found.place = (family, spot)
    return found


def _answered(question: Question[T]) -> Fetched[T]:
    keeper.ensure()
    family = question.family
    if dirty.touches(family):
        # This transaction has written: what it reads is not what others may see.
        stats.count(family.name, "bypasses")
        return load(question, "bypass")
    since = moment()
    try:
        found = stored(family, question.spot)
        if found and is_fresh(found):
            stats.count(family.name, "hits")
            return _ahead(question, found)
        stats.count(family.name, "misses")
        return together(question, since)
    except StoreUnavailable as error:
        logger.debug("cache: %s goes to its source: %s", question.shown, error, extra=event(family, "bypass"))
        stats.count(family.name, "bypasses")
        return away.answer(family, question.spot.key, lambda: load(question, "bypass"), since)


def warm(family: Family[T], spot: store.Spot) -> Fetched[T] | None:
    """A hit that needs no more than to be shown, counted; None for anything else. Raises StoreUnavailable."""
    if found := nearby(family, spot):
        return found
    keeper.ensure()
    if dirty.touches(family):
        return None
    found = stored(family, spot)
    if not (found and is_fresh(found)) or _is_due(family, found):
        return None
    stats.count(family.name, "hits")
    return found


def nearby(family: Family[T], spot: store.Spot) -> Fetched[T] | None:
    """The same, out of this process's copies alone."""
    if not family.near:
        return None
    keeper.ensure()
    found = None if dirty.touches(family) else copied(family, spot.key)
    if found is None or _is_due(family, found):
        return None
    stats.count(family.name, "near_hits")
    return found


def copied(family: Family[T], key: str) -> Fetched[T] | None:
    """A fresh copy that may be shown without asking Redis."""
    listener.ensure()
    content = near.copies.get(key)
    if content is None:
        return None
    found = Fetched.of(content, "hit", moment())
    return found if is_fresh(found) else None


def asked(family: Family[T], params: Params, loader: Callable[[], T], ttl: int | None = None) -> Question[T]:
    return Question(family, spot_of(family, params), loader, _life(family, ttl))


def spot_of(family: Family[Any], params: Params) -> store.Spot:
    return _spot(family.template, family.name, family.tags, tuple(params.items()))


@lru_cache(4096)
def _spot(template: str, name: str, tags: tuple[str, ...], items: tuple[tuple[str, KeyPart], ...]) -> store.Spot:
    """The same questions come again and again. Raises InvalidKeyPart, which is not remembered."""
    params = dict(items)
    named = (keys.build_part_of(tag, params) for tag in tags)
    return store.Spot(keys.build(template, params), tuple(dict.fromkeys((name, *named))))


def _life(family: Family[Any], ttl: int | None) -> float:
    """Seconds for which a value that is loaded now will be fresh."""
    life = (ttl or family.ttl) * (1 - family.jitter * random.random())  # noqa: S311 - spreads work, guards nothing
    return max(1.0, life)


def bypass(family: Family[T], loader: Callable[[], T]) -> Fetched[T]:
    """A value for which the family has no key, straight from its source and kept nowhere."""
    stats.count(family.name, "bypasses")
    return load(Question(family, store.Spot("-", ()), loader, 0), "bypass")


def stored(family: Family[T], spot: store.Spot) -> Fetched[T] | None:
    """What Redis holds, fresh or not."""
    sound_at = moment()
    ticket = near.copies.open(spot)
    found = usable(family, spot.key, store.read(spot), sound_at)
    if found:
        near.copies.fill(ticket, found.content)
    return found


def usable(family: Family[T], key: str, found: store.Found, sound_at: float) -> Fetched[T] | None:
    """The entry as a value of the family's type: anything else is a miss now, not an error later."""
    try:
        if isinstance(found, codec.Undecodable):
            raise found
        if not isinstance(found, Entry):
            return None
        return Fetched.of(_decoded(family, key, found), "hit", sound_at)
    except codec.Undecodable as error:
        shown, extra = family.name if family.secret else key, event(family, "undecodable")
        logger.warning("cache: %s does not decode and is loaded anew: %s", shown, error, extra=extra)
        stats.count(family.name, "undecodable")
        return None


def _decoded(family: Family[T], key: str, entry: Entry) -> Content[T]:
    """Bytes that were decoded before are not decoded again. Raises Undecodable."""
    known = near.copies.seen(key)
    if known is not None and known.type is family.type and known.is_of(entry):
        return known
    return Content(family.type, entry, codec.decode(entry.payload, family.type))


def is_fresh(found: Fetched[Any]) -> bool:
    return found.seconds_old() < found.ttl


def together(question: Question[T], since: float) -> Fetched[T]:
    """One load in this process, one over all of them. Raises StoreUnavailable when Redis goes away meanwhile."""
    # One longer than the caller that it waits for: else all would load at the moment in which that one begins to.
    deadline = since + (PATIENCE + 1) * question.family.load_limit
    while True:
        outcome, waited = flights.join(
            question.spot.key, lambda: _lead(question), since=since, wait=max(0.0, deadline - moment())
        )
        if waited:
            stats.count(question.family.name, "waits")
        if outcome is not None:
            return outcome
        if moment() >= deadline:
            return load(question, "miss")
        found = stored(question.family, question.spot)
        if found and is_fresh(found):
            return found


def _lead(question: Question[T]) -> Fetched[T]:
    """For this process: waits while another process loads, or loads."""
    deadline = moment() + PATIENCE * question.family.load_limit
    while True:
        sound_at = moment()
        grant = store.acquire(question.spot, question.family.load_limit)
        found = usable(question.family, question.spot.key, grant.found, sound_at)
        if found and is_fresh(found):
            if grant.lease:
                store.abandon(grant.lease)
            return found
        old = _old_enough(question, found)
        if grant.lease:
            return load_under(question, grant.lease, old)
        if grant.cooling and old:
            return _stale(question, old)
        if grant.cooling or moment() >= deadline:
            return _load_or(question, old)
        stats.count(question.family.name, "lease_waits")
        store.wait(question.spot)


def load_under(question: Question[T], lease: store.Lease, old: Fetched[T] | None) -> Fetched[T]:
    """Loads and stores. A failure gives the lease back, and the old value if there is one."""
    try:
        loaded = load(question, "miss")
    except BaseException as error:
        give_back(question, lease, old)
        if isinstance(error, Exception) and (still := instead(question, old, error)):
            return still
        raise
    kept_at = moment()
    try:
        kept = keep(question, lease, loaded)
    except StoreUnavailable as error:
        logger.debug("cache: %s is not kept: %s", question.shown, error)
        give_back(question, lease, None)
        return loaded
    if kept:
        loaded.sound_at = kept_at  # nothing that it shows was dropped until then
    else:
        stats.count(question.family.name, "refused")
    return loaded


def keep(question: Question[T], lease: store.Lease, loaded: Fetched[T]) -> bool:
    """Stores a value under its lease; False when something that it shows was dropped during the load."""
    if dirty.touches(question.family):  # the load itself has written, in a transaction that is not over
        store.abandon(lease)
        return False
    entry = Entry(loaded.created, question.ttl, loaded.payload)
    return store.store(lease, entry, question.family.stale_for)


def give_back(question: Question[T], lease: store.Lease, old: Fetched[T] | None) -> None:
    try:
        store.abandon(lease, conf.cool_down() if old else 0)
    except StoreUnavailable as error:
        logger.debug("cache: the lease of %s ends by itself: %s", question.shown, error)


def _load_or(question: Question[T], old: Fetched[T] | None) -> Fetched[T]:
    """A load without a lease, whose value is not kept."""
    try:
        return load(question, "miss")
    except Exception as error:
        if still := instead(question, old, error):
            return still
        raise


def load(question: Question[T], state: str) -> Fetched[T]:
    """The source's value, stored nowhere."""
    asked = ask_source(question.family, question.spot.key, question.loader)
    return fetched(question, asked.value, asked, state)


def fetched(question: Question[T], value: T, answer: Answer[Any], state: str) -> Fetched[T]:
    entry = Entry(answer.created, question.ttl, codec.encode(value))
    return Fetched(question.family.type, entry, state, sound_at=answer.sound_at, value=value)


def instead(question: Question[T], old: Fetched[T] | None, error: Exception) -> Fetched[T] | None:
    """The old value, marked stale, where the source is at fault and the value may still be shown."""
    still = _old_enough(question, old) if source_failed(error) else None
    if still is None:
        return None
    answer = _stale(question, still)
    if answer.stale:
        logger.warning("cache: %s is shown old: %s", question.shown, error, extra=event(question.family, "stale"))
    return answer


def _old_enough(question: Question[T], found: Fetched[T] | None) -> Fetched[T] | None:
    """A value, past its TTL or not, that may still be shown if the source fails."""
    if found and found.seconds_old() < found.ttl + question.family.stale_for:
        return found
    return None


def _stale(question: Question[T], old: Fetched[T]) -> Fetched[T]:
    if is_fresh(old):
        return old
    stats.count(question.family.name, "stale")
    return old.marked("stale")


def _ahead(question: Question[T], found: Fetched[T]) -> Fetched[T]:
    """Refreshes a value near its end if nobody else does; if that fails, `found` is good until its end."""
    key = question.spot.key
    if not _is_due(question.family, found) or _tried_ahead.get(key) or failures.get(key):
        return found
    _tried_ahead.keep(key, True, AHEAD_EVERY)
    try:
        return _refreshed(question, found)
    except Exception as error:
        if not is_fresh(found):  # the load took longer than the rest of its life
            raise
        extra = event(question.family, "hit")
        logger.info("cache: %s could not be refreshed ahead of its end: %s", question.shown, error, extra=extra)
        return found


def _is_due(family: Family[Any], found: Fetched[Any]) -> bool:
    return family.ahead and found.seconds_old() >= AHEAD * found.ttl


def _refreshed(question: Question[T], found: Fetched[T]) -> Fetched[T]:
    sound_at = moment()
    grant = store.acquire(question.spot, question.family.load_limit)
    if not grant.lease:
        return found
    newer = usable(question.family, question.spot.key, grant.found, sound_at)
    if newer and not _is_due(question.family, newer):  # another caller was quicker
        store.abandon(grant.lease)
        return newer
    return load_under(question, grant.lease, found)


def forget() -> None:
    """What this process remembers of sources and of Redis: for tests."""
    flights.forget_all()
    failures.clear()
    _tried_ahead.clear()
    away.forget()
    near.copies.flush()
