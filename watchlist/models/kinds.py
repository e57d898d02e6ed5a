"""The kinds of trading settings: converts input to one canonical text, and that back to a typed value."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

Typed = bool | int | Decimal | str


class Kind(models.TextChoices):
    BOOLEAN = "boolean", "Yes or no"
    INTEGER = "integer", "Whole number"
    DECIMAL = "decimal", "Number"
    FRACTION = "fraction", "Fraction (0 to 1)"
    TEXT = "text", "Text"


MAX_TEXT_LENGTH = 500
PLAIN = re.compile(r"[0-9eE.+-]*")  # Python, and so Django, also reads 1_0 and १० as numbers

# Settings are limits and switches, so none is below 0.
_FIELDS: Mapping[str, forms.Field] = {
    Kind.INTEGER: forms.IntegerField(min_value=0, max_value=2**31 - 1),
    Kind.DECIMAL: forms.DecimalField(min_value=0, max_digits=18, decimal_places=6),
    Kind.FRACTION: forms.DecimalField(min_value=0, max_value=1, max_digits=18, decimal_places=6),
    Kind.TEXT: forms.CharField(max_length=MAX_TEXT_LENGTH, required=False),
}
_PARSERS: Mapping[str, Callable[[str], Typed]] = {
    Kind.BOOLEAN: lambda text: text == "true",
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.FRACTION: Decimal,
    Kind.TEXT: str,
}


def canonical(kind: str, given: object) -> str:
    """Convert a value from JSON or a form to the text that is stored. Raises ValidationError for the wrong kind."""
    if kind == Kind.BOOLEAN:
        text = str(given).strip().lower()
        if text not in ("true", "false"):
            raise ValidationError("Give true or false.")
        return text
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        raise ValidationError(f"Give a value of this kind: {Kind(kind).label.lower()}.")
    # JSON can spell a lone surrogate, which no database can store.
    if any("\ud800" <= character <= "\udfff" for character in str(given)):
        raise ValidationError("Use valid Unicode text only.")
    if kind != Kind.TEXT and not PLAIN.fullmatch(str(given).strip()):
        raise ValidationError("Give a number in the digits 0 to 9.")
    value = _FIELDS[kind].clean(given)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def typed(kind: str, text: str) -> Typed | None:
    """Convert a text from `canonical` back to its value; None for another text, which only SQL can have stored."""
    try:
        return _PARSERS[kind](canonical(kind, text))
    except ValidationError:
        return None
