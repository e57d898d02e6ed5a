"""The app's clock, in the exchange's time zone."""

from datetime import datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")


def now() -> datetime:
    return datetime.now(IST)


def start_of_day(moment: datetime) -> datetime:
    """The last midnight in IST: the broker's books hold the orders since then."""
    return moment.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)


def next_midnight(moment: datetime) -> datetime:
    """The end of the moment's day in IST, when a broker session ends (iifl_api §1)."""
    return start_of_day(moment) + timedelta(days=1)
