"""How the pages write numbers and times: as Indian traders read them, with what is unknown said to be so."""

from datetime import datetime
from decimal import Decimal

from django.utils import timezone

UNKNOWN = "—"


def grouped(number: Decimal | int, *, signed: bool = False) -> str:
    """Write a number with all of its places, grouped as lakh and crore: 12,34,567.89."""
    sign = "-" if number < 0 else "+" if signed else ""
    plain = f"{abs(number):f}" if isinstance(number, Decimal) else str(abs(number))  # :f adds places to an int
    whole, point, places = plain.partition(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        tail = f"{head[-2:]},{tail}"
        head = head[:-2]
    return f"{sign}{tail}{point}{places}"


def clock_time(moment: datetime) -> str:
    """Write a moment in IST: today's without its date."""
    local = timezone.localtime(moment)
    today = timezone.localdate()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%d %b %Y %H:%M}"


def tone(number: Decimal | int | None) -> str:
    """Name the colour of a gain or loss."""
    return "" if not number else "gain" if number > 0 else "loss"
