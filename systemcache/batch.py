"""Fetch-through for several keys of one family: one round trip to Redis, one load for all that is missing."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from systemcache import away, dirty, keeper, stats, store
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetch import Question, ask_source, asked, fetched, give_back, is_fresh, keep, together, usable
from systemcache.fetched import Fetched
from systemcache.flights import now as moment
from systemcache.keys import Params

T = TypeVar("T")
Loader = Callable[[list[Params]], Sequence[T | None]]

logger = logging.getLogger(__name__)


class NoSuchValue(Exception):
    """The source has no such value: no failure of it, and nothing to keep."""

    status_code = 404


def fetch_many(family: Family[T], wanted: Sequence[Params], loader: "Loader[T]") -> list[Fetched[T] | None]:
    """Values in the order of `wanted`. `loader` gets the parameters of what is missing and answers in their order.

    None, from the loader and here, means that the source has no such value; it is not kept.
    """
    keeper.ensure()
    questions = {family.key(item): asked(family, item, _one(loader, item)) for item in wanted}
    params = {family.key(item): item for item in wanted}
    if dirty.touches(family):
        stats.count(family.name, "bypasses", len(questions))
        found = _loaded(questions, params, loader, "bypass")
        return [found.get(family.key(item)) for item in wanted]
    since = moment()
    try:
        found = _stored(list(questions.values()), since)
        stats.count(family.name, "hits", len(found))
        missing = {key: question for key, question in questions.items() if key not in found}
        stats.count(family.name, "misses", len(missing))
        found |= _load_missing(missing, params, loader, since)
    except StoreUnavailable as error:
        logger.debug("cache: %d keys of %s go to their source: %s", len(questions), family.name, error)
        stats.count(family.name, "bypasses", len(questions))
        found = _away(questions, params, loader)
    return [found.get(family.key(item)) for item in wanted]


def _away(questions: dict[str, Question[T]], params: dict[str, Params], loader: "Loader[T]") -> dict[str, Fetched[T]]:
    found = {key: held for key in questions if (held := away.held(key))}
    missing = {key: question for key, question in questions.items() if key not in found}
    loaded = _loaded(missing, params, loader, "bypass")
    for key, item in loaded.items():
        away.hold(missing[key].family, key, item)
    return found | loaded


def _one(loader: "Loader[T]", item: Params) -> Callable[[], T]:
    def load_one() -> T:
        (value,) = loader([item])
        if value is None:
            raise NoSuchValue
        return value

    return load_one


def _stored(questions: list[Question[T]], sound_at: float) -> dict[str, Fetched[T]]:
    entries = store.read_many([question.spot for question in questions])
    candidates = (usable(question, entry, sound_at) for question, entry in zip(questions, entries, strict=True))
    pairs = zip(questions, candidates, strict=True)
    return {question.spot.key: found for question, found in pairs if found and is_fresh(found)}


def _load_missing(
    missing: dict[str, Question[T]], params: dict[str, Params], loader: "Loader[T]", since: float
) -> dict[str, Fetched[T]]:
    """What nobody loads is loaded here, all at once; what others load is waited for."""
    leases: dict[str, store.Lease] = {}
    found: dict[str, Fetched[T]] = {}
    loaded: dict[str, Fetched[T]] = {}
    try:
        for key, question in missing.items():
            sound_at = moment()
            grant = store.acquire(question.spot, question.family.load_limit)
            if grant.lease:
                leases[key] = grant.lease
            if (stored := usable(question, grant.found, sound_at)) and is_fresh(stored):
                found[key] = stored  # since it was looked for
        loaded = _loaded({key: missing[key] for key in leases if key not in found}, params, loader, "miss")
    finally:
        for key, lease in leases.items():
            _end(missing[key], lease, loaded.get(key))
    found |= loaded
    for key in missing.keys() - leases.keys() - found.keys():
        try:
            found[key] = together(missing[key], since)
        except NoSuchValue:
            continue
    return found


def _end(question: Question[T], lease: store.Lease, loaded: Fetched[T] | None) -> None:
    if loaded is None:
        give_back(question, lease, None)
        return
    try:
        keep(question, lease, loaded)
    except StoreUnavailable as error:
        logger.debug("cache: %s is not kept: %s", question.shown, error)
        give_back(question, lease, None)


def _loaded(
    questions: dict[str, Question[T]], params: dict[str, Params], loader: "Loader[T]", state: str
) -> dict[str, Fetched[T]]:
    """All of them by one call of the loader."""
    if not questions:
        return {}
    family = next(iter(questions.values())).family
    answer = ask_source(family, " ".join(sorted(questions)), lambda: loader([params[key] for key in questions]))
    pairs = zip(questions.items(), answer.value, strict=True)
    return {key: fetched(question, value, answer, state) for (key, question), value in pairs if value is not None}
