"""Load times in buckets, and what quantiles they tell."""

from collections import Counter

import pytest

from systemcache.stats import histogram


def counted(*seconds: float) -> Counter[str]:
    return Counter(histogram.bucket_event(number) for number in seconds)


def test_a_load_is_counted_in_the_first_bucket_that_holds_it() -> None:
    assert histogram.bucket_event(0) == "load_le_0.005"
    assert histogram.bucket_event(0.005) == "load_le_0.005"
    assert histogram.bucket_event(0.0051) == "load_le_0.01"
    assert histogram.bucket_event(60) == "load_le_60"
    assert histogram.bucket_event(61) == "load_le_inf"


def test_buckets_add_up() -> None:
    assert histogram.cumulative_counts(counted(0.001, 0.02, 0.02, 99))[:4] == [1, 1, 3, 3]
    assert histogram.cumulative_counts(counted(0.001, 0.02, 0.02, 99))[-2:] == [3, 4]


def test_without_loads_there_is_no_quantile() -> None:
    assert histogram.quantile({}, 0.5) is None


@pytest.mark.parametrize(
    ("seconds", "share", "expected"),
    [
        ([0.07] * 10, 0.5, 0.075),  # in the middle between 0.05 and 0.1
        ([0.07] * 10, 1.0, 0.1),
        ([0.001] * 95 + [2] * 5, 0.5, 0.005 * 50 / 95),
        ([0.001] * 95 + [2] * 5, 0.99, 1 + 1.5 * 4 / 5),
        ([99.0], 0.5, 60.0),  # no more is known than that it was longer
    ],
)
def test_a_quantile_lies_where_its_share_of_loads_ends(seconds: list[float], share: float, expected: float) -> None:
    assert histogram.quantile(counted(*seconds), share) == pytest.approx(expected, abs=1e-4)


def test_a_quantile_lies_in_the_bucket_of_the_true_one() -> None:
    seconds = [0.003 * number for number in range(1, 1001)]  # up to 3 s
    for share in (0.5, 0.95):
        found = histogram.quantile(counted(*seconds), share)
        assert found is not None
        assert histogram.bucket_event(found) == histogram.bucket_event(3 * share)
