"""API fields that say what they would have taken, and take nothing that a database or a JSON encoder refuses."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from watchlist.models.columns import EXCHANGES
from watchlist.models.extras import storable_object


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
class ExtrasField(serializers.JSONField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[storable_object], **kwargs)
