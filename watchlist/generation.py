"""Generates signals from strategies, with one pending signal at most per strategy, symbol and type."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec
from django.utils import timezone

from broker import clock, gateway
from broker.values import Candle, Contract, Exchange, Interval
from systemcache.cached_value import CachedValue
from systemcache.fetching.fetch import bypass, fetch
from watchlist import quotes, selectors, strategies
from watchlist.cache_families import SIGNAL_GENERATION
from watchlist.models import Signal, Status
from watchlist.models.kinds import Typed
from watchlist.schemas import SignalSchema
from watchlist.strategies import Proposal, StrategyResult

SETTINGS_USED = ("min_price", "min_liquidity", "signal_timeout")
VOLUME_DAYS = 20  # over which the volume of a day is averaged


class GenerationResult(msgspec.Struct, frozen=True, kw_only=True):
    """The proposal and the signal created from it; `note` says why there is no new signal."""

    proposal: Proposal | None
    signal: SignalSchema | None = None
    note: str = ""


def generate(contract: Contract, strategy: str, interval: str) -> CachedValue[StrategyResult]:
    """Run the strategy over the latest candles, through the cache."""

    def run() -> StrategyResult:
        candles = quotes.latest_candles(contract, Interval(interval), strategies.CANDLE_COUNT).value
        jump = strategies.find_jump(strategy, candles) if _is_share(contract) else None
        if jump:
            result = StrategyResult(None, f"The price jumped before {jump.time:%Y-%m-%d} as at a split: no signal.")
        else:
            result = strategies.run(strategy, candles)
        volume = _average_volume(contract, candles if interval == Interval.DAY else None) if result.proposal else None
        return msgspec.structs.replace(result, instrument_id=contract.instrument_id, average_volume=volume)

    params = {"strategy": strategy, "symbol": gateway.key_symbol(contract), "interval": interval}
    generated = fetch(SIGNAL_GENERATION, params, run)
    if generated.value.instrument_id == contract.instrument_id:
        return generated
    return bypass(SIGNAL_GENERATION, run)  # the symbol was another contract's when the value was stored


def create_signal(result: StrategyResult, contract: Contract, strategy: str, interval: str) -> GenerationResult:
    """Create a pending signal from the proposal, unless a setting rules it out or such a signal is already pending."""
    proposal = result.proposal
    if proposal is None:
        return GenerationResult(proposal=None, note=result.note)
    settings = selectors.typed_settings()
    unreadable = [name for name in SETTINGS_USED if name in settings and settings[name] is None]
    if unreadable:
        return GenerationResult(proposal=proposal, note=f"The setting {unreadable[0]} cannot be read.")
    min_price, timeout = Decimal(settings.get("min_price") or 0), settings.get("signal_timeout")
    if proposal.price < min_price:
        return GenerationResult(proposal=proposal, note=f"The price is below {min_price}, the setting min_price.")
    if note := _illiquid(result.average_volume, settings.get("min_liquidity"), contract):
        return GenerationResult(proposal=proposal, note=note)
    Signal.objects.expire_overdue()
    # The constraint signal_pending_once makes this safe against concurrent requests.
    signal, created = Signal.objects.get_or_create(
        status=Status.PENDING,
        exchange=contract.exchange,
        symbol=quotes.symbol_of(contract),
        signal_type=proposal.signal_type,
        strategy=strategy,
        defaults={
            "reason": proposal.reason,
            "price": proposal.price,
            "stop_loss": proposal.stop_loss,
            "take_profit": proposal.take_profit,
            "confidence": proposal.confidence,
            "expires_at": timezone.now() + timedelta(seconds=timeout) if isinstance(timeout, int) else None,
            "extras": {"interval": interval},
        },
    )
    if not created:
        return GenerationResult(proposal=proposal, note=f"Signal {signal.pk} with this proposal is still pending.")
    return GenerationResult(proposal=proposal, signal=SignalSchema.of(signal))


def _average_volume(contract: Contract, daily: Sequence[Candle] | None) -> int | None:
    """Average the volumes of the last days before today; None if one is not known."""
    if daily is None:
        daily = quotes.latest_candles(contract, Interval.DAY, VOLUME_DAYS + 1).value
    today = clock.now().date()
    volumes = [candle.volume for candle in daily if candle.time.date() < today][-VOLUME_DAYS:]
    known = [volume for volume in volumes if volume is not None]
    return sum(known) // len(known) if known and len(known) == len(volumes) else None


def _illiquid(volume: int | None, least: Typed | None, contract: Contract) -> str:
    """Say why the setting min_liquidity rules a symbol out; empty if it does not. An index is not traded."""
    if not isinstance(least, int) or not least or contract.instrument_type == "INDEX":
        return ""
    if volume is None:
        return f"How much is traded in a day is not known, and {least} is the setting min_liquidity."
    return f"Only {volume} are traded in a day, less than {least}, the setting min_liquidity." if volume < least else ""


def _is_share(contract: Contract) -> bool:
    return contract.exchange in (Exchange.NSEEQ, Exchange.BSEEQ) and contract.instrument_type != "INDEX"
