"""How the pages write times and what is unknown, and colour gains and losses."""

from datetime import datetime
from decimal import Decimal

from django.utils import timezone

UNKNOWN = "—"


def clock_time(moment: datetime) -> str:
    """Write a moment in IST: today's without its date."""
    local = timezone.localtime(moment)
    today = timezone.localdate()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%d %b %Y %H:%M}"


def tone(number: Decimal | int | None) -> str:
    """Name the colour of a gain or loss."""
    return "" if not number else "gain" if number > 0 else "loss"
