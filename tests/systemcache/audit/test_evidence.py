"""How far checks reach, against figures that are known."""

import pytest

from systemcache.audit import evidence


# Upper limits of Poisson's distribution at 95 %, one-sided: Pearson and Hartley, Biometrika Tables, table 40.
@pytest.mark.parametrize(
    ("violations", "expected"), [(0, 2.996), (1, 4.744), (2, 6.296), (5, 10.513), (10, 16.962), (50, 63.287)]
)
def test_the_bound_is_poissons(violations: int, expected: float) -> None:
    assert evidence.highest_share(violations, 1_000_000) == pytest.approx(expected / 1_000_000, rel=1e-3)


def test_without_a_check_nothing_is_known() -> None:
    assert evidence.highest_share(0, 0) == 1.0
    assert evidence.sentence(0, 0) == "Nothing has been checked yet."


def test_a_few_checks_prove_little() -> None:
    assert evidence.highest_share(0, 2) == 1.0
    assert evidence.sentence(0, 2) == "0 in 2 checks: 0.0 nines at 95 % confidence"


def test_the_evidence_is_told_in_nines() -> None:
    assert evidence.sentence(0, 12_400_000) == "0 in 12,400,000 checks: 6.6 nines at 95 % confidence"
    assert evidence.sentence(3, 12_400_000) == "3 in 12,400,000 checks: 6.2 nines at 95 % confidence"


def test_hundreds_of_violations_are_bounded_too() -> None:
    assert 1_000 < evidence.highest_share(1_000, 1_000_000) * 1_000_000 < 1_060
