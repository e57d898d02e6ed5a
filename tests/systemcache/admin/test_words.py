"""How the pages write numbers and times."""

import pytest

from systemcache.admin.family_page import type_name
from systemcache.templatetags import cache_pages


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.0454, "45 ms"),
        (2.5, "2.5 s"),
        (30, "30 s"),
        (90, "1 min 30 s"),
        (3_600, "1 h"),
        (86_400, "1 day"),
        (90_061, "1 day 1 h"),
        (7 * 86_400, "7 days"),
    ],
)
def test_durations_are_words(seconds: float | None, said: str) -> None:
    assert cache_pages.duration(seconds) == said


def test_what_is_not_known_is_a_dash() -> None:
    assert {cache_pages.number(None), cache_pages.percent(None), cache_pages.size(None)} == {"-"}


def test_addresses_are_quoted_and_leave_out_what_is_empty() -> None:
    assert cache_pages.query(pattern="api:quotes:M&M*", cursor=0) == "?pattern=api%3Aquotes%3AM%26M%2A"


@pytest.mark.parametrize(
    ("type_", "name"), [(int, "int"), (list[int], "list[int]"), (dict[str, int], "dict[str, int]")]
)
def test_types_are_named_without_their_modules(type_: object, name: str) -> None:
    assert type_name(type_) == name
