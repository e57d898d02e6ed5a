"""Fetch-through for several keys of one family: one round trip to Redis, one load for all that is missing."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from systemcache import away, dirty, keeper, near, stats, store
from systemcache.codec import Entry
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetch import (
    Question,
    asked,
    copied,
    fetched,
    give_back,
    instead,
    is_fresh,
    together,
    usable,
)
from systemcache.fetched import Fetched
from systemcache.flights import now as moment
from systemcache.keys import Params
from systemcache.sources import ask_source, failed, failures

T = TypeVar("T")
Loader = Callable[[list[Params]], Sequence[T | Exception | None]]

logger = logging.getLogger(__name__)


class NoSuchValue(Exception):
    """The source has no such value: no failure of it, and nothing to keep."""

    status_code = 404


def fetch_many(
    family: Family[T],
    wanted: Sequence[Params],
    loader: "Loader[T]",
    *,
    ttl: Callable[[Params], int | None] = lambda _: None,
) -> list[Fetched[T] | None]:
    """Values in the order of `wanted`. `loader` gets the parameters of what is missing and answers in their order.

    None, from the loader and here, means that the source has no such value; it is not kept. An exception in the place
    of a value: this one failed, the others are kept. Old values take the place of those that failed, or it is raised.
    `ttl` (seconds) takes the place of the family's own for values that age faster.
    """
    keeper.ensure()
    order = [family.key(item) for item in wanted]
    params = dict(zip(order, wanted, strict=True))
    questions = {key: asked(family, item, _one(loader, item), ttl(item)) for key, item in params.items()}
    if dirty.touches(family):
        stats.count(family.name, "bypasses", len(questions))
        found = _loaded_or_raise(questions, params, loader)
        return [found.get(key) for key in order]
    since = moment()
    try:
        found = _hits(family, questions, since)
        missing = {key: question for key, question in questions.items() if key not in found}
        if missing:
            stats.count(family.name, "misses", len(missing))
            found |= _load_missing(family, missing, params, loader, since)
    except StoreUnavailable as error:
        logger.debug("cache: %d keys of %s go to their source: %s", len(questions), family.name, error)
        stats.count(family.name, "bypasses", len(questions))
        found = _away(questions, params, loader)
    return [found.get(key) for key in order]


def _away(questions: dict[str, Question[T]], params: dict[str, Params], loader: "Loader[T]") -> dict[str, Fetched[T]]:
    found = {key: held for key in questions if (held := away.held(key))}
    missing = {key: question for key, question in questions.items() if key not in found}
    loaded = _loaded_or_raise(missing, params, loader)
    for key, item in loaded.items():
        away.hold(missing[key].family, key, item)
    return found | loaded


def _one(loader: "Loader[T]", item: Params) -> Callable[[], T]:
    def load_one() -> T:
        (value,) = loader([item])
        if value is None:
            raise NoSuchValue
        if isinstance(value, Exception):
            raise value
        return value

    return load_one


def _hits(family: Family[T], questions: dict[str, Question[T]], sound_at: float) -> dict[str, Fetched[T]]:
    """Fresh values, from this process's copies or else from Redis, counted."""
    copies = {key: copy for key in questions if family.near and (copy := copied(family, key))}
    if copies:
        stats.count(family.name, "near_hits", len(copies))
    rest = [question.spot for key, question in questions.items() if key not in copies]
    found = _stored(family, rest, sound_at) if rest else {}
    if found:
        stats.count(family.name, "hits", len(found))
    return copies | found


def _stored(family: Family[T], spots: list[store.Spot], sound_at: float) -> dict[str, Fetched[T]]:
    tickets = [near.copies.open(spot) for spot in spots]
    fresh: dict[str, Fetched[T]] = {}
    for ticket, entry in zip(tickets, store.read_many(spots), strict=True):
        found = usable(family, ticket.spot.key, entry, sound_at)
        if found:
            near.copies.fill(ticket, found.content)
            if is_fresh(found):
                fresh[ticket.spot.key] = found
    return fresh


def _load_missing(
    family: Family[T], missing: dict[str, Question[T]], params: dict[str, Params], loader: "Loader[T]", since: float
) -> dict[str, Fetched[T]]:
    """What nobody loads is loaded here, all at once; what others load is waited for."""
    sound_at = moment()
    spots = [question.spot for question in missing.values()]
    grants = dict(zip(missing, store.acquire_many(spots, family.load_limit), strict=True))
    leases = {key: grant.lease for key, grant in grants.items() if grant.lease}
    found: dict[str, Fetched[T]] = {}
    old: dict[str, Fetched[T]] = {}
    loaded = Loaded[T]()
    try:
        for key, grant in grants.items():
            if stored := usable(family, key, grant.found, sound_at):
                (found if is_fresh(stored) else old)[key] = stored  # fresh: since it was looked for
        loaded = _loaded({key: missing[key] for key in leases if key not in found}, params, loader, "miss")
    finally:
        for key in leases.keys() - loaded.values.keys():
            give_back(missing[key], leases[key], old.get(key))
        _keep(family, [(missing[key], leases[key], value) for key, value in loaded.values.items()])
    found |= loaded.values
    for key, error in loaded.failures.items():
        if not (still := instead(missing[key], old.get(key), error)):
            raise error.with_traceback(None)
        found[key] = still
    for key in missing.keys() - leases.keys() - found.keys():
        with suppress(NoSuchValue):
            found[key] = together(missing[key], since)
    return found


def _keep(family: Family[T], batch: list[tuple[Question[T], store.Lease, Fetched[T]]]) -> None:
    """What fetch.keep does with one value."""
    try:
        if batch and not dirty.touches(family):
            entries = [(lease, Entry(one.created, question.ttl, one.payload)) for question, lease, one in batch]
            store.store_many(entries, family.stale_for)
            return
    except StoreUnavailable as error:
        logger.debug("cache: %d keys of %s are not kept: %s", len(batch), family.name, error)
    for question, lease, _ in batch:
        give_back(question, lease, None)


@dataclass(slots=True)
class Loaded(Generic[T]):
    """What one call of a loader has brought, by key."""

    values: dict[str, Fetched[T]] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)


def _loaded(questions: dict[str, Question[T]], params: dict[str, Params], loader: "Loader[T]", state: str) -> Loaded[T]:
    """All of them by one call of the loader, but those that failed a moment ago."""
    loaded = Loaded[T]()
    loaded.failures = {key: failure for key in questions if (failure := failures.get(key))}
    tried = {key: question for key, question in questions.items() if key not in loaded.failures}
    if not tried:
        return loaded
    family = next(iter(tried.values())).family
    answer = ask_source(family, " ".join(sorted(tried)), lambda: loader([params[key] for key in tried]))
    for (key, question), value in zip(tried.items(), answer.value, strict=True):
        if isinstance(value, Exception):
            failed(family, key, value)
            loaded.failures[key] = value
        elif value is not None:
            loaded.values[key] = fetched(question, value, answer, state)
    return loaded


def _loaded_or_raise(
    questions: dict[str, Question[T]], params: dict[str, Params], loader: "Loader[T]"
) -> dict[str, Fetched[T]]:
    """Straight from the source: all of them, or the error of one."""
    loaded = _loaded(questions, params, loader, "bypass")
    for error in loaded.failures.values():
        raise error.with_traceback(None)
    return loaded.values
