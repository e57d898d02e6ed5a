"""API fields that reject what a database or JSON encoder cannot hold."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from systemcache.per_view.validation import KnownChoiceField
from watchlist.models.columns import EXCHANGES
from watchlist.models.extras import storable_object


class ExchangeField(KnownChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__([value for value, _ in EXCHANGES], **kwargs)


class SymbolField(serializers.CharField):
    """Converts symbols to upper case, as in contract files."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=50, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data)).upper()


@extend_schema_field({"type": "object", "additionalProperties": True})
class ExtrasField(serializers.JSONField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[storable_object], **kwargs)
