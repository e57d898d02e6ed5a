"""Families that tests of the cache use, so that they depend on no other app."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgspec

from systemcache import families
from systemcache.families import Family


class Price(msgspec.Struct, frozen=True):
    symbol: str
    amount: Decimal


PRICE = Family("sample_price", "sample:price:{symbol}", Price, tags=("sample:{symbol}",))
LIST = Family("sample_list", "sample:list", list[Price])
MAYBE = Family("sample_maybe", "sample:maybe:{which}", Price | None)  # type: ignore[arg-type]
CHOSEN = Family("sample_chosen", "sample:chosen:{kind}", list[int], choices={"kind": ("a", "b")})
SECRET = Family("sample_secret", "sample:secret:{sha256}", int, secret=True)
NEAR = Family("sample_near", "sample:near:{which}", int, tags=("near:{which}",), near=True)
GUARDED = Family("sample_guarded", "sample:guarded", int, permission="systemcache.clear_cache")
SAMPLES: tuple[Family[Any], ...] = (PRICE, LIST, MAYBE, CHOSEN, SECRET, NEAR, GUARDED)


@contextmanager
def registered_samples() -> Iterator[None]:
    families.register(*SAMPLES)
    try:
        yield
    finally:
        for family in SAMPLES:
            families.unregister(family)
