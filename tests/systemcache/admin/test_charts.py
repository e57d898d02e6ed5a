"""Charts as numbers: what stands where, and what is said of it in words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemcache.admin import charts
from systemcache.stats.time_series import Mark, Point

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def points(*counts: dict[str, float], step: int = 1) -> list[Point]:
    return [Point(NOON + timedelta(minutes=step * n), row) for n, row in enumerate(counts)]


def test_reads_are_stacked_by_what_they_came_to() -> None:
    chart = charts.reads_chart(points({"hits": 5, "near_hits": 1, "misses": 3, "stale": 1, "bypasses": 2}), (), "x")
    (bar,) = chart.bars
    assert chart.y_max == 20
    assert [(part.kind, part.height) for part in bar.segments] == [
        ("hit", 30),
        ("load", 10),
        ("stale", 5),
        ("bypass", 10),
    ]
    assert [part.y for part in bar.segments] == [70, 60, 55, 45]
    assert (
        bar.description
        == chart.description.removesuffix(" in all.")
        == "6 from the cache, 2 loaded, 1 stale, 2 bypassed"
    )


def test_a_step_without_reads_has_no_bar_and_says_so() -> None:
    chart = charts.reads_chart(points({}, {"hits": 1}), (), "x")
    assert (chart.bars[0].segments, chart.bars[0].description) == ((), "No reads")
    assert not chart.is_empty
    assert charts.reads_chart(points({}, {}), (), "x").is_empty


def test_load_times_are_means_in_milliseconds() -> None:
    chart = charts.load_time_chart(points({"loads": 4, "load_seconds": 1.0}, {"hits": 3}), (), "x")
    assert (chart.y_max, chart.unit) == (500, "ms")
    assert [bar.description for bar in chart.bars] == ["250 ms", "0 ms"]
    assert chart.bars[0].segments[0].height == 50


def test_marks_stand_where_they_happened_and_others_stay_out() -> None:
    marks = [Mark(NOON + timedelta(minutes=at), "clear", str(at)) for at in (-1, 0, 22.5, 44.9, 45)]
    chart = charts.reads_chart(points({}, {}, {}, step=15), marks, "x")
    assert [(line.mark.what, line.x) for line in chart.mark_lines] == [("0", 0), ("22.5", 1.5), ("44.9", 2.99)]


def test_series_of_families_add_up() -> None:
    both = charts.sum_series([points({"hits": 1}, {}), points({"hits": 2, "misses": 1}, {})])
    assert [point.counts for point in both] == [{"hits": 3, "misses": 1}, {}]


def test_steps_are_put_together_from_the_oldest_on() -> None:
    found = charts.downsample(points({"hits": 1}, {"hits": 2}, {"misses": 4}), 2)
    assert [(point.at, point.counts) for point in found] == [
        (NOON, {"hits": 3}),
        (NOON + timedelta(minutes=2), {"misses": 4}),
    ]


def test_each_kind_is_one_path() -> None:
    chart = charts.reads_chart(points({"hits": 5}, {}, {"hits": 10, "bypasses": 10}), (), "x")
    assert chart.paths == {
        "hit": "M0.1 75.00h.8v25.00h-.8zM2.1 50.00h.8v50.00h-.8z",
        "bypass": "M2.1 0.00h.8v50.00h-.8z",
    }


@pytest.mark.parametrize(("most", "top"), [(0, 1), (0.3, 0.5), (1, 1), (1.1, 2), (20, 20), (21, 50), (999, 1000)])
def test_the_scale_ends_at_a_round_number(most: float, top: float) -> None:
    assert charts.nice_ceiling(most) == pytest.approx(top)


counts = st.fixed_dictionaries(
    {event: st.integers(0, 10**9) for event in ("hits", "near_hits", "misses", "stale", "bypasses")}
)


@given(st.lists(counts, min_size=1, max_size=5))
def test_no_bar_leaves_the_chart(rows: list[dict[str, float]]) -> None:
    for bar in charts.reads_chart(points(*rows), (), "x").bars:
        assert all(part.y >= -0.05 for part in bar.segments)
        assert sum(part.height for part in bar.segments) <= 100.05
