"""Dropping what a write has replaced, and clearing by hand: by pattern, family or tag, within the site's prefix."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from systemcache import families, keys, store
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetch import flights
from systemcache.keys import Params

logger = logging.getLogger(__name__)


def drop(family: Family[Any], params: Params) -> None:
    """Drops one key now."""
    _drop([family.key(params)])


def drop_all(*dropped: Family[Any]) -> None:
    """Drops every key of families whose parameters have `choices`, now, without searching Redis for them."""
    _drop([key for family in dropped for key in family.every_key()])


def on_commit(using: str, *dropped: Family[Any]) -> None:
    """Drops whole families when the database's transaction has committed; at once outside one."""
    transaction.on_commit(lambda: drop_all(*dropped), using=using)


def _drop(names: list[str]) -> None:
    # Before and after: a load that began on the old rows is forgotten however it falls.
    for name in names:
        flights.forget(name)
    try:
        store.delete(names)
    except StoreUnavailable as error:
        logger.warning("cache: %d keys could not be dropped, they end with their TTL: %s", len(names), error)


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clear did, or with `dry_run` would have done."""

    keys: int
    dry_run: bool


def clear(patterns: Iterable[str], *, by: str, dry_run: bool = False) -> Cleared:
    """Drops the keys that match any of the globs (of documented keys, such as `api:*`). Raises StoreUnavailable.

    `by` is who asked, for the record.
    """
    patterns = list(patterns)
    if not dry_run:
        flights.forget_all()
    number = sum(len(page) if dry_run else store.delete(page) for page in _pages(patterns))
    logger.info("cache: %s %s %d keys of %s", by, "counted" if dry_run else "cleared", number, ", ".join(patterns))
    return Cleared(number, dry_run)


def _pages(patterns: list[str]) -> Iterator[list[str]]:
    """Pages of keys, each key once for any one pattern (Redis may tell a key twice while it grows)."""
    for pattern in patterns:
        seen: set[str] = set()
        for page in store.scan(pattern):
            if fresh := [name for name in page if name not in seen]:
                seen.update(fresh)
                yield fresh


def patterns(*, pattern: str = "", family: str = "", tag: str = "") -> list[str]:
    """The globs that a clear by one of the three means. Raises UnknownFamily, UnknownTag."""
    if pattern:
        return [pattern]
    if family:
        return [keys.pattern(families.named(family).template, {})]
    return families.patterns_of_tag(tag)
