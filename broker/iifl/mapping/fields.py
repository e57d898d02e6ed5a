"""Parses single fields leniently: numbers come as numbers or strings, and missing values in five spellings.

What is missing, and text that is not a number, is None: nothing but a 0 that was sent is 0.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from broker import money
from broker.clock import IST
from broker.errors import BrokerAnswerUnclear
from broker.values import Exchange

BLANK_WORDS = frozenset({"", "-", "na", "nan", "null", "none"})
# The C library's month names depend on the locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CENTURY = 2000  # of a year of two digits
DAY = re.compile(r"(?P<day>\d{1,2})-(?P<month>[A-Za-z]+)-(?P<year>\d{4}|\d{2})(?=\s|\Z)", re.ASCII)
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)

Row = Mapping[str, Any]
# No amount is as large as 10^18 or as small as 10^-18; the limit guards arithmetic against values such as 1e999999.
MAX_EXPONENT = 18
CURRENCIES = frozenset({Exchange.NSECURR, Exchange.BSECURR})
T = TypeVar("T")

# With thousands or lakhs separated by commas, or none. "1,5" is not 15.
_DIGITS = r"(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})*,\d{3}|\d+)(?:\.\d*)?|\.\d+)(?P<exponent>[eE][+-]?\d+)?"
_CURRENCY = r"(?:(?:₹|Rs\.?|INR)\s*+)?"  # possessive: two such blanks in a row would be tried in all divisions
NUMBER = re.compile(rf"{_CURRENCY}(?P<sign>[+-]?)\s*+{_CURRENCY}{_DIGITS}", re.ASCII | re.IGNORECASE)
NEGATIVE_IN_PARENTHESES = re.compile(rf"{_CURRENCY}\(\s*+{_CURRENCY}{_DIGITS}\s*\)", re.ASCII | re.IGNORECASE)


def row(raw: object) -> dict[str, Any]:
    """Return an object with its keys stripped (the PDF prints trailing blanks); {} for anything but an object."""
    return {str(key).strip(): value for key, value in raw.items()} if isinstance(raw, dict) else {}


def first_filled(fields: Row, names: Iterable[str]) -> Any:
    """Return the first of several spellings that has a value, or None."""
    return next((fields[name] for name in names if not is_blank(fields.get(name))), None)


def is_blank(value: object) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and value.strip().lower() in BLANK_WORDS)


def text(value: object) -> str:
    """Return plain text; blank spellings and anything but a scalar become empty."""
    if is_blank(value) or not isinstance(value, str | int | float):
        return ""
    try:
        # JSON can escape lone surrogates, which UTF-8 cannot encode, and NUL, which PostgreSQL cannot store.
        return str(value).encode(errors="replace").decode().replace("\0", "").strip()
    except ValueError:  # Python refuses to print integers of thousands of digits
        return ""


def order_id(value: object) -> str:
    """Return the number of an order; empty for what cannot be one, because it enters paths and the record."""
    found = text(value)
    return found if ORDER_ID.fullmatch(found) else ""


def optional_decimal(value: object) -> Decimal | None:
    """Parse a number as it was sent; None if it is blank or not a number, which is never 0."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        written = str(value).strip()
    except ValueError:  # Python refuses to print integers of thousands of digits
        return None
    match = NUMBER.fullmatch(written) or NEGATIVE_IN_PARENTHESES.fullmatch(written)
    if match is None:
        return None
    try:
        number = Decimal(match["digits"].replace(",", "") + (match["exponent"] or ""))
    except InvalidOperation:  # an exponent beyond what Decimal can hold
        return None
    if match.re is NEGATIVE_IN_PARENTHESES or match["sign"] == "-":
        number = number.copy_negate()
    # adjusted(), because comparisons and abs() raise Overflow for such values.
    return number if abs(number.adjusted()) < MAX_EXPONENT else None


