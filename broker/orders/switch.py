"""The trading switch: whether orders may be placed and changed. Cancelling is never forbidden.

It is read from the database for each order, never from the cache. An order is marked as sent, and that is committed,
before the switch is read for the last time (services.py); a halt commits the switch before it looks for orders that are
marked as sent (halt.py). So an order beside a halt is refused, or the halt knows of it and cancels it.
"""

import logging

import msgspec
from django.utils import timezone

from broker import clock, conf, events
from broker.errors import TradingDisabled
from broker.models import TradingSwitch
from broker.values import TradingMode, TradingState

logger = logging.getLogger(__name__)
NOT_ENABLED = "TRADING_ENABLED is not set; the site's operator can set it to true and restart the site"


def current() -> TradingState:
    """Read the state that holds: without TRADING_ENABLED it is cancel_only at most."""
    return in_force(recorded())


def recorded() -> TradingState | None:
    """Read how the switch was turned last, whatever TRADING_ENABLED says; None if nobody ever has."""
    row = TradingSwitch.objects.select_related("user").first()
    if row is None:
        return None
    return TradingState(
        state=TradingMode(row.state),
        since=timezone.localtime(row.since),
        by=row.user.get_username(),
        reason=row.reason,
        enabled=True,
    )


def in_force(turned: TradingState | None) -> TradingState:
    """Return the state that holds in this process."""
    enabled = conf.trading_enabled()
    if not enabled and (turned is None or turned.state == TradingMode.OPEN):
        return TradingState(state=TradingMode.CANCEL_ONLY, since=None, by="", reason=NOT_ENABLED, enabled=False)
    if turned is None:
        return TradingState(state=TradingMode.OPEN, since=None, by="", reason="", enabled=True)
    return msgspec.structs.replace(turned, enabled=enabled)


def require_open() -> None:
    """Raise TradingDisabled unless orders may be placed and changed now."""
    state = current()
    if state.state is not TradingMode.OPEN:
        raise TradingDisabled(state.state, state.since, state.by, state.reason)


def turn(state: str, *, user_id: int, reason: str = "", credential: str = "") -> TradingSwitch:
    """Commit a new state, and put it on record and in the log."""
    row = TradingSwitch.objects.create(
        state=state, reason=reason, user_id=user_id, credential=credential, since=clock.now()
    )
    logger.warning("broker: trading is %s, by %s%s", state, row.user.get_username(), reason and f": {reason}")
    events.publish_trading(current)
    return row
