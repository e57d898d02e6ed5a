"""The app's clock, in the exchange's time zone."""

from datetime import datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")


def now() -> datetime:
    return datetime.now(IST)


def next_midnight(moment: datetime) -> datetime:
    """The end of the moment's day in IST, when a broker session ends (iifl_api §1)."""
    day = moment.astimezone(IST).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=IST)
