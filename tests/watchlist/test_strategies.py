"""The strategies over numbers that were worked out by hand."""

from decimal import Decimal

import pytest

from tests.watchlist.conftest import candles
from watchlist.strategies import Proposal, Strategy, breakout, relative_strength, rsi, run, sma_cross

# A published worked example of Wilder's RSI (14): closes, and the results to two places.
EXAMPLE = """
44.3389 -     44.0902 -     44.1497 -     43.6124 -     44.3278 -     44.8264 -     45.0955 -
45.4245 -     45.8433 -     46.0826 -     45.8931 -     46.0328 -     45.6140 -     46.2820 -
46.2820 70.53 46.0028 66.32 46.0328 66.55 46.4116 69.41 46.2222 66.36 45.6439 57.97 46.2122 62.93
46.2521 63.26 45.7137 56.06 46.4515 62.38 45.7835 54.71 45.3548 50.42 44.0288 39.99 44.1783 41.46
44.2181 41.87 44.5672 45.46 43.4205 37.30 42.6628 33.08 43.1314 37.77
"""
CLOSES, RSI = EXAMPLE.split()[::2], EXAMPLE.split()[29::2]


def figures(proposal: Proposal | None) -> tuple[str, str, str, str | None, str] | None:
    if proposal is None:
        return None
    target = proposal.take_profit
    return (
        proposal.signal_type,
        str(proposal.price),
        str(proposal.stop_loss),
        None if target is None else str(target),
        str(proposal.confidence),
    )


def test_the_average_of_20_rising_over_that_of_50_is_a_buy() -> None:
    # Averages 100.5 and 100.2: apart by 0.2994 %. The stop is the lowest low, 99; the profit twice the 11 at risk.
    proposal = sma_cross(candles(*[100] * 50, 110))
    assert figures(proposal) == ("buy", "110.00", "99.00", "132.00", "0.6497")
    assert proposal is not None
    assert proposal.reason == "The 20-candle average (100.50) rose over the 50-candle average (100.20)."


def test_the_average_of_20_falling_below_that_of_50_is_a_sell() -> None:
    proposal = sma_cross(candles(*[100] * 50, 90))
    assert figures(proposal) == ("sell", "90.00", "101.00", "68.00", "0.6503")


def test_averages_that_crossed_before_the_last_candle_are_no_news() -> None:
    assert sma_cross(candles(*[100] * 50, 110, 110)) is None
    assert sma_cross(candles(*[100] * 51)) is None


def test_a_profit_that_would_lie_below_zero_is_left_out() -> None:
    assert figures(sma_cross(candles(*[100] * 50, 30))) == ("sell", "30.00", "101.00", None, "1.0000")


def test_a_price_that_stands_at_its_stop_is_not_proposed() -> None:
    # The slow average falls under the fast one because an old price leaves it; nothing moves now.
    assert sma_cross(candles(200, 99, *[100] * 49, spread=0)) is None
    assert sma_cross(candles(200, 99, *[100] * 49)) is not None


def test_the_rsi_is_wilders() -> None:
    strengths = relative_strength([Decimal(close) for close in CLOSES])
    assert [f"{strength:.2f}" for strength in strengths] == RSI


def test_an_rsi_that_comes_down_from_above_70_is_a_sell() -> None:
    proposal = rsi(candles(*CLOSES[:16]))
    assert figures(proposal) == ("sell", "46.0028", "47.282", "43.4444", "0.5089")
    assert proposal is not None
    assert proposal.reason == "The RSI went from 70.5 to 66.3, out of the overbought range."


def test_an_rsi_that_comes_up_from_below_30_is_a_buy() -> None:
    # Fourteen falls of 1: RSI 0. Then +7: gains 7/14, losses 13/14, so 100 * 7 / 20 = 35.
    proposal = rsi(candles(*range(100, 85, -1), 93))
    assert figures(proposal) == ("buy", "93.00", "85.00", "109.00", "1.0000")
    assert proposal is not None
    assert proposal.reason == "The RSI went from 0.0 to 35.0, out of the oversold range."


def test_a_price_that_never_moves_has_an_rsi_of_50() -> None:
    assert relative_strength([Decimal(5)] * 16) == [50, 50]
    assert rsi(candles(*[5] * 16)) is None


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        ("103", ("buy", "103.00", "99.00", "111.00", "1.0000")),
        ("101.5", ("buy", "101.50", "99.00", "106.50", "0.6250")),
        ("98.5", ("sell", "98.50", "101.00", "93.50", "0.6250")),
        ("101", None),
        ("99", None),
    ],
)
def test_a_close_outside_the_20_candles_before_it_is_a_breakout(close: str, expected: object) -> None:
    assert figures(breakout(candles(*[100] * 20, close))) == expected


def test_a_channel_without_width_can_be_broken() -> None:
    assert figures(breakout(candles(*[100] * 20, 110, spread=0))) == (
        "buy",
        "110.00",
        "100.00",
        "130.00",
        "0.5455",
    )


@pytest.mark.parametrize(("strategy", "least"), [("sma_cross", 51), ("rsi", 16), ("breakout", 21)])
def test_too_few_candles_are_no_proposal(strategy: str, least: int) -> None:
    rising = candles(*range(100, 100 + least))
    assert run(strategy, rising[1:]).proposal is None
    assert run(strategy, []).proposal is None


def test_every_strategy_can_be_run() -> None:
    assert [run(strategy, candles(*[100] * 60)).proposal for strategy in Strategy] == [None] * 3
