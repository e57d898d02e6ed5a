"""Single fields, read leniently: numbers come as numbers or strings, and a missing one in five disguises."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from broker.values import IST

BLANK = frozenset({"", "-", "na", "nan", "null", "none"})
# The C library's month names depend on the locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}

Row = Mapping[str, Any]
# No amount of an account is as large as 10^18 or as small as 10^-18: guards all arithmetic against 1e999999.
LARGEST_EXPONENT = 18


def row(raw: object) -> dict[str, Any]:
    """A wire object with its keys stripped (the PDF prints trailing blanks); {} for anything that is no object."""
    return {str(key).strip(): value for key, value in raw.items()} if isinstance(raw, dict) else {}


def first(fields: Row, names: Iterable[str]) -> Any:
    """The first of several spellings that is there and not blank."""
    return next((fields[name] for name in names if not is_blank(fields.get(name))), None)


def is_blank(value: object) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and value.strip().lower() in BLANK)


def text(value: object) -> str:
    """Plain text; blank disguises and anything that is no scalar become empty."""
    if is_blank(value) or not isinstance(value, str | int | float):
        return ""
    try:
        return str(value).encode(errors="replace").decode().strip()  # JSON may escape what no UTF-8 can carry
    except ValueError:  # Python writes no integer of thousands of digits
        return ""


def optional_decimal(value: object) -> Decimal | None:
    if is_blank(value) or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value).strip().replace(",", ""))
    except (InvalidOperation, ValueError):
        return None
    # adjusted(), because comparing and abs() raise Overflow for what they shall find.
    return number if number.is_finite() and abs(number.adjusted()) < LARGEST_EXPONENT else None


def decimal(value: object) -> Decimal:
    return optional_decimal(value) or Decimal(0)


def integer(value: object) -> int:
    """Quantities come as 26, 26.0, "25" and "25.0"."""
    return int(decimal(value))


def flag(value: object) -> bool:
    return value is True or text(value).upper() in {"Y", "YES", "TRUE", "1"}


def moment(value: object) -> datetime | None:
    """`20-Sep-2024 16:05:33` in IST; None when it is no such time."""
    day_text, _, clock = text(value).partition(" ")
    day = calendar_day(day_text)
    if day is None:
        return None
    try:
        hour, minute, second = (int(part) for part in f"{clock or '0:0:0'}:0".split(":")[:3])
        return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=IST)
    except (ValueError, OverflowError):
        return None


def calendar_day(value: object) -> date | None:
    """`24-Apr-2026`, also with a time behind it; None when it is no such date."""
    try:
        number, month, year = text(value).split(" ")[0].split("-")
        return date(int(year), MONTH_NUMBERS[month.lower()], int(number))
    except (ValueError, OverflowError, KeyError):
        return None


def wire_date(day: date) -> str:
    """A date as requests carry it: 04-Jul-2025."""
    return f"{day.day:02}-{MONTHS[day.month - 1]}-{day.year:04}"


def candle_time(value: object) -> datetime | None:
    """`2024-11-11T09:15:00`, without an offset and meaning IST."""
    try:
        stamp = datetime.fromisoformat(text(value))
        return stamp.replace(tzinfo=IST) if stamp.tzinfo is None else stamp.astimezone(IST)
    except (ValueError, OverflowError):
        return None
