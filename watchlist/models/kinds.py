"""What a trading setting can hold: from what a person or program gives to one spelling, and back to a typed value."""

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


LONGEST_TEXT = 500

# Settings are limits and switches: none is below 0.
_FIELDS: Mapping[str, forms.Field] = {
    Kind.INTEGER: forms.IntegerField(min_value=0, max_value=2**31 - 1),
    Kind.DECIMAL: forms.DecimalField(min_value=0, max_digits=18, decimal_places=6),
    Kind.FRACTION: forms.DecimalField(min_value=0, max_value=1, max_digits=18, decimal_places=6),
    Kind.TEXT: forms.CharField(max_length=LONGEST_TEXT, required=False),
}
_READ: Mapping[str, Callable[[str], Typed]] = {
    Kind.BOOLEAN: lambda text: text == "true",
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.FRACTION: Decimal,
    Kind.TEXT: str,
}


def canonical(kind: str, given: object) -> str:
    """The text that is kept for a value from JSON or a form. Raises ValidationError for one of another kind."""
    if kind == Kind.BOOLEAN:
        return _boolean(given)
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        raise ValidationError(f"Give a value of this kind: {Kind(kind).label.lower()}.")
    _refuse_surrogates(str(given))
    value = _FIELDS[kind].clean(given)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def typed(kind: str, text: str) -> Typed:
    """The value of a text that `canonical` wrote."""
    return _READ[kind](text)


def _boolean(given: object) -> str:
    text = str(given).strip().lower()
    if text not in ("true", "false"):
        raise ValidationError("Give true or false.")
    return text


def _refuse_surrogates(text: str) -> None:
    # JSON can spell half a character; no database can keep it.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError("This holds half a character.")
