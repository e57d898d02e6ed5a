"""The wire format of the broker's answers: envelopes, timestamps, rupees."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

import msgspec

IST = timezone(timedelta(hours=5, minutes=30), "IST")

# A table, because strftime's %b depends on the machine's locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, start=1)}
_DAY = re.compile(r"(\d{2})-([A-Za-z]{3})-(\d{4})", re.ASCII)

Clock = Callable[[], datetime]
Row = dict[str, object]


class Delivery(Enum):
    WHOLE = "whole"
    TRUNCATED = "truncated"
    DROPPED = "dropped"
    HUNG = "hung"


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: bytes = b""
    bearer: str = ""
    peer: str = "127.0.0.1"


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    content_type: str = "application/json"
    delivery: Delivery = Delivery.WHOLE
    delay: float = 0.0
    """Seconds by which it is delayed."""


def now_in_ist() -> datetime:
    return datetime.now(IST)


def stamp(at: datetime) -> str:
    """Format as `20-Sep-2024 16:05:33`."""
    return f"{at.day:02d}-{MONTHS[at.month - 1]}-{at.year:04d} {at:%H:%M:%S}"


def parse_day(text: str) -> date | None:
    """Parse `04-Jul-2025`, with months in any case; None for any other form."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    day, month, year = match.groups()
    try:
        return date(int(year), _MONTH_NUMBERS.get(month.lower(), 0), int(day))
    except ValueError:
        return None


def rupees(paise: int) -> float:
    return paise / 100


def rupee_text(paise: int | Decimal) -> str:
    return f"{Decimal(paise) / 100:.2f}"


def json_answer(content: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(content))


def ok(result: object) -> Answer:
    return json_answer({"status": "Ok", "message": "Success", "result": result})


def login_refused(reason: str) -> Answer:
    return json_answer({"stat": "Not_Ok", "emsg": reason})


def http_error(status: int, message: str) -> Answer:
    return json_answer({"status": "Not_Ok", "message": message}, status)
