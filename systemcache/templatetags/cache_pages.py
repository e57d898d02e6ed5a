"""How the cache's pages write numbers, sizes and times."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.template.defaultfilters import filesizeformat

register = template.Library()
NOTHING = "-"
UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@register.filter
def number(value: float | None) -> str:
    """`1,234`."""
    return NOTHING if value is None else f"{value:,.0f}"


@register.filter
def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:g} %"


@register.filter
def size(value: int | None) -> str:
    """Bytes as people read them."""
    return NOTHING if value is None else filesizeformat(value)


@register.filter
def duration(seconds: float | None) -> str:
    """`45 ms`, `2.5 s`, `5 min`, `1 h 30 min`, `7 days`: two units at the most."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms" if seconds else "0 s"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    rest, said = round(seconds), []
    for unit, length in UNITS:
        amount, rest = divmod(rest, length)
        if amount:
            said.append(f"{amount} {unit}{'s' if unit == 'day' and amount > 1 else ''}")
    return " ".join(said[:2])


@register.simple_tag
def query(**parameters: Any) -> str:
    """`?pattern=api%3A%2A&cursor=7`: parameters of an address, those that are empty left out."""
    return "?" + urlencode({name: value for name, value in parameters.items() if value})
