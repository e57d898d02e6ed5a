"""A family declares one kind of cached value; apps register theirs in AppConfig.ready()."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from systemcache import conf, keys
from systemcache.errors import UnknownFamily, UnknownTag, UnregisteredFamily

T = TypeVar("T")

CALL = "call"  # for Family.counts_as


@dataclass(frozen=True, slots=True)
class Family(Generic[T]):
    """One kind of cached value.

    type: what the stored bytes must decode into.
    choices: the values of parameters that have few, so that all keys of the family can be listed without asking Redis.
    tags: templates over the same parameters; invalidating a tag invalidates the values that carry it. The family's own
        name is one.
    strict: shows the site's own tables. What a finished write has replaced is never shown: no process holds a value
        while Redis is away, and no caller joins a load that may have begun before the write.
    ahead: refresh-ahead: one caller refreshes a value in the last quarter of its TTL, the others get it as it is.
    near: a process may show a copy of its own, which is what Redis held a moment ago (CACHE_NEAR_TRUST).
    jitter: the share of the TTL by which it is randomly shortened, for families whose keys are loaded together.
    load_timeout: seconds after which a load counts as lost and another caller may load.
    permission: the permission that a response with a value requires, such as `app.view_model`; "": any authenticated
        user.
    secret: no page shows keys or values, whatever the user's permissions, and the totals do not include the reads.
        Entries are sealed in Redis (storage/sealing.py) and never served past their TTL.
    refreshable: callers who may see a value may request it from its source (fetching/refresh.py).
    source: the dotted name of the function that reads a value again, from its parameters as text, and writes nothing;
        for the auditor (audit/). Only for the site's own tables, because it is called at any time.
    counts_as: CALL if each hit saves a call that the source counts.
    pushed: a feed also stores values, ahead of reads (fetching/push.py).
    """

    name: str
    template: str
    type: type[T]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    strict: bool = False
    ahead: bool = False
    jitter: float = 0.0
    near: bool = False
    load_timeout: float = 10.0
    permission: str = ""
    secret: bool = False
    refreshable: bool = False
    counts_as: str = ""
    source: str = ""
    pushed: bool = False

    @property
    def ttl(self) -> int:
        """Seconds for which a value is fresh."""
        return conf.ttl(self.name)

    @property
    def stale_for(self) -> int:
        """Seconds past its TTL for which a value may still be shown, marked stale, when the source fails."""
        return 0 if self.secret else conf.stale_for(self.name)

    def key(self, params: keys.Params) -> str:
        return keys.build(self.template, params)

    def every_key(self) -> list[str]:
        """All keys that this family can have; none for a family that has parameters without `choices`."""
        names = keys.fields(self.template)
        if not all(name in self.choices for name in names):
            return []
        combinations = itertools.product(*(self.choices[name] for name in names))
        return [self.key(dict(zip(names, values, strict=True))) for values in combinations]


_registry: dict[str, Family[Any]] = {}


def register(*families: Family[Any]) -> None:
    """Make families known by name. Registering one again is harmless; another one of the same name is refused."""
    for family in families:
        if _registry.setdefault(family.name, family) != family:
            raise ValueError(f"Two families are called {family.name!r}.")


def unregister(family: Family[Any]) -> None:
    """For tests, which bring families of their own."""
    _registry.pop(family.name, None)


def registered() -> list[Family[Any]]:
    return list(_registry.values())


def require_registered(name: str) -> None:
    """Raises UnregisteredFamily: a family that is not registered could neither be cleared nor be seen by operators."""
    if name not in _registry:
        raise UnregisteredFamily(name)


def named(name: str) -> Family[Any]:
    try:
        return _registry[name]
    except KeyError:
        raise UnknownFamily(name, sorted(_registry)) from None


def of_key(key: str) -> Family[Any] | None:
    """The family that a documented key belongs to; None when no family has such keys."""
    return next((family for family in registered() if keys.parse(family.template, key) is not None), None)


def patterns_of_tag(tag: str) -> list[str]:
    """Globs for the keys that carry a tag such as `candles:RELIANCE`. Raises UnknownTag."""
    found = list(_tagged(tag))
    if not found:
        raise UnknownTag(tag, sorted({template for family in registered() for template in family.tags}))
    return found


def _tagged(tag: str) -> Iterator[str]:
    for family in registered():
        for template in family.tags:
            params = keys.parse(template, tag)
            if params is not None:
                yield keys.pattern(family.template, params)
