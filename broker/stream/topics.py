"""The stream's topics (iifl_stream §5, §8)."""

import re
from enum import StrEnum
from typing import NamedTuple

SUFFIX = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)?", re.ASCII)


class Kind(StrEnum):
    """What a topic brings; the value is the word in its prefix."""

    PRICE = "mw"
    INDEX = "index"
    OPEN_INTEREST = "oi"
    MARKET_STATUS = "marketstatus"
    PROTECTION_BAND = "lpp"
    UPPER_CIRCUIT = "uppercircuit"
    LOWER_CIRCUIT = "lowercircuit"
    HIGH_52_WEEKS = "high52week"
    LOW_52_WEEKS = "low52week"
    ORDER = "order"
    TRADE = "trade"


OF_AN_INSTRUMENT = frozenset({Kind.PRICE, Kind.INDEX, Kind.OPEN_INTEREST, Kind.PROTECTION_BAND})
OF_THE_ACCOUNT = frozenset({Kind.ORDER, Kind.TRADE})
_KINDS = {str(kind): kind for kind in Kind}
_MARKET_FEED, _UPDATES = "prod/marketfeed", "prod/updates"
OTHER_SPELLING = "marketStatus"  # of half of the broker's own libraries


class Topic(NamedTuple):
    """A topic's parts. `exchange` is in upper case, and empty for updates; so is `id` for topics of an exchange.

    For updates `id` is the client id.
    """

    kind: Kind
    exchange: str
    id: str


def parse(name: str) -> Topic | None:
    """Take a topic's name apart; None if it is none of the stream's."""
    parts = name.split("/", 4)
    if len(parts) != 5 or parts[3] != "v1" or not SUFFIX.fullmatch(parts[4]):
        return None
    root, word, suffix = f"{parts[0]}/{parts[1]}", parts[2], parts[4]
    kind = Kind.MARKET_STATUS if word == OTHER_SPELLING else _KINDS.get(word)
    if kind is None or root != (_UPDATES if kind in OF_THE_ACCOUNT else _MARKET_FEED):
        return None
    first, _, rest = suffix.partition("/")
    if bool(rest) != (kind in OF_AN_INSTRUMENT):
        return None
    return Topic(kind, "", first) if kind in OF_THE_ACCOUNT else Topic(kind, first.upper(), rest)


def of_instrument(kind: Kind, exchange: str, instrument_id: str) -> str:
    return f"{_MARKET_FEED}/{kind}/v1/{exchange.lower()}/{instrument_id}"


def of_market_status(exchange: str) -> list[str]:
    """Return both spellings: no published packet shows which one is right."""
    return [f"{_MARKET_FEED}/{word}/v1/{exchange.lower()}" for word in (Kind.MARKET_STATUS, OTHER_SPELLING)]


def is_of_account(name: str) -> bool:
    """Return whether a topic is one of an account's orders or trades."""
    return name.startswith(_UPDATES)


def of_account(client_id: str) -> list[str]:
    """Return the topics of the account's orders and trades."""
    return [f"{_UPDATES}/{kind}/v1/{client_id}" for kind in (Kind.ORDER, Kind.TRADE)]
