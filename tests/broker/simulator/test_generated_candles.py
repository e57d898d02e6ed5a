"""Prices made from a seed."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.simulator.prices.candles import SESSION_SECONDS, Candle, opening
from broker.simulator.prices.generated import GeneratedPrices
from broker.simulator.prices.intraday import DayPath
from tests.broker.simulator.caller import Caller, Hands

# No deadline: the machine may be shared.
thrifty = settings(max_examples=50, deadline=None)
prices = GeneratedPrices(seed=1)
days = st.dates(date(1999, 1, 1), date(2049, 12, 31))
symbols = st.sampled_from(["RELIANCE", "IDEA", "M&M", "NIFTY 50", "NOBODYKNOWS"]) | st.text("ABCXYZ&-", min_size=1)
spans = st.integers(1, 90).map(timedelta)


@st.composite
def whole_days(draw: st.DrawFn) -> Candle:
    """Any candle of a day, narrow and wide ones too."""
    low = draw(st.integers(1, 400_000)) * 5
    high = low + draw(st.integers(0, 4_000)) * 5
    inside = st.integers(low // 5, high // 5).map(lambda ticks: ticks * 5)
    return Candle(opening(date(2025, 11, 20)), draw(inside), high, low, draw(inside), draw(st.integers(0, 10**9)))


@thrifty
@given(symbols, days, spans)
def test_there_is_a_candle_on_each_weekday_and_on_no_other(symbol: str, first: date, span: timedelta) -> None:
    expected = [first + timedelta(n) for n in range(span.days + 1) if (first + timedelta(n)).weekday() < 5]
    assert [candle.day for candle in prices.days(symbol, first, first + span)] == expected


@thrifty
@given(symbols, days)
def test_open_and_close_lie_between_low_and_high_on_the_tick(symbol: str, first: date) -> None:
    for candle in prices.days(symbol, first, first + timedelta(days=10)):
        assert 0 < candle.low <= min(candle.open, candle.close)
        assert max(candle.open, candle.close) <= candle.high
        assert all(price % 5 == 0 for price in (candle.open, candle.high, candle.low, candle.close))


@thrifty
@given(symbols, days, spans, spans)
def test_overlapping_ranges_agree_whoever_asks_first(
    symbol: str, first: date, shift: timedelta, span: timedelta
) -> None:
    wide = GeneratedPrices(seed=1).days(symbol, first, first + shift + span)
    narrow = GeneratedPrices(seed=1).days(symbol, first + shift, first + shift + span)
    assert narrow == [candle for candle in wide if candle.day >= first + shift]


@thrifty
@given(symbols, days, st.integers(1, 5))
def test_the_latest_candles_are_those_of_the_last_weekdays(symbol: str, until: date, count: int) -> None:
    latest = prices.latest(symbol, until, count)
    assert latest == prices.days(symbol, until - timedelta(days=9), until)[-count:]


@thrifty
@given(symbols, days)
def test_a_price_does_not_leap_from_one_day_to_the_next(symbol: str, first: date) -> None:
    closes = [candle.close for candle in prices.days(symbol, first, first + timedelta(days=14))]
    for before, after in pairwise(closes):
        assert abs(after - before) <= 0.06 * before + 5


def test_another_seed_gives_other_prices() -> None:
    asked = ("RELIANCE", date(2025, 1, 1), date(2025, 3, 1))
    assert GeneratedPrices(seed=1).days(*asked) != GeneratedPrices(seed=2).days(*asked)


@pytest.mark.parametrize(("symbol", "level"), [("RELIANCE", 1400), ("IDEA", 9), ("NIFTY 50", 24800), ("M&M", 3400)])
def test_a_well_known_symbol_stays_near_its_level(symbol: str, level: float) -> None:
    closes = [candle.close / 100 for candle in prices.days(symbol, date(2020, 1, 1), date(2025, 12, 31))]
    assert 0.65 * level < min(closes) < max(closes) < 1.5 * level


@thrifty
@given(st.text(max_size=5), whole_days())
def test_the_minutes_of_a_day_add_up_to_the_day(key: str, day: Candle) -> None:
    assert_inside(day, DayPath(key, day).minutes())
    assert merge(DayPath(key, day).minutes()) == (day.open, day.high, day.low, day.close, day.volume)


@thrifty
@given(st.text(max_size=5), whole_days(), st.floats(0, SESSION_SECONDS), st.floats(0, 3600))
def test_a_day_under_way_only_widens_and_ends_with_the_present_price(
    key: str, day: Candle, elapsed: float, more: float
) -> None:
    path = DayPath(key, day)
    earlier, later = path.so_far(elapsed), path.so_far(elapsed + more)
    assert earlier is not None
    assert later is not None
    assert earlier.close == path.price_at(elapsed)
    assert day.low <= later.low <= earlier.low <= earlier.high <= later.high <= day.high
    assert earlier.volume <= later.volume <= day.volume
    assert_inside(day, path.minutes(elapsed))


def test_before_the_opening_there_is_nothing() -> None:
    day = prices.days("RELIANCE", date(2025, 11, 20), date(2025, 11, 20))[0]
    path = DayPath("key", day)
    assert path.minutes(-1) == []
    assert path.so_far(-1) is None


def assert_inside(day: Candle, minutes: list[Candle]) -> None:
    for minute in minutes:
        assert day.low <= minute.low <= min(minute.open, minute.close)
        assert max(minute.open, minute.close) <= minute.high <= day.high
        assert minute.volume >= 0


def merge(minutes: list[Candle]) -> tuple[int, int, int, int, int]:
    return (
        minutes[0].open,
        max(minute.high for minute in minutes),
        min(minute.low for minute in minutes),
        minutes[-1].close,
        sum(minute.volume for minute in minutes),
    )


def test_there_is_no_candle_after_now(caller: Caller, hands: Hands) -> None:
    assert caller.history("1 day", "17-Nov-2025", "30-Nov-2025")[-1][0] == "2025-11-20T09:15:00"
    assert caller.history("1 minute", "20-Nov-2025", "30-Nov-2025")[-1][0] == "2025-11-20T11:00:00"


@pytest.mark.parametrize(
    ("interval", "count", "last"),
    [
        ("1 minute", 375, "15:29"),
        ("5 minutes", 75, "15:25"),
        ("10 minutes", 38, "15:25"),
        ("15 minutes", 25, "15:15"),
        ("30 minutes", 13, "15:15"),
        ("60 minutes", 7, "15:15"),
    ],
)
def test_an_intraday_candle_starts_at_its_multiple_from_the_opening(
    caller: Caller, interval: str, count: int, last: str
) -> None:
    rows = caller.history(interval, "18-Nov-2025", "19-Nov-2025")
    assert len(rows) == 2 * count
    assert rows[0][0] == "2025-11-18T09:15:00"
    assert rows[-1][0] == f"2025-11-19T{last}:00"


def test_todays_candle_is_not_final(caller: Caller, hands: Hands) -> None:
    earlier = caller.history("1 day", "19-Nov-2025", "20-Nov-2025")
    hands.now += timedelta(hours=3)
    later = caller.history("1 day", "19-Nov-2025", "20-Nov-2025")
    assert earlier[0] == later[0]
    assert earlier[1] != later[1]
    assert earlier[1][5] < later[1][5]


def test_intraday_candles_add_up_to_the_daily_one_while_the_day_goes_on(caller: Caller) -> None:
    minutes = caller.history("1 minute", "20-Nov-2025", "21-Nov-2025")
    [today] = caller.history("1 day", "20-Nov-2025", "21-Nov-2025")
    assert [minutes[0][1], max(row[2] for row in minutes), min(row[3] for row in minutes)] == today[1:4]
    assert [minutes[-1][4], sum(row[5] for row in minutes)] == today[4:]


def test_weeks_carry_their_monday_and_months_their_first(caller: Caller) -> None:
    weeks = caller.history("weekly", "29-Oct-2025", "20-Nov-2025")
    assert [row[0] for row in weeks] == [f"2025-11-{day}T09:15:00" for day in ("03", "10", "17")]
    months = caller.history("monthly", "01-Sep-2025", "20-Nov-2025")
    assert [row[0][:10] for row in months] == ["2025-09-01", "2025-10-01", "2025-11-01"]


def test_a_week_is_whole_although_the_range_ends_inside_it(caller: Caller) -> None:
    [week] = caller.history("weekly", "10-Nov-2025", "12-Nov-2025")
    days_ = caller.history("1 day", "10-Nov-2025", "14-Nov-2025")
    assert week[4] == days_[-1][4]
    assert week[5] == sum(row[5] for row in days_)


def test_india_vix_has_intraday_candles_only(caller: Caller) -> None:
    assert caller.history("1 day", "10-Nov-2025", "14-Nov-2025", "999920019") == []
    assert caller.history("60 minutes", "10-Nov-2025", "14-Nov-2025", "999920019")


def test_stamps_have_no_offset_and_volumes_no_fraction(caller: Caller) -> None:
    for stamp, *_, volume in caller.history("1 day", "03-Nov-2025", "14-Nov-2025"):
        assert datetime.fromisoformat(stamp).tzinfo is None
        assert isinstance(volume, int)
