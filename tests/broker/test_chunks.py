"""Chunks: aligned, without gap or overlap, whatever range asks for them."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.candles.chunks import DAY, Chunk, chunk_of, chunks, group_adjacent
from broker.values import Interval

intervals = st.sampled_from(list(Interval))
days = st.dates(date(1995, 1, 1), date(2040, 12, 31))
lengths = st.integers(0, 1500).map(timedelta)


@given(intervals, days, lengths)
def test_the_chunks_of_a_range_hold_each_of_its_days_once_and_in_order(
    interval: Interval, first: date, length: timedelta
) -> None:
    found = chunks(interval, first, first + length)
    assert found[0].first <= first <= found[0].last
    assert found[-1].first <= first + length <= found[-1].last
    assert all(earlier.last + DAY == later.first for earlier, later in pairwise(found))


@given(intervals, days)
def test_every_day_of_a_chunk_leads_to_the_same_chunk(interval: Interval, day: date) -> None:
    chunk = chunk_of(interval, day)
    assert chunk_of(interval, chunk.first) == chunk_of(interval, chunk.last) == chunk


@given(days)
def test_no_week_is_cut(day: date) -> None:
    chunk = chunk_of(Interval.WEEK, day)
    assert (chunk.first.weekday(), chunk.last.weekday()) == (0, 6)
    assert chunk.days() in (364, 371)


@pytest.mark.parametrize(
    ("interval", "first", "last"),
    [
        (Interval.MINUTE, date(2024, 2, 29), date(2024, 2, 29)),
        (Interval.MINUTES_15, date(2024, 2, 29), date(2024, 2, 29)),
        (Interval.MINUTES_30, date(2024, 2, 1), date(2024, 2, 29)),
        (Interval.DAY, date(2024, 2, 1), date(2024, 2, 29)),
        (Interval.WEEK, date(2024, 1, 1), date(2025, 1, 5)),
        (Interval.MONTH, date(2024, 1, 1), date(2024, 12, 31)),
    ],
)
def test_short_candles_are_kept_by_the_day_long_ones_by_the_month_or_year(
    interval: Interval, first: date, last: date
) -> None:
    assert chunk_of(interval, date(2024, 2, 29)) == Chunk(first, last)


@given(st.sets(st.integers(0, 400), min_size=1), st.integers(1, 90))
def test_runs_hold_each_chunk_once_are_gapless_and_never_too_long(numbers: set[int], longest: int) -> None:
    wanted = [Chunk(day, day) for day in (date(2024, 1, 1) + number * DAY for number in numbers)]
    found = group_adjacent(wanted, longest)
    assert [chunk for run in found for chunk in run] == sorted(wanted)
    for run in found:
        assert (run[-1].last - run[0].first).days < longest
        assert all(earlier.last + DAY == later.first for earlier, later in pairwise(run))


def test_neighbours_are_one_run() -> None:
    assert len(group_adjacent(chunks(Interval.DAY, date(2015, 1, 1), date(2024, 12, 31)), 4_400)) == 1
