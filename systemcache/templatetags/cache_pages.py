"""Formats numbers, sizes and durations on the cache's pages."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.template.defaultfilters import filesizeformat

register = template.Library()
UNKNOWN = "-"
UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@register.filter
def number(value: float | None) -> str:
    """Format a number: `1,234`."""
    return UNKNOWN if value is None else f"{value:,.0f}"


@register.filter
def percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:g} %"


@register.filter
def size(value: int | None) -> str:
    """Format bytes: `1.4 MB`."""
    return UNKNOWN if value is None else filesizeformat(value)


@register.filter
def duration(seconds: float | None) -> str:
    """Format seconds in at most two units: `45 ms`, `2.5 s`, `5 min`, `1 h 30 min`, `7 days`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms" if seconds else "0 s"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    rest, parts = round(seconds), []
    for unit, length in UNITS:
        amount, rest = divmod(rest, length)
        if amount:
            parts.append(f"{amount} {unit}{'s' if unit == 'day' and amount > 1 else ''}")
    return " ".join(parts[:2])


@register.simple_tag
def query(**parameters: Any) -> str:
    """Build a query string such as `?pattern=api%3A%2A&cursor=7`, without empty parameters."""
    return "?" + urlencode({name: value for name, value in parameters.items() if value})
