"""Fetch-through for several keys of one family: one round trip to Redis, one load for all that is missing."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from systemcache import codec, conf, stats, store
from systemcache.codec import Entry
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetch import Fetched, now
from systemcache.flights import Flights
from systemcache.keys import Params

T = TypeVar("T")

logger = logging.getLogger(__name__)
Answers = dict[str, Fetched[T]]
flights: Flights[Answers[object]] = Flights()


def fetch_many(
    family: Family[T], wanted: Sequence[Params], loader: Callable[[list[Params]], Sequence[T | None]]
) -> list[Fetched[T] | None]:
    """Values in the order of `wanted`. `loader` gets the parameters of what is missing and answers in their order.

    None, from the loader and here, means that the source has no such value; it is not kept.
    """
    params = {family.key(item): item for item in wanted}
    found, state = _stored(family, list(params))
    missing = {key: item for key, item in params.items() if key not in found}
    stats.count(family.name, "hits", len(found))
    if missing:
        stats.count(family.name, "misses" if state == "miss" else "bypasses", len(missing))
        found |= _load_once(family, missing, loader, state)
    return [found.get(family.key(item)) for item in wanted]


def _stored(family: Family[T], names: list[str]) -> "tuple[Answers[T], str]":
    try:
        entries = store.read_many(names)
    except StoreUnavailable:
        return {}, "bypass"
    found: Answers[T] = {}
    for name, entry in zip(names, entries, strict=True):
        if isinstance(entry, Entry) and (hit := _decoded(family, entry)):
            found[name] = hit
        elif isinstance(entry, codec.Undecodable):
            stats.count(family.name, "undecodable")
    return found, "miss"


def _decoded(family: Family[T], entry: Entry) -> Fetched[T] | None:
    hit = Fetched(family.type, entry, "hit")
    try:
        hit.value  # noqa: B018  # bytes of another type are a miss
    except codec.Undecodable:
        stats.count(family.name, "undecodable")
        return None
    return hit


def _load_once(
    family: Family[T],
    missing: dict[str, Params],
    loader: Callable[[list[Params]], Sequence[T | None]],
    state: str,
) -> "Answers[T]":
    def load(still_current: Callable[[], bool]) -> "Answers[T]":
        created = now()
        values = zip(missing, loader(list(missing.values())), strict=True)
        loaded = {
            name: Fetched(family.type, Entry(created, codec.encode(value)), state, value)
            for name, value in values
            if value is not None
        }
        stats.count(family.name, "loads")
        if state == "miss" and loaded and still_current():
            _keep(family, loaded)
        return loaded

    answers, waited = flights.join(" ".join(sorted(missing)), load, conf.load_wait())  # type: ignore[arg-type]
    if waited:
        stats.count(family.name, "waits", len(missing))
    return answers  # type: ignore[return-value]  # one registry of flights serves all families


def _keep(family: Family[T], loaded: "Answers[T]") -> None:
    try:
        store.write_many({name: Entry(item.created, item.payload) for name, item in loaded.items()}, family.ttl)
    except StoreUnavailable as error:
        logger.debug("cache: %d keys of %s are not kept: %s", len(loaded), family.name, error)
