"""The cache's keys for operators: a page at a time, the largest of a family, an estimate of how many there are.

No request reads the whole keyspace: a page ends when it is full or when Redis has scanned MAX_SCANNED keys for it, and
totals are estimated from a sample. Keys of secret families are left out. Raises StoreUnavailable.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from systemcache import families, keys
from systemcache.families import Family
from systemcache.operations import key_inspection
from systemcache.operations.key_inspection import GONE, StoredKey
from systemcache.storage import scan

PAGE = 100  # keys
SAMPLE = 5_000  # keys; larger than the number of statistics keys of a day
MAX_SCANNED = 50_000  # keys that Redis scans for one page
MAX_SCAN_COUNT = 5_000  # keys per SCAN, during which Redis answers no other client
LARGEST_KEYS = 10
GLOB = frozenset("*?[\\")


@dataclass(frozen=True, slots=True)
class Page:
    """Some keys, and the cursor of the next page: 0 on the last. `hidden` counts keys of secret families."""

    keys: list[StoredKey]
    cursor: int
    scanned: int
    hidden: int


def page(pattern: str, cursor: int = 0, most: int = PAGE) -> Page:
    """Keys that match a glob, in the order of Redis's SCAN; about `most` of them."""
    names, cursor, scanned = _find_keys(pattern, cursor, most)
    visible = [name for name in names if not is_secret(name)]
    stored = [key for key in key_inspection.inspect(visible) if key.state != GONE]
    return Page(sorted(stored, key=lambda key: key.key), cursor, scanned, len(names) - len(visible))


def _find_keys(pattern: str, cursor: int, most: int) -> tuple[list[str], int, int]:
    """Some keys, the next cursor, and how many keys were scanned for them."""
    if not GLOB & set(pattern):
        return [pattern], 0, 1
    for family in families.registered():
        if family_pattern(family) == pattern and (names := family.every_key()):
            return names, 0, len(names)
    return _scan(pattern, cursor, most)


def _scan(pattern: str, cursor: int, most: int) -> tuple[list[str], int, int]:
    """SCAN in steps that double while little is found, so that a page is neither overfull nor slow."""
    matches: dict[str, None] = {}
    scanned, count = 0, most
    while True:
        cursor, names = scan.page_with_stale(pattern, cursor, count)
        matches.update(dict.fromkeys(names))
        scanned += count
        if cursor == 0 or len(matches) >= most or scanned >= MAX_SCANNED:
            return list(matches), cursor, scanned
        count = min(scanned, MAX_SCAN_COUNT)


@dataclass(frozen=True, slots=True)
class LargestKeys:
    """The largest of `examined` keys; `complete` says whether those were all."""

    keys: list[StoredKey]
    examined: int
    complete: bool


def largest(family: Family[Any]) -> LargestKeys:
    """A family's largest keys by the memory of their values, among a few hundred. A secret family lists none."""
    if family.secret:
        return LargestKeys([], 0, True)
    names, cursor, _ = _find_keys(family_pattern(family), 0, 3 * PAGE)
    sizes = {name: row["bytes"] for name, row in zip(names, scan.describe(names), strict=True) if row["bytes"]}
    top = sorted(sizes, key=lambda name: sizes[name] or 0, reverse=True)[:LARGEST_KEYS]
    stored = [key for key in key_inspection.inspect(top) if key.state != GONE]
    return LargestKeys(stored, len(sizes), cursor == 0)


@dataclass(frozen=True, slots=True)
class FamilyCount:
    """How many keys a family has in Redis; an estimate from a sample unless `exact`."""

    family: Family[Any]
    keys: int
    exact: bool

    @property
    def pattern(self) -> str:
        return family_pattern(self.family)


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The families by the first part of their keys, and the number of all keys in Redis, internal ones included."""

    groups: dict[str, list[FamilyCount]]
    keys: int
    sampled: int


def namespaces() -> Namespaces:
    total, names = scan.sample(SAMPLE)
    complete = len(names) >= total
    factor = 1.0 if complete else total / max(1, len(names))
    sampled = Counter(family.name for name in names if name is not None and (family := family_of_key(name)))
    listable = {family.name: keys for family in families.registered() if (keys := family.every_key())}
    exact = dict(zip(listable, scan.count_present(list(listable.values())), strict=True))
    groups: dict[str, list[FamilyCount]] = {}
    for family in families.registered():
        if family.name in exact:
            count = FamilyCount(family, exact[family.name], True)
        else:
            count = FamilyCount(family, round(sampled[family.name] * factor), complete)
        groups.setdefault(family.template.partition(":")[0], []).append(count)
    return Namespaces(groups, total, len(names))


def family_pattern(family: Family[Any]) -> str:
    return keys.pattern(family.template, {})


def family_of_key(key: str) -> Family[Any] | None:
    """The family of a key. A malformed key below a secret family's prefix counts as that family's, to stay hidden."""
    secret = (family for family in families.registered() if family.secret)
    return families.of_key(key) or next(
        (family for family in secret if key.startswith(family.template.partition("{")[0])), None
    )


def is_secret(key: str) -> bool:
    family = family_of_key(key)
    return bool(family and family.secret)
