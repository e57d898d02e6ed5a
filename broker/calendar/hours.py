"""The hours of a day as the calendar's files and the admin write them.

- `closed`;
- `unknown`: there is a session, at hours that have not been announced;
- `regular`: as on a weekday, such as on the Sunday of a budget;
- times such as `09:00-16:00`, several separated by blanks. In `09:00-23:30/23:55` the second end holds while the US
  has no daylight saving time, because the commodity exchanges close with those of the US.
"""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from broker.clock import IST

CLOSED, UNKNOWN, REGULAR = "closed", "unknown", "regular"
NEW_YORK = ZoneInfo("America/New_York")
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
SPAN = re.compile(rf"{_TIME}-{_TIME}(?:/{_TIME})?", re.ASCII)


class InvalidHours(ValueError):
    """The text is none of these; the message is a sentence."""


class Session(NamedTuple):
    opens: datetime
    closes: datetime


def check(text: str, *, weekly: bool) -> None:
    """Raise InvalidHours unless the text is one of the forms above; the hours of a week cannot be `regular`."""
    if text in (CLOSED, UNKNOWN) or (text == REGULAR and not weekly):
        return
    last = time.min
    for opens, *ends in _spans(text):
        if not last <= opens < min(ends):
            raise InvalidHours(f"{text!r} are no hours: each session ends after it begins, and before the next begins.")
        last = max(ends)


def whole_day(day: date) -> list[Session]:
    """The sessions of a day on which there may be one at any time."""
    start = datetime.combine(day, time.min, IST)
    return [Session(start, start + timedelta(days=1))]


def sessions(text: str, day: date) -> list[Session]:
    """Return the sessions on a day with these hours, which are not `regular`. Raises InvalidHours."""
    if text == CLOSED:
        return []
    if text == UNKNOWN:
        return whole_day(day)
    return [
        Session(datetime.combine(day, opens, IST), datetime.combine(day, _end(ends, day), IST))
        for opens, *ends in _spans(text)
    ]


def _end(ends: list[time], day: date) -> time:
    is_summer = bool(datetime.combine(day, time(12), NEW_YORK).dst())
    return ends[0] if is_summer else ends[-1]


@lru_cache(256)
def _spans(text: str) -> tuple[tuple[time, ...], ...]:
    matches = [SPAN.fullmatch(part) for part in text.split(" ")]
    if not all(matches):
        raise InvalidHours(f"{text!r} are no hours: write closed, unknown, regular, or times such as 09:00-16:00.")
    return tuple(_times(match.groups()) for match in matches if match)


def _times(digits: tuple[str | None, ...]) -> tuple[time, ...]:
    pairs = zip(digits[::2], digits[1::2], strict=True)
    return tuple(time(int(hour), int(minute)) for hour, minute in pairs if hour and minute)
