"""The topics of the broker's stream."""

import re

import msgspec

MARKET, INDEX, OPEN_INTEREST, BAND = "mw", "index", "oi", "lpp"
OF_INSTRUMENTS = frozenset({MARKET, INDEX, OPEN_INTEREST, BAND})
MARKET_STATUS = "marketstatus"
# The broker's own libraries do not agree on the spelling.
STATUS_SPELLINGS = (MARKET_STATUS, "marketStatus")
UPPER_CIRCUIT, LOWER_CIRCUIT, HIGH_52_WEEK, LOW_52_WEEK = "uppercircuit", "lowercircuit", "high52week", "low52week"
EVENTS = frozenset({UPPER_CIRCUIT, LOWER_CIRCUIT, HIGH_52_WEEK, LOW_52_WEEK})
ORDER, TRADE = "order", "trade"
OF_ACCOUNT = frozenset({ORDER, TRADE})

_FEED = re.compile(
    r"prod/marketfeed/(?P<kind>[A-Za-z0-9]+)/v1/(?P<exchange>[0-9a-z]+)(?:/(?P<id>[0-9a-z]+))?", re.ASCII
)
_UPDATES = re.compile(r"prod/updates/(?P<kind>order|trade)/v1/(?P<client>[^/+#]+)", re.ASCII)


class Topic(msgspec.Struct, frozen=True):
    kind: str
    exchange: str = ""
    """As the contract files have it, in capitals."""
    instrument_id: str = ""
    client_id: str = ""


def parse_topic(text: str) -> Topic | None:
    """Return None for a text that is no topic of the stream."""
    if updates := _UPDATES.fullmatch(text):
        return Topic(updates["kind"], client_id=updates["client"])
    feed = _FEED.fullmatch(text)
    if feed is None:
        return None
    kind = MARKET_STATUS if feed["kind"] in STATUS_SPELLINGS else feed["kind"]
    is_of_instrument = kind in OF_INSTRUMENTS
    if not is_of_instrument and kind != MARKET_STATUS and kind not in EVENTS:
        return None
    if is_of_instrument != (feed["id"] is not None):
        return None
    return Topic(kind, feed["exchange"].upper(), feed["id"] or "")


def feed_topic(kind: str, exchange: str, instrument_id: str = "") -> str:
    suffix = f"{exchange.lower()}/{instrument_id}" if instrument_id else exchange.lower()
    return f"prod/marketfeed/{kind}/v1/{suffix}"


def updates_topic(kind: str, client_id: str) -> str:
    return f"prod/updates/{kind}/v1/{client_id}"
