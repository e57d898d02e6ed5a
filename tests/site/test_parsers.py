"""Bodies of requests: JSON that can be read in two ways is refused."""

from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.exceptions import ParseError, ValidationError

from tradingsite.parsers import StrictJSONParser


def parse(body: str | bytes, **view: Any) -> Any:
    stream = BytesIO(body if isinstance(body, bytes) else body.encode())
    return StrictJSONParser().parse(stream, "application/json", {"view": SimpleNamespace(**view)})


@pytest.mark.parametrize(
    "body",
    [
        '{"quantity": 1, "quantity": 7}',
        '{"quantity": 1, "price": "5", "quantity": 1}',
        '{"legs": [{"quantity": 1, "quantity": 1}]}',
        '{"quantity": 1, "\\u0071uantity": 7}',
    ],
)
def test_a_name_that_is_given_twice_is_refused_by_name(body: str) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(body)
    assert list(refused.value.detail) == ["quantity"]


def test_a_repeated_name_that_no_response_can_hold_is_shown_in_a_form_that_it_can() -> None:
    with pytest.raises(ValidationError) as refused:
        parse('{"\\ud800": 1, "\\ud800": 2}')
    assert list(refused.value.detail) == ["\\ud800"]


def test_the_same_name_in_two_objects_is_no_repetition() -> None:
    assert parse('{"legs": [{"quantity": 1}, {"quantity": 1}]}') == {"legs": [{"quantity": 1}, {"quantity": 1}]}


def test_a_view_that_asks_for_exact_numbers_gets_them_as_they_were_written() -> None:
    assert parse('{"price": 1480.10, "value": 1e3, "quantity": 5}', exact_numbers=True) == {
        "price": "1480.10",
        "value": "1e3",
        "quantity": 5,
    }
    assert parse('{"price": 1480.10}') == {"price": 1480.1}


def test_a_number_with_too_many_digits_is_refused_with_a_sentence_for_the_caller() -> None:
    with pytest.raises(ParseError) as refused:
        parse('{"value": -' + "9" * 5_000 + "}")
    assert str(refused.value.detail) == "JSON parse error - a number has more digits than can be read"


@pytest.mark.parametrize("body", ["", "[", "NaN", "Infinity", b"\xff", "[" * 100_000, "9" * 5_000])
def test_what_is_not_json_is_refused(body: str | bytes) -> None:
    with pytest.raises(ParseError):
        parse(body)
