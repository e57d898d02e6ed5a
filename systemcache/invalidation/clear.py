"""Clearing by hand: by pattern, family or tag, within the site's own prefix only, and on record."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from systemcache import families, keys
from systemcache.families import Family
from systemcache.invalidation import outbox
from systemcache.local import degraded
from systemcache.local.near_cache import copies
from systemcache.models import ClearRecord
from systemcache.storage import generations, key_names, scan

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What to clear: globs of documented keys, and the tags whose loads under way must not be stored."""

    what: str
    patterns: tuple[str, ...]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClearResult:
    """What a clear did, or with `dry_run` would do."""

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


def invalidate(*tags: str) -> None:
    """Invalidate all values that carry one of the tags (a family's name is one), now. Raises StoreUnavailable.

    For what no table of ours shows: writes to our own tables invalidate by themselves.
    """
    degraded.discard()
    try:
        generations.invalidate_tags(tags)
    finally:
        copies.invalidate_tags(tags)


def invalidate_on_commit(*touched: Family[Any]) -> None:
    """Within a transaction: invalidate the families when it commits, by another process if this one does not live on.

    For writes that change another system's data, such as placing an order.
    """
    outbox.record(DEFAULT_DB_ALIAS, *touched)


def clear(
    target: Target, *, by: str, dry_run: bool = False, soft: bool = False, progress: Callable[[int], object] = bool
) -> ClearResult:
    """Clear the target's values; loads under way do not put them back. `by` names who asked. Raises StoreUnavailable.

    `soft` ends their TTL instead: one caller loads each again, and where the family allows it the old value is
    shown, marked stale, if the source fails. `progress` is called repeatedly with the number of values cleared so far.
    """
    started = perf_counter()
    if dry_run:
        return ClearResult(sum(len(page) for page in _pages(target)), dry_run)
    degraded.discard()
    # With the tag of all loads alone, values that are stored stay valid.
    generations.invalidate_tags((target.tags if not soft else ()) or (key_names.LOAD_TAG,))
    remove = scan.expire_matching if soft else scan.delete_matching
    cleared = 0

    def report(before: int, more: int) -> None:
        nonlocal cleared
        cleared = before + more
        progress(cleared)

    try:
        for pattern in target.patterns:
            remove(pattern, partial(report, cleared))
    finally:  # Redis may go away in the middle
        copies.clear()
        _record(f"{target.what} (softly)" if soft else target.what, by, cleared, perf_counter() - started)
    return ClearResult(cleared, dry_run)


def _record(what: str, by: str, number: int, seconds: float) -> None:
    ClearRecord.objects.create(by=by[:160], what=what[:240], keys=number, seconds=seconds)
    logger.info("cache: %s cleared %d keys of %s in %.3f s", by, number, what, seconds)


def _pages(target: Target) -> Iterator[list[str]]:
    """Pages of keys, each key once a pattern (SCAN may return a key twice while Redis grows its table)."""
    for pattern in target.patterns:
        seen: set[str] = set()
        for page in scan.scan(pattern):
            if fresh := [name for name in page if name not in seen]:
                seen.update(fresh)
                yield fresh
