"""Signals out of strategies: one computation for all who ask, and no second signal while the first is pending."""

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from django.utils import timezone

from broker.values import Contract, Interval
from systemcache.fetch import fetch
from systemcache.fetched import Fetched
from watchlist import market, reads, strategies
from watchlist.cache_families import SIGNAL_GENERATION
from watchlist.models import Signal, Status
from watchlist.rows import SignalRow
from watchlist.strategies import Generated, Proposal


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was proposed and what became of it; `note` says why there is no new signal."""

    proposal: Proposal | None
    signal: SignalRow | None = None
    note: str = ""


def generate(contract: Contract, strategy: str, interval: str) -> Fetched[Generated]:
    """What the strategy says of the candles up to now."""
    return fetch(
        SIGNAL_GENERATION,
        {"strategy": strategy, "symbol": market.key_symbol(contract), "interval": interval},
        lambda: strategies.run(strategy, market.latest_candles(contract, Interval(interval), strategies.HISTORY)),
    )


def keep(proposal: Proposal | None, contract: Contract, strategy: str, interval: str) -> Outcome:
    """Makes the proposal a pending signal, unless the settings speak against it or such a signal is pending already."""
    if proposal is None:
        return Outcome(proposal=None, note="The strategy proposes nothing now.")
    limits = reads.typed_settings()
    least = Decimal(limits.get("min_price", 0))
    if proposal.price < least:
        return Outcome(proposal=proposal, note=f"The price is below {least}, the setting min_price.")
    signal, made = _pending(proposal, contract, strategy, interval, _expiry(limits.get("signal_timeout")))
    if not made:
        return Outcome(proposal=proposal, note=f"Signal {signal.pk} says so already and is pending.")
    return Outcome(proposal=proposal, signal=SignalRow.of(signal))


def _pending(
    proposal: Proposal, contract: Contract, strategy: str, interval: str, expires_at: datetime | None
) -> tuple[Signal, bool]:
    Signal.objects.lapse()
    # The constraint signal_pending_once makes this safe against others who ask at the same time.
    return Signal.objects.get_or_create(
        status=Status.PENDING,
        exchange=contract.exchange,
        symbol=market.canonical(contract),
        signal_type=proposal.signal_type,
        strategy=strategy,
        defaults={
            "reason": proposal.reason,
            "price": proposal.price,
            "stop_loss": proposal.stop_loss,
            "take_profit": proposal.take_profit,
            "confidence": proposal.confidence,
            "expires_at": expires_at,
            "extras": {"interval": interval},
        },
    )


def _expiry(timeout: object) -> datetime | None:
    return timezone.now() + timedelta(seconds=timeout) if isinstance(timeout, int) else None
