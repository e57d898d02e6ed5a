"""Strategies: pure functions from candles, oldest first, to a proposal, or None when there is nothing to propose.

Confidence is 0.5 for what only just came about and rises to 1 with its strength.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import msgspec

from broker.values import Candle

FAST, SLOW = 20, 50
STRONG_CROSS = Decimal("0.01")  # of the slow average: the distance that gives full confidence
RSI_PERIOD = 14
OVERSOLD, OVERBOUGHT = Decimal(30), Decimal(70)
CHANNEL = 20
STOP_WINDOW = 10  # candles whose far end is the stop
REWARD = 2  # profit aimed at, in multiples of the loss risked
# Candles to ask for. Enough for the slow average, and for Wilder's smoothing to forget its first value.
HISTORY = 150
PLACES = Decimal("0.0001")
HALF = Decimal("0.5")


class Strategy(StrEnum):
    SMA_CROSS = "sma_cross"
    RSI = "rsi"
    BREAKOUT = "breakout"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What to do at `price` (the last close). There is no `take_profit` where it would lie at 0 or below."""

    signal_type: str
    reason: str
    price: Decimal
    stop_loss: Decimal
    take_profit: Decimal | None
    confidence: Decimal


class Generated(msgspec.Struct, frozen=True):
    """What a strategy found: that there is nothing to propose is a result too."""

    proposal: Proposal | None


def run(strategy: str, candles: Sequence[Candle]) -> Generated:
    return Generated(_STRATEGIES[Strategy(strategy)](candles))


def sma_cross(candles: Sequence[Candle]) -> Proposal | None:
    """Buys when the average of 20 closes rises over that of 50 with the last candle, sells when it falls below."""
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
    """Buys when the RSI comes back up out of the oversold range, sells when it comes down out of the overbought one."""
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
    """Buys when the last close lies above the 20 candles before it, sells when it lies below them."""
    if len(candles) <= CHANNEL:
        return None
    channel, close = candles[-CHANNEL - 1 : -1], candles[-1].close
    top, bottom = max(candle.high for candle in channel), min(candle.low for candle in channel)
    width = top - bottom or close  # of a channel without width, nothing to compare with
    if close > top:
        return _buy(candles, f"the close rose over the {CHANNEL}-candle high of {top:.2f}", (close - top) / width)
    if close < bottom:
        return _sell(
            candles, f"the close fell below the {CHANNEL}-candle low of {bottom:.2f}", (bottom - close) / width
        )
    return None


_STRATEGIES: Mapping[Strategy, Callable[[Sequence[Candle]], Proposal | None]] = {
    Strategy.SMA_CROSS: sma_cross,
    Strategy.RSI: rsi,
    Strategy.BREAKOUT: breakout,
}


def relative_strength(closes: Sequence[Decimal]) -> list[Decimal]:
    """Wilder's RSI over 14 changes: one value for each close from the fifteenth on."""
    changes = [after - before for before, after in pairwise(closes)]
    gains = _smoothed([max(change, Decimal(0)) for change in changes])
    losses = _smoothed([max(-change, Decimal(0)) for change in changes])
    return [_rsi(gain, loss) for gain, loss in zip(gains, losses, strict=True)]


def _rsi(gain: Decimal, loss: Decimal) -> Decimal:
    # Without any movement there is neither strength nor weakness.
    return 100 * gain / (gain + loss) if gain + loss else Decimal(50)


def _smoothed(values: Sequence[Decimal]) -> list[Decimal]:
    """Wilder's average: first a period's plain mean, then each value moves it by a fourteenth of the difference."""
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
    """None when the price stands at its stop: there is no risk to measure and no room to be wrong."""
    if price == stop:
        return None
    target = (price + REWARD * (price - stop)).quantize(PLACES)
    return Proposal(
        signal_type=signal_type,
        reason=reason[0].upper() + reason[1:] + ".",
        price=price.quantize(PLACES),
        stop_loss=stop.quantize(PLACES),
        take_profit=target if target > 0 else None,
        confidence=(HALF + HALF * min(strength, Decimal(1))).quantize(PLACES),
    )
