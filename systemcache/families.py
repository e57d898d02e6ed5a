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

    `type` is what the stored bytes must decode into. `choices` lists the values of parameters that have few, so that
    all of a family's keys can be named without asking Redis. `tags` are templates over the same parameters; clearing a
    tag drops the keys that carry it. `secret` keeps a family's keys and values off every page.
    """

    name: str
    template: str
    type: type[T]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    secret: bool = False

    @property
    def ttl(self) -> int:
        """Seconds for which a value is fresh."""
        return conf.ttl(self.name)

    def key(self, params: keys.Params) -> str:
        return keys.build(self.template, params)

    def every_key(self) -> list[str]:
        """All keys that this family can have; only for families whose parameters all have `choices`."""
        names = keys.fields(self.template)
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
