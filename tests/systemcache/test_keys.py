"""Keys are built and taken apart, never pasted."""

import fnmatch
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemcache import keys
from systemcache.errors import InvalidKeyPart

CANDLES = "api:candles:{symbol}:{interval}:{from_date}:{to_date}"


def test_a_key_is_the_template_with_its_fields_filled_in() -> None:
    params: keys.Params = {
        "symbol": "M&M",
        "interval": "1d",
        "from_date": date(2021, 12, 1),
        "to_date": date(2021, 12, 31),
    }
    assert keys.build(CANDLES, params) == "api:candles:M&M:1d:2021-12-01:2021-12-31"


@pytest.mark.parametrize("symbol", ["*", "a:b", "", " A", "A ", "a?b", "[a]", "a\nb", "a\\b", "x" * 65, "é", "\x00"])
def test_a_part_that_could_mean_something_else_is_refused(symbol: str) -> None:
    with pytest.raises(InvalidKeyPart, match="symbol"):
        keys.build("api:quotes:{symbol}", {"symbol": symbol})


def test_a_missing_or_surplus_parameter_is_a_programming_error() -> None:
    with pytest.raises(TypeError):
        keys.build("api:quotes:{symbol}", {})
    with pytest.raises(TypeError):
        keys.build("api:holdings", {"symbol": "A"})


@given(st.from_regex(keys.PART, fullmatch=True), st.from_regex(keys.PART, fullmatch=True))
def test_what_was_built_is_parsed_back(exchange: str, symbol: str) -> None:
    template = "api:quotes:{exchange}:{symbol}"
    params = {"exchange": exchange, "symbol": symbol}
    assert keys.parse(template, keys.build(template, params)) == params


@given(st.text(max_size=8), st.text(max_size=8))
def test_no_two_parameters_make_the_same_key(first: str, second: str) -> None:
    template = "x:{a}:{b}"
    try:
        one = keys.build(template, {"a": first, "b": second})
        other = keys.build(template, {"a": second, "b": first})
    except InvalidKeyPart:
        return
    assert (one == other) == (first == second)


def test_a_key_of_another_template_is_not_parsed() -> None:
    assert keys.parse("api:holdings", "api:positions") is None
    assert keys.parse("api:contracts:{exchange}", "api:contracts:NSEEQ:more") is None


def test_a_pattern_leaves_the_missing_fields_open() -> None:
    assert keys.pattern(CANDLES, {"symbol": "RELIANCE"}) == "api:candles:RELIANCE:*:*:*"


@given(st.text(alphabet="abc:*?[]^-\\", min_size=1, max_size=12))
def test_an_escaped_text_holds_no_glob_of_its_own(text: str) -> None:
    escaped = keys.escape_glob(text)
    bare = escaped.replace("\\\\", "").replace("\\*", "").replace("\\?", "").replace("\\[", "").replace("\\]", "")
    assert not fnmatch.filter(["*", "?", "["], f"[{bare}]") or "*" not in bare
    assert "*" not in bare
    assert "?" not in bare
    assert "[" not in bare
