"""Strategies: pure functions from candles, oldest first, to a proposal, or None if there is nothing to propose.

Confidence is 0.5 for the weakest signal and rises to 1 with its strength.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import msgspec

from broker import money
from broker.values import Candle

FAST, SLOW = 20, 50
STRONG_CROSS = Decimal("0.01")  # of the slow average: the distance for full confidence
RSI_PERIOD = 14
OVERSOLD, OVERBOUGHT = Decimal(30), Decimal(70)
CHANNEL = 20
STOP_WINDOW = 10  # candles whose low (or high) is the stop
REWARD = 2  # target profit as a multiple of the risk
# Candles to read: enough for the slow average, and for Wilder's smoothing to converge.
CANDLE_COUNT = 150
# The exchange's price bands keep a share's open within 20 % of the close before it; a split or bonus goes beyond.
MAX_GAP = Decimal("0.18")
PLACES = Decimal("0.0001")
HALF = Decimal("0.5")


class Strategy(StrEnum):
    SMA_CROSS = "sma_cross"
    RSI = "rsi"
    BREAKOUT = "breakout"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What to do at `price` (the last close). `take_profit` is None if it would be 0 or less."""

    signal_type: str
    reason: str
    price: Decimal
    stop_loss: Decimal
    take_profit: Decimal | None
    confidence: Decimal


class StrategyResult(msgspec.Struct, frozen=True):
    """A strategy's result for an instrument; `note` says why there is nothing to propose.

    `average_volume` is what is traded in a day; None if it is not known, or there is nothing to propose.
    """

    proposal: Proposal | None
    note: str = ""
    instrument_id: str = ""
    average_volume: int | None = None


def run(strategy: str, candles: Sequence[Candle]) -> StrategyResult:
    proposal = _STRATEGIES[Strategy(strategy)](candles)
    return StrategyResult(proposal, "" if proposal else "The strategy proposes nothing now.")


def find_jump(strategy: str, candles: Sequence[Candle]) -> Candle | None:
    """Return the first candle, of those on which the strategy's result depends, that opens as after a split or bonus.

    The candles of a share come adjusted for those; such a jump says that these are not.
    """
    window = candles[-WINDOWS[Strategy(strategy)] :]
    return next((after for before, after in pairwise(window) if _is_jump(before.close, after.open)), None)


def _is_jump(before: Decimal, after: Decimal) -> bool:
    return not before * (1 - MAX_GAP) < after < before / (1 - MAX_GAP)


def sma_cross(candles: Sequence[Candle]) -> Proposal | None:
    """Buy when the 20-candle average crosses above the 50-candle one on the last candle, sell when it crosses below."""
    if len(candles) <= SLOW:
        return None
    closes = [candle.close for candle in candles]
    fast, slow = _mean(closes[-FAST:]), _mean(closes[-SLOW:])
    before = _mean(closes[-FAST - 1 : -1]) - _mean(closes[-SLOW - 1 : -1])
    strength = abs(fast - slow) / slow / STRONG_CROSS
    averages = f"the {FAST}-candle average ({fast:.2f})"
    if before <= 0 < fast - slow:
        return _buy(candles, f"{averages} rose over the {SLOW}-candle average ({slow:.2f})", strength)
    if before >= 0 > fast - slow:
        return _sell(candles, f"{averages} fell below the {SLOW}-candle average ({slow:.2f})", strength)
    return None


def rsi(candles: Sequence[Candle]) -> Proposal | None:
    """Buy when the RSI rises out of the oversold range, sell when it falls out of the overbought one."""
    if len(candles) <= RSI_PERIOD + 1:
        return None
    before, now = relative_strength([candle.close for candle in candles])[-2:]
    moved = f"the RSI went from {before:.1f} to {now:.1f}"
    if before < OVERSOLD <= now:
        return _buy(candles, f"{moved}, out of the oversold range", (OVERSOLD - before) / OVERSOLD)
    if before > OVERBOUGHT >= now:
        return _sell(candles, f"{moved}, out of the overbought range", (before - OVERBOUGHT) / (100 - OVERBOUGHT))
    return None


def breakout(candles: Sequence[Candle]) -> Proposal | None:
    """Buy when the last close is above the 20 candles before it, sell when it is below them."""
    if len(candles) <= CHANNEL:
        return None
    channel, close = candles[-CHANNEL - 1 : -1], candles[-1].close
    top, bottom = max(candle.high for candle in channel), min(candle.low for candle in channel)
    width = top - bottom or close  # a channel without width gives no scale
    if close > top:
        return _buy(candles, f"the close rose over the {CHANNEL}-candle high of {top:.2f}", (close - top) / width)
    if close < bottom:
        return _sell(
            candles, f"the close fell below the {CHANNEL}-candle low of {bottom:.2f}", (bottom - close) / width
        )
    return None


# The last candles on which a result depends; further back, Wilder's smoothing leaves less than a hundredth.
WINDOWS: Mapping[Strategy, int] = {
    Strategy.SMA_CROSS: SLOW + 1,
    Strategy.RSI: 5 * RSI_PERIOD,
    Strategy.BREAKOUT: CHANNEL + 1,
}
_STRATEGIES: Mapping[Strategy, Callable[[Sequence[Candle]], Proposal | None]] = {
    Strategy.SMA_CROSS: sma_cross,
    Strategy.RSI: rsi,
    Strategy.BREAKOUT: breakout,
}


def relative_strength(closes: Sequence[Decimal]) -> list[Decimal]:
    """Compute Wilder's RSI over 14 changes: one value for each close from the fifteenth on."""
    changes = [after - before for before, after in pairwise(closes)]
    gains = _wilder_average([max(change, Decimal(0)) for change in changes])
    losses = _wilder_average([max(-change, Decimal(0)) for change in changes])
    return [
        100 * gain / (gain + loss) if gain + loss else Decimal(50)  # without any movement, neither strong nor weak
        for gain, loss in zip(gains, losses, strict=True)
    ]


def _wilder_average(values: Sequence[Decimal]) -> list[Decimal]:
    """Compute Wilder's average: a period's mean, which each further value moves by a fourteenth of the difference."""
    averages = [_mean(values[:RSI_PERIOD])]
    for value in values[RSI_PERIOD:]:
        averages.append((averages[-1] * (RSI_PERIOD - 1) + value) / RSI_PERIOD)
    return averages


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def _buy(candles: Sequence[Candle], reason: str, strength: Decimal) -> Proposal | None:
    stop = min(candle.low for candle in candles[-STOP_WINDOW:])
    return _proposal("buy", candles[-1].close, stop, reason, strength)


def _sell(candles: Sequence[Candle], reason: str, strength: Decimal) -> Proposal | None:
    stop = max(candle.high for candle in candles[-STOP_WINDOW:])
    return _proposal("sell", candles[-1].close, stop, reason, strength)


def _proposal(signal_type: str, price: Decimal, stop: Decimal, reason: str, strength: Decimal) -> Proposal | None:
    """Return None if the price equals the stop, because there is then no risk to measure."""
    if price == stop:
        return None
    target = money.price(price + REWARD * (price - stop))
    return Proposal(
        signal_type=signal_type,
        reason=reason[0].upper() + reason[1:] + ".",
        price=money.price(price),
        stop_loss=money.price(stop),
        take_profit=target if target > 0 else None,
        confidence=(HALF + HALF * min(strength, Decimal(1))).quantize(PLACES),
    )