def whole_number(value: object) -> int | None:
    """Parse a quantity, which may come as 26, 26.0, "25" or "25.0"; None for anything else, a fraction too."""
    if type(value) is int and abs(value) < 10**MAX_EXPONENT:
        return value
    number = optional_decimal(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def quantity(value: object) -> int | Decimal | None:
    """Parse a quantity that may be a fraction, as units of funds are."""
    number = optional_decimal(value)
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else Decimal(f"{number:f}")


def amount(value: object) -> Decimal | None:
    """Parse rupees, to the paisa; None if unknown."""
    number = optional_decimal(value)
    return None if number is None else money.rupees(number)


def price(value: object, exchange: str = "") -> Decimal | None:
    """Parse a price; None if unknown, for which the broker also sends 0."""
    return price_or_zero(value, exchange) or None


def price_or_zero(value: object, exchange: str = "") -> Decimal | None:
    """Parse a price that may be 0, such as an order's that has none; None for one that is 0 only when rounded."""
    return _unless_rounded_to_zero(value, lambda number: money.price(number, price_places(exchange)))


def average(value: object, exchange: str = "") -> Decimal | None:
    """Parse an average of prices; None if unknown, for which the broker also sends 0."""
    return _unless_rounded_to_zero(value, lambda number: money.average(number, price_places(exchange))) or None


def price_places(exchange: str) -> int:
    """Return the places of a segment's ticks: 0.0025 rupees for currencies, whole paise elsewhere as a rule."""
    return money.MAX_PRICE_PLACES if exchange in CURRENCIES else money.MIN_PRICE_PLACES


def _unless_rounded_to_zero(value: object, form: Callable[[Decimal], Decimal]) -> Decimal | None:
    number = optional_decimal(value)
    if number is None:
        return None
    rounded = form(number)
    return rounded if rounded or not number else None


def required(parse: Callable[[object], T | None], fields: Row, names: Iterable[str], what: str) -> T:
    """Parse the first field of these that has a value. Raises BrokerAnswerUnclear, naming the field and the row."""
    names = tuple(names)
    found = parse(first_filled(fields, names))
    if found is None:
        raise unreadable(names[0], fields.get(names[0]), what)
    return found


def known_or_blank(parse: Callable[[object], T | None], fields: Row, name: str, what: str) -> T | None:
    """Parse a field; None if it is blank. Raises BrokerAnswerUnclear for what is neither a number nor blank."""
    found = parse(fields.get(name))
    if found is None and not is_blank(fields.get(name)):
        raise unreadable(name, fields.get(name), what)
    return found


def unreadable(name: str, value: object, what: str) -> BrokerAnswerUnclear:
    sent = text(value)[:40]
    return BrokerAnswerUnclear(f"{what} has no number in {name}" + (f", but {sent!r}" if sent else ""))


def flag(value: object) -> bool:
    return value is True or text(value).upper() in {"Y", "YES", "TRUE", "1"}


def moment(value: object) -> datetime | None:
    """Parse `20-Sep-2024 16:05:33` in IST; None if malformed."""
    day_text, _, clock = text(value).partition(" ")
    day = calendar_day(day_text)
    match = CLOCK.fullmatch(clock.strip() or "0:00")
    if day is None or match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=IST)
    except ValueError:
        return None


def calendar_day(value: object) -> date | None:
    """Parse `24-Apr-2026` or `24-Apr-26`, also with a time after it; None if malformed."""
    match = DAY.match(text(value))
    if match is None:
        return None
    year = int(match["year"]) + (CENTURY if len(match["year"]) == 2 else 0)
    try:
        return date(year, MONTH_NUMBERS[match["month"].lower()], int(match["day"]))
    except (ValueError, KeyError):
        return None


def wire_date(day: date) -> str:
    """Format a date for requests: 04-Jul-2025."""
    return f"{day.day:02}-{MONTHS[day.month - 1]}-{day.year:04}"


def candle_time(value: object) -> datetime | None:
    """Parse `2024-11-11T09:15:00`, in IST although it has no offset; None if malformed."""
    try:
        stamp = datetime.fromisoformat(text(value))
        return stamp.replace(tzinfo=IST) if stamp.tzinfo is None else stamp.astimezone(IST)
    except (ValueError, OverflowError):
        return None
