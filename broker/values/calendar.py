"""The exchanges' calendar."""

from datetime import date

from broker.values.base import Value


class CalendarRow(Value, frozen=True, kw_only=True):
    """The hours of an exchange on one day; with `weekly`, on all weekdays from that day on.

    `hours` is as it is written in the calendar's files (broker/calendar/hours.py).
    """

    exchange: str
    day: date
    weekly: bool
    hours: str
    reason: str
    source: str
