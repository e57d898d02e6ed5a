"""API fields that say what they would have taken, and take nothing that a database or a JSON encoder refuses."""

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from watchlist.models.columns import EXCHANGES

MOST_EXTRAS = 8_000  # bytes of JSON
DEEPEST_EXTRAS = 20


class KnownChoiceField(serializers.ChoiceField):
    """Names the choices in its error instead of quoting the input, which may hold what no answer can carry."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError:
            known = ", ".join(str(choice) for choice in self.choices)
            raise serializers.ValidationError(f"Choose one of {known}.", code="invalid_choice") from None


class ExchangeField(KnownChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__([value for value, _ in EXCHANGES], **kwargs)


class SymbolField(serializers.CharField):
    """In upper case, as contract files write symbols."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=50, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data)).upper()


@extend_schema_field({"type": "object", "additionalProperties": True})
class ExtrasField(serializers.Field[Any, Any, Any, Any]):
    """A JSON object that every database and the cache's encoder take."""

    default_error_messages = {
        "object": "Give a JSON object.",
        "large": f"May hold {MOST_EXTRAS} bytes of JSON, {DEEPEST_EXTRAS} levels deep, at the most.",
        "text": "May not hold null characters or halves of characters.",
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            self.fail("object")
        try:
            encoded = msgspec.json.encode(data)
        except (ValueError, RecursionError):  # a surrogate is a ValueError
            self.fail("text")
        if b"\\u0000" in encoded:  # PostgreSQL's jsonb refuses it
            self.fail("text")
        if len(encoded) > MOST_EXTRAS or _depth(data) > DEEPEST_EXTRAS:
            self.fail("large")
        return msgspec.json.decode(encoded)  # Infinity (1e999) has become null, which every reader understands

    def to_representation(self, value: Any) -> Any:
        return value


def _depth(value: object, level: int = 1) -> int:
    """How deep the nesting goes; it is not followed further than what is refused anyway."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if level > DEEPEST_EXTRAS:
        return level
    return max((_depth(item, level + 1) for item in inner), default=level)
