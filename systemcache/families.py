"""A family declares one kind of cached value; apps register theirs in AppConfig.ready()."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from systemcache import conf, keys
from systemcache.errors import UnknownFamily, UnknownTag

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Family(Generic[T]):
    """One kind of cached value.

    type: what the stored bytes must decode into.
    choices: the values of parameters that have few, so that all of a family's keys can be named without asking Redis.
    tags: templates over the same parameters; dropping a tag drops the values that carry it. A family's own name is one.
    strict: shows our own tables. What a finished write has replaced is never shown: no copies in processes, no joining
        of a load that may have begun before the write.
    ahead: one caller refreshes a value in the last quarter of its life, the others get it as it is.
    near: a process may show a copy of its own, which is what Redis held a moment ago (near.py says how long).
    jitter: the part of the TTL that chance takes off, for families whose keys are made together.
    load_limit: seconds after which a load is given up for lost and another caller may load.
    secret: keys and values stay off every page, reads off the totals.
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
    load_limit: float = 10.0
    secret: bool = False

    @property
    def is_brokers(self) -> bool:
        """Whether what it keeps is the broker's answer to a call, which its key says: a hit saves one."""
        return self.template.startswith("api:")

    @property
    def ttl(self) -> int:
        """Seconds for which a value is fresh."""
        return conf.ttl(self.name)

    @property
    def stale_for(self) -> int:
        """Seconds past its TTL for which a value may still be shown, marked stale, when the source fails."""
        return conf.stale_for(self.name)

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
    """Makes families known by name. Registering the same one again is harmless; another of the same name is refused."""
    for family in families:
        if _registry.setdefault(family.name, family) != family:
            raise ValueError(f"two families are called {family.name!r}")


def forget(family: Family[Any]) -> None:
    """Takes a family off the register: for tests, which bring their own."""
    _registry.pop(family.name, None)


def registered() -> list[Family[Any]]:
    return list(_registry.values())


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
