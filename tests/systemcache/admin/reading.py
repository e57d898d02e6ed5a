"""The pages' addresses, and what a reader takes from them."""

import re
from decimal import Decimal
from typing import Any, cast

from redis import Redis

from systemcache.fetching.fetch import fetch
from tests.systemcache.samples import PRICE, Price

HOME = "/admin/systemcache/cache/"
FAMILY, KEYS, KEY, CLEAR = f"{HOME}families/sample_price/", f"{HOME}keys/", f"{HOME}key/", f"{HOME}clear/"
PAGES = [
    HOME,
    FAMILY,
    f"{HOME}families/sample_secret/",
    f"{HOME}audit/",
    f"{HOME}processes/",
    KEYS,
    f"{KEYS}?pattern=sample:*",
    f"{KEYS}?pattern=sample:price:A",
    f"{KEY}?key=sample:price:A",
]
DIGEST = "5ec0ed"


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def price(symbol: str, amount: int = 1) -> None:
    fetch(PRICE, {"symbol": symbol}, lambda: Price(symbol, Decimal(amount)))


def said(answer: Any) -> str:
    return " ".join(map(str, answer.context["messages"]))


def state(redis: Redis) -> dict[bytes, bytes]:
    """Everything in Redis but the statistics, to which the pages add nothing, and signals, which soon end."""
    found = cast("list[bytes]", redis.keys("*"))
    names = [name for name in found if not name.startswith((b"stats:", b"series:", b"marks:", b"wake:"))]
    return {name: cast(bytes, redis.dump(name)) for name in names}
