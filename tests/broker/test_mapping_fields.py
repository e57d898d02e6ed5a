"""Single fields: numbers, texts and times in their disguises."""

import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.clock import IST
from broker.iifl.mapping import fields


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("280000.00", "280000.00"),
        ("0", "0"),
        (26.0, "26.0"),
        (25, "25"),
        (" 1,14,500.25 ", "114500.25"),
        ("-12.5", "-12.5"),
        ("1e3", "1E+3"),
        (0.1, "0.1"),
        ("₹1,00,000.00", "100000.00"),
        ("Rs. 50", "50"),
        ("INR 1,234.50", "1234.50"),
        ("-₹12.50", "-12.50"),
        ("₹-12.50", "-12.50"),
        ("(1234.50)", "-1234.50"),
        ("(₹ 1,234.50)", "-1234.50"),
        ("1,234,567.8", "1234567.8"),
    ],
)
def test_numbers_come_as_numbers_and_as_strings(sent: object, number: str) -> None:
    assert str(fields.optional_decimal(sent)) == number


@pytest.mark.parametrize(
    "sent",
    [
        *("", "-", "NA", "N/A", "NaN", "nan", "null", None, "Infinity", "-inf", "ten", "1.2.3", "0x10", "1e999999"),
        *("--", "1234.50 CR", "1.2L", "100 shares", "1,5", "12,34", "1_000", "٣", "(-5)", "(5", "₹", "5-"),
        *(
            float("nan"),
            float("inf"),
            True,
            [],
            {},
            pytest.param(10**5000, id="an integer that Python cannot write"),
            "1e1000000",
            "1e-1000000",
            "9" * 30,
        ),
    ],
)
def test_what_is_no_number_is_none_and_never_an_error(sent: object) -> None:
    parsers = (fields.optional_decimal, fields.whole_number, fields.quantity, fields.amount, fields.price)
    assert [parse(sent) for parse in parsers] == [None] * len(parsers)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_money_keeps_every_paisa(amount: Decimal) -> None:
    assert fields.amount(str(amount)) == amount
    assert fields.amount(f"{amount:,}") == amount


@pytest.mark.parametrize(("sent", "number"), [(26.0, 26), ("25", 25), ("25.0", 25), ("-3", -3), ("1,000", 1000)])
def test_quantities_come_in_four_forms(sent: object, number: int) -> None:
    assert fields.whole_number(sent) == number


@pytest.mark.parametrize(("sent", "text"), [(" INFY ", "INFY"), (1594, "1594"), ("NA", ""), ("-", ""), ([1], "")])
def test_texts_are_stripped_and_disguised_blanks_are_empty(sent: object, text: str) -> None:
    assert fields.text(sent) == text


def test_a_text_that_no_utf8_or_no_database_can_carry_is_made_one_that_it_can() -> None:
    assert fields.text("a\ud800b\0").encode() == b"a?b"


@pytest.mark.parametrize(
    ("sent", "flag"), [("Y", True), ("y", True), (True, True), ("N", False), ("", False), (0, False)]
)
def test_flags_are_letters(sent: object, flag: bool) -> None:
    assert fields.flag(sent) is flag


def test_the_first_name_that_is_not_blank_counts() -> None:
    assert fields.first_filled({"a": "-", "b": 0, "c": 5}, ("x", "a", "b", "c")) == 0


@pytest.mark.parametrize(
    ("sent", "time"),
    [
        ("20-Sep-2024 16:05:33", datetime(2024, 9, 20, 16, 5, 33, tzinfo=IST)),
        ("07-AUG-2024 09:15", datetime(2024, 8, 7, 9, 15, tzinfo=IST)),
        ("07-aug-2024", datetime(2024, 8, 7, tzinfo=IST)),
        ("31-Feb-2024 10:00:00", None),
        ("20-Sep-24 16:05:33", datetime(2024, 9, 20, 16, 5, 33, tzinfo=IST)),
        ("20-Sep-024 16:05:33", None),
        ("20-Sep-2024 1_6:05:33", None),
        ("20-Sep-2024 25:00:00", None),
        ("20-Sep-2024 ten past", None),
        ("20-Sep-99999999999999999999 10:00:00", None),
        ("20-Sep-2024 99999999999999999999:00:00", None),
        ("2024-09-20 16:05:33", None),
        (45511, None),
        ("NA", None),
    ],
)
def test_a_moment_is_indian_time_or_none(sent: object, time: datetime | None) -> None:
    assert fields.moment(sent) == time


@pytest.mark.parametrize("sent", ["2024-13-01T09:15:00", "0001-01-01T00:00:00+14:00", "", None, "11-Nov-2024", 0])
def test_a_stamp_that_is_no_time_is_none(sent: object) -> None:
    assert fields.candle_time(sent) is None


@given(st.dates())
def test_a_date_sent_is_the_date_read_back(day: date) -> None:
    assert fields.calendar_day(fields.wire_date(day)) == day


def test_nothing_in_the_mapping_asks_the_c_library_for_the_names_of_months() -> None:
    sources = "".join(path.read_text() for path in Path(fields.__file__).parent.glob("*.py"))
    assert not re.search(r"strptime|strftime|month_abbr|month_name|%b|%B", sources)


def test_months_are_english_without_asking_the_c_library() -> None:
    sent = [fields.wire_date(date(2024, month, 1))[3:6] for month in range(1, 13)]
    assert sent == ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
