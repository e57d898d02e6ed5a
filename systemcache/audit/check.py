"""The rule that decides whether an answer is stale.

The auditor reads the source. If it equals the answer, the answer is current. An answer that differs is not necessarily
stale: a write may have ended in between. So the auditor reads again, in rounds: the source, and what a reader would be
shown now by the layer that gave the answer, which is Redis or this process's near copies.

    equal, or nothing is shown      what differed has been replaced, or invalidated: the answer is current.
    another entry than before       it may come from a write that has been undone since: its rounds start over.
    the same entry, LATE_ROUNDS on  stale: within half a second every process has heard of any write.

It relies on nothing that the protocol itself relies on, neither generations nor records: it only compares the source
with what is shown. Rounds are counted and not timed, so a process that was stopped in the meantime causes no false
alarm.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.utils.module_loading import import_string

from systemcache import codec, keys
from systemcache.cached_value import CachedValue, Content
from systemcache.codec import Entry
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.local import near_cache
from systemcache.storage import entries
from systemcache.storage.breaker import breaker
from systemcache.storage.key_names import EntryRef

logger = logging.getLogger(__name__)

NEAR, REDIS, STALE = "near", "redis", "stale"
LAYERS = (NEAR, REDIS, STALE)

PAUSE = 0.05  # seconds between two rounds
LATE_ROUNDS = 20  # with the same entry: at least a second, twice the time within which every process learns of a write
MAX_ROUNDS = 60  # then the source changes too often for a judgement

CURRENT, VIOLATION, UNDECIDED = "current", "violation", "undecided"


class Answer(NamedTuple):
    """What was answered: a value of a family, and the layer that had it. `content` None: what the layer has now."""

    family: Family[Any]
    ref: EntryRef
    layer: str
    content: Content[Any] | None = None


class Verdict(NamedTuple):
    """`staleness`: the age (seconds) of a value that was shown though its source had another; it is no younger."""

    outcome: str
    staleness: float = 0.0


def judge(answer: Answer, sleep: Callable[[float], object] = time.sleep) -> Verdict:
    """Compare an answer with its source."""
    try:
        source = read_source(answer)
        shown = _comparable(answer.content) if answer.content else _shown(answer)
        if shown is None:
            return Verdict(UNDECIDED)
        return Verdict(CURRENT) if _is_equal(shown, source) else _judge_again(answer, shown, sleep)
    except Exception as error:  # a source may raise anything; an answer that cannot be compared is not judged
        logger.debug("cache: the auditor cannot compare a value of %s: %s", answer.family.name, error)
        return Verdict(UNDECIDED)


def _judge_again(answer: Answer, suspect: Content[Any], sleep: Callable[[float], object]) -> Verdict:
    """In rounds, an answer that differed from its source."""
    rounds = 0
    for _ in range(MAX_ROUNDS):
        sleep(PAUSE)
        source = read_source(answer)
        shown = _shown(answer)
        if shown is None or _is_equal(shown, source):
            return Verdict(CURRENT)
        if not _is_same(suspect, shown):
            suspect, rounds = shown, 0
        elif (rounds := rounds + 1) >= LATE_ROUNDS:
            return Verdict(VIOLATION, CachedValue.of(shown, "hit", 0.0).age_seconds())
    return Verdict(UNDECIDED)


def read_source(answer: Answer) -> bytes | None:
    """What the source has now, as it would be stored; None if it has no such value."""
    params = keys.parse(answer.family.template, answer.ref.key) or {}
    try:
        value = import_string(answer.family.source)(**params)
    except Exception as error:  # each app's source has errors of its own; those with a 4xx status are answers
        if getattr(error, "status_code", 500) < 500:
            return None
        raise
    return codec.encode(value)


def _shown(answer: Answer) -> Content[Any] | None:
    """What the layer shows now. Raises StoreUnavailable, Undecodable."""
    if answer.layer == NEAR:
        if not breaker.allows():
            raise StoreUnavailable("no near copy is shown while the circuit breaker is open")
        content = near_cache.copies.get(answer.ref.key)
    else:
        entry = entries.read(answer.ref)
        if isinstance(entry, codec.Undecodable):
            raise entry
        content = Content(answer.family.type, entry, families=(answer.family,)) if isinstance(entry, Entry) else None
    return _comparable(content) if content else None


def _comparable(content: Content[Any]) -> Content[Any] | None:
    """The content, unless it has expired."""
    is_over = CachedValue.of(content, "hit", 0.0).age_seconds() >= content.ttl
    return None if is_over or getattr(_value(content), "has_expired", False) else content


def _is_equal(content: Content[Any], source: bytes | None) -> bool:
    """Sets have no order, so the same value may be written in several ways."""
    if source is None or content.payload == source:
        return content.payload == source
    return bool(_value(content) == codec.decode(source, content.type))


def _value(content: Content[Any]) -> object:
    return CachedValue.of(content, "hit", 0.0).value


def _is_same(content: Content[Any], other: Content[Any]) -> bool:
    """Whether both were loaded by the same load."""
    return content.created == other.created and content.payload == other.payload
