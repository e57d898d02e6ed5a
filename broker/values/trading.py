"""The trading switch, and what a halt has done."""

from enum import StrEnum

from broker.values.base import Value
from systemcache.codec import Moment


class TradingMode(StrEnum):
    OPEN = "open"
    CANCEL_ONLY = "cancel_only"
    HALTED = "halted"


class TradingState(Value, frozen=True, kw_only=True):
    """Whether orders may be placed and changed (`open`), only be cancelled (`cancel_only`), or all were (`halted`).

    `since` is None, and `by` empty, if nobody has turned the switch. `enabled` is TRADING_ENABLED: without it the state
    is cancel_only at most, whatever the switch says.
    """

    state: TradingMode
    since: Moment | None
    by: str
    reason: str
    enabled: bool


class AccountState(Value, frozen=True, kw_only=True):
    """What this site's tables say of the account: when the broker session ends (None: there is none, or it was over
    when this was read), and how the trading switch was turned last (None: nobody has turned it)."""

    session_ends: Moment | None
    switch: TradingState | None


class HaltedOrder(Value, frozen=True, kw_only=True):
    """An order that a halt has tried to cancel.

    `request` is the cancellation's number in the record, None if it could not be read, and `outcome` its state there:
    `accepted` by the broker, `refused`, `not_sent`, or not known. `status` is the order's state in the last book that
    was read, if any.
    """

    order_id: str
    exchange: str
    symbol: str
    request: int | None
    outcome: str
    message: str
    status: str


class Halt(Value, frozen=True, kw_only=True):
    """What a halt has done. `complete` means that no order is open any more; otherwise `message` says what to do."""

    orders: list[HaltedOrder]
    complete: bool
    message: str


class TradingAnswer(TradingState, frozen=True, kw_only=True):
    """The state of the trading switch; `halt` is there after halting alone."""

    halt: Halt | None = None
