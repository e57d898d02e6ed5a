"""The cache's keys for people: a page at a time, the largest of a family, how many there are. Secrets stay out.

Never the whole keyspace: a page ends when it is full or when Redis has looked at LOOK_AT keys for it. What is said of
all keys is reckoned from a sample. Raises StoreUnavailable.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from systemcache import families, inspection, keys, scanning
from systemcache.families import Family
from systemcache.inspection import GONE, Stored

PAGE = 100  # keys
SAMPLE = 5_000  # keys of which the sizes of families are reckoned: more than a day of statistics takes
LOOK_AT = 50_000  # keys that Redis looks at for one page
STEP = 5_000  # in one step, in which nobody else is answered
LARGEST = 10
GLOB = frozenset("*?[\\")


@dataclass(frozen=True, slots=True)
class Page:
    """Some keys, and the cursor of the next page: 0 at the end. `hidden` are a secret family's."""

    keys: list[Stored]
    cursor: int
    looked_at: int
    hidden: int


def page(pattern: str, cursor: int = 0, most: int = PAGE) -> Page:
    """Keys that match a glob, in Redis's own order, as they stand at this moment."""
    found, cursor, looked_at = _found(pattern, cursor, most)
    open_keys = [name for name in found if not is_secret(name)]
    stored = [key for key in inspection.look(open_keys) if key.state != GONE]
    return Page(sorted(stored, key=lambda key: key.key), cursor, looked_at, len(found) - len(open_keys))


def _found(pattern: str, cursor: int, most: int) -> tuple[list[str], int, int]:
    """Some keys, the next cursor, and how many keys were looked at for them."""
    named = _named(pattern)
    return _scanned(pattern, cursor, most) if named is None else (named, 0, len(named))


def _named(pattern: str) -> list[str] | None:
    """The keys themselves where the pattern is one, or is that of a family that can name all of its keys."""
    if not GLOB & set(pattern):
        return [pattern]
    every = (family.every_key() for family in families.registered() if pattern_of(family) == pattern)
    return next((names for names in every if names), None)


def _scanned(pattern: str, cursor: int, most: int) -> tuple[list[str], int, int]:
    """Steps that grow as little is found: a page is never much more than full, nor looked for all day."""
    found: dict[str, None] = {}
    looked_at, step = 0, most
    while True:
        cursor, names = scanning.look_on(pattern, cursor, step)
        found.update(dict.fromkeys(names))
        looked_at += step
        if cursor == 0 or len(found) >= most or looked_at >= LOOK_AT:
            return list(found), cursor, looked_at
        step = min(looked_at, STEP)


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest keys among those looked at; `complete` says whether those were all."""

    keys: list[Stored]
    among: int
    complete: bool


def largest(family: Family[Any]) -> Largest:
    """By the memory of their values, among at most some hundred keys. A secret family has none to show."""
    if family.secret:
        return Largest([], 0, True)
    found, cursor, _ = _found(pattern_of(family), 0, 3 * PAGE)
    sizes = {
        name: facts["bytes"] for name, facts in zip(found, scanning.describe(found), strict=True) if facts["bytes"]
    }
    names = sorted(sizes, key=lambda name: sizes[name] or 0, reverse=True)[:LARGEST]
    return Largest([key for key in inspection.look(names) if key.state != GONE], len(sizes), cursor == 0)


@dataclass(frozen=True, slots=True)
class Share:
    """How many keys a family has in Redis; reckoned from a sample unless `exact`."""

    family: Family[Any] | None
    keys: int
    exact: bool

    @property
    def pattern(self) -> str:
        return pattern_of(self.family) if self.family else "*"


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The families by the first part of their keys, and how many keys Redis holds in all, marks included."""

    groups: dict[str, list[Share]]
    keys: int
    sampled: int


def namespaces() -> Namespaces:
    number, names = scanning.sample(SAMPLE)
    complete = len(names) >= number
    factor = 1.0 if complete else number / max(1, len(names))
    seen = Counter(family.name for name in names if name is not None and (family := owner(name)))
    every = {family.name: keys for family in families.registered() if (keys := family.every_key())}
    counted = dict(zip(every, scanning.count_present(list(every.values())), strict=True))
    groups: dict[str, list[Share]] = {}
    for family in families.registered():
        reckoned = Share(family, round(seen[family.name] * factor), complete)
        share = Share(family, counted[family.name], True) if family.name in counted else reckoned
        groups.setdefault(family.template.partition(":")[0], []).append(share)
    return Namespaces(groups, number, len(names))


def pattern_of(family: Family[Any]) -> str:
    return keys.pattern(family.template, {})


def owner(key: str) -> Family[Any] | None:
    """The family of a key; a secret family's too where somebody has put something odd under its name."""
    return families.of_key(key) or next((family for family in _secret() if key.startswith(_stem(family))), None)


def is_secret(key: str) -> bool:
    found = owner(key)
    return bool(found and found.secret)


def _secret() -> Iterable[Family[Any]]:
    return (family for family in families.registered() if family.secret)


def _stem(family: Family[Any]) -> str:
    return family.template.partition("{")[0]
