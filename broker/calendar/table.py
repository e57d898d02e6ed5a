"""The table of trading days: corrections of the shipped calendar, read through the cache."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from django.db import DatabaseError, transaction

from broker.cache_families import CALENDAR
from broker.models import TradingDay
from broker.values import CalendarRow
from systemcache.fetching.fetch import fetch
from systemcache.stats import counters

logger = logging.getLogger(__name__)

KEY = ("exchange", "day", "weekly")


class Imported(NamedTuple):
    added: int
    changed: int
    unchanged: int


def rows() -> list[CalendarRow]:
    """Return the table's rows, from the cache; none if neither the cache nor the database can be read."""
    try:
        with counters.site_reads():
            return fetch(CALENDAR, {}, load_rows).value
    except DatabaseError as error:
        logger.warning("broker: the shipped calendar alone is used, because the table cannot be read: %s", error)
        return []


def load_rows() -> list[CalendarRow]:
    """Return the table's rows, from the database."""
    return [CalendarRow(**values) for values in TradingDay.objects.values(*CalendarRow.__struct_fields__)]


def add(new: Iterable[CalendarRow]) -> Imported:
    """Add rows, or change those of the same exchange and day: all or none."""
    added = changed = unchanged = 0
    with transaction.atomic():
        for row in new:
            values = msgspec.structs.asdict(row)
            place = {name: values.pop(name) for name in KEY}
            known = TradingDay.objects.filter(**place).first()
            if known is None:
                TradingDay.objects.create(**place, **values)
                added += 1
            elif any(getattr(known, name) != value for name, value in values.items()):
                for name, value in values.items():
                    setattr(known, name, value)
                known.save()
                changed += 1
            else:
                unchanged += 1
    return Imported(added, changed, unchanged)
