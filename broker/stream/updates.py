"""Order and trade updates: flat JSON with the names of the broker's books, and a few differences (iifl_stream §7)."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from broker.clock import IST
from broker.errors import BrokerError
from broker.iifl.mapping import books
from broker.iifl.mapping.fields import calendar_day, optional_decimal, row, text
from broker.stream.packets import BadPacket
from broker.values import Order, Trade

SERIAL_DAY_0 = datetime(1899, 12, 30, tzinfo=IST)  # of the spreadsheets whose dates the broker sends
MAX_SERIAL_DAY = 100_000  # in the year 2173
SECONDS_A_DAY = 86_400


def order_update(payload: bytes) -> Order:
    """Read an order update. Its exchange and name are empty: the packet has none. Raises BadPacket."""
    fields = _fields(payload)
    # order tag ~ app key ~ app name; only the tag is kept, because the key is a credential
    fields["orderTag"] = text(fields.get("orderTag")) or text(fields.get("comments")).partition("~")[0]
    try:
        order = books.order(fields)
    except BrokerError:
        raise BadPacket("unreadable") from None
    if not order.order_id:
        raise BadPacket("unreadable")
    return order


def trade_update(payload: bytes) -> Trade:
    """Read a fill. Its tag and name are empty: the packet has none. Raises BadPacket."""
    fields = _fields(payload)
    try:
        trade = books.trade(fields)
    except BrokerError:
        raise BadPacket("unreadable") from None
    if not trade.order_id:
        raise BadPacket("unreadable")
    return msgspec.structs.replace(trade, traded_at=trade.traded_at or _filled_at(fields))


def _fields(payload: bytes) -> dict[str, Any]:
    try:
        fields = row(msgspec.json.decode(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadPacket("json") from None
    if not fields:
        raise BadPacket("json")
    return fields


def _filled_at(fields: dict[str, Any]) -> datetime | None:
    """Return the time of a fill, from a day and a fraction of a day, either of which may be text instead."""
    day, clock = optional_decimal(fields.get("fillDate")), optional_decimal(fields.get("fillTime"))
    if day is None or clock is None or not (0 < day < MAX_SERIAL_DAY and 0 <= clock < 1):
        return _from_text(text(fields.get("fillDate")), text(fields.get("fillTime")))
    return SERIAL_DAY_0 + timedelta(days=int(day), seconds=round(clock * SECONDS_A_DAY))


def _from_text(day: str, clock: str) -> datetime | None:
    """Read 8/7/2024 and 16:14:17, as the documents print them, or 07-Aug-2024."""
    if written := calendar_day(day):
        day = f"{written:%m/%d/%Y}"
    if not f"{day}{clock}".isascii():  # strptime reads other scripts' digits, too
        return None
    try:
        return datetime.strptime(f"{day} {clock}", "%m/%d/%Y %H:%M:%S").replace(tzinfo=IST)
    except ValueError:
        return None
