"""When an alert fires: a pure function of the alert, the last live price before, and the new price.

A crossing is seen by two prices: one on the far side of the value, which arms the alert, and a later one at or past it,
which fires it. `armed` is kept in the database, so that a restart neither loses nor repeats a crossing: what happened
while nobody judged counts as of the first live price afterwards.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from alerts.models import Kind
from alerts.schemas import WatchedAlert

# The exchange's times are cut to seconds.
ROUNDING = timedelta(seconds=1)


class Price(NamedTuple):
    """A price at the time when it was traded. `live`: the feed is well, and did not receive it before."""

    ltp: Decimal
    change_percent: Decimal | None
    at: datetime
    live: bool = True


class Verdict(StrEnum):
    NOTHING = "nothing"
    FIRE = "fire"
    ARM = "arm"
    WAIT = "wait"  # the first price is past the value already: the alert is armed once the price has come back


def judge(alert: WatchedAlert, before: Price | None, new: Price) -> Verdict:
    """Say what a price means to an active alert. `before` is the instrument's last live price, None if none is known.

    A price that is not live, was traded before the alert was made or before the last one, or repeats the last one
    means nothing.
    """
    if not new.live or new.at < alert.created_at - ROUNDING or (before and is_old(before, new)):
        return Verdict.NOTHING
    past = is_past(alert, new)
    if past is None:
        return Verdict.NOTHING
    if past:
        return Verdict.FIRE if alert.armed else Verdict.WAIT if alert.armed is None else Verdict.NOTHING
    return Verdict.NOTHING if alert.armed else Verdict.ARM


def is_old(before: Price, new: Price) -> bool:
    """Whether the price repeats the one before, or was traded earlier. Several trades may have the same second."""
    return new.at < before.at or (new.at == before.at and new.ltp == before.ltp)


def is_past(alert: WatchedAlert, price: Price) -> bool | None:
    """Whether the price is at or past the alert's value; None if its day's change is not known."""
    return is_past_value(alert.kind, alert.value, price.ltp, price.change_percent)


def is_past_value(kind: Kind, value: Decimal, ltp: Decimal, change_percent: Decimal | None) -> bool | None:
    number = ltp if kind.is_price else change_percent
    if number is None:
        return None
    return number >= value if kind.is_upward else number <= value
