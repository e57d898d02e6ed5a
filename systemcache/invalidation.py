"""Clearing by hand: by pattern, family or tag, within the site's prefix only, and on record."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from systemcache import away, families, keys, near, outbox, scanning, store
from systemcache.families import Family
from systemcache.models import ClearRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What a clear is to drop: globs of documented keys, and the tags whose loads under way may not be stored."""

    what: str
    patterns: tuple[str, ...]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clear did, or with `dry_run` would have done."""

    keys: int
    dry_run: bool


def target(*, pattern: str = "", family: str = "", tag: str = "") -> Target:
    """One of the three. Raises UnknownFamily, UnknownTag."""
    if pattern:
        return Target(pattern, (pattern,))
    if family:
        found = families.named(family)
        return Target(f"family {family}", (keys.pattern(found.template, {}),), (family,))
    return Target(f"tag {tag}", tuple(families.patterns_of_tag(tag)), (tag,))


def drop(*dropped: str) -> None:
    """Drops all values that carry one of the tags (a family's name is one), now. Raises StoreUnavailable.

    For what no table of ours shows: what our own tables show is dropped by the writes to them.
    """
    away.forget()
    try:
        store.drop(dropped)
    finally:
        near.drop(dropped)


def drop_on_commit(*touched: Family[Any]) -> None:
    """Within a transaction: the families are dropped when it commits, by another process if this one does not live on.

    For what a write of ours moves elsewhere, such as an order at the broker.
    """
    outbox.record(DEFAULT_DB_ALIAS, *touched)


def clear(target: Target, *, by: str, dry_run: bool = False, progress: Callable[[int], object] = bool) -> Cleared:
    """Drops the target's values; loads under way do not put them back. `by` is who asked. Raises StoreUnavailable.

    `progress` is told how many are gone, again and again.
    """
    started = perf_counter()
    if dry_run:
        return Cleared(sum(len(page) for page in _pages(target)), dry_run)
    away.forget()
    store.drop(target.tags or (store.LOADS,))
    number = 0

    def told(before: int, gone: int) -> None:
        nonlocal number
        number = before + gone
        progress(number)

    try:
        for pattern in target.patterns:
            scanning.delete_matching(pattern, partial(told, number))
    finally:  # Redis may go away in the middle
        near.copies.flush()
        _record(target, by, number, perf_counter() - started)
    return Cleared(number, dry_run)


def _record(target: Target, by: str, number: int, seconds: float) -> None:
    ClearRecord.objects.create(by=by[:160], what=target.what[:240], keys=number, seconds=seconds)
    logger.info("cache: %s cleared %d keys of %s in %.3f s", by, number, target.what, seconds)


def _pages(target: Target) -> Iterator[list[str]]:
    """Pages of keys, each key once for any one pattern (Redis may tell a key twice while it grows)."""
    for pattern in target.patterns:
        seen: set[str] = set()
        for page in scanning.scan(pattern):
            if fresh := [name for name in page if name not in seen]:
                seen.update(fresh)
                yield fresh
