"""Filters that write numbers and times as formatting.py says."""

from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broker import money
from broker.values import Exchange, Position
from dashboard import formatting
from dashboard.exits import Exit

register = template.Library()


# Templates pass "" for a field of a row that is not there: it is as unknown as None.
Number = Decimal | int


@register.filter
def grouped(number: object) -> str:
    return money.grouped(number) if isinstance(number, Number) else formatting.UNKNOWN


@register.filter
def signed(number: object) -> str:
    return money.grouped(number, signed=True) if isinstance(number, Number) else formatting.UNKNOWN


@register.filter
def tone(number: object) -> str:
    return formatting.tone(number) if isinstance(number, Number) else ""


@register.simple_tag
def moment(value: datetime | None, kind: str = "time") -> SafeString | str:
    """A time that the pages' script turns into an age if `kind` is `age`."""
    if value is None:
        return formatting.UNKNOWN
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" data-shown-as="{}" title="{}">{}</time>',
        local.isoformat(),
        kind,
        f"{local:%d %b %Y %H:%M:%S} IST",
        formatting.clock_time(local),
    )


@register.filter
def exit_of(position: Position) -> str:
    """The order that closes the position, as a form carries it."""
    return str(Exit.of(position))


@register.simple_tag
def chart_link(name: str, exchange: str, text: str) -> SafeString | str:
    """A symbol that leads to its chart; plain text where the name makes no address."""
    try:
        address = reverse("dashboard:chart", args=[name])
    except NoReverseMatch:
        return text
    if exchange != Exchange.NSEEQ:
        address += f"?{urlencode({'exchange': exchange})}"
    return format_html('<a class="symbol" href="{}" title="Chart of {}">{}</a>', address, text, text)
