"""Serializers of query strings and of request bodies that are not rows."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from broker.values import Exchange, Interval
from systemcache.per_view.validation import KnownChoiceField, StrictSerializer, WholeNumberField
from watchlist.cache_families import MAX_SIGNALS, WATCHLIST
from watchlist.fields import ExchangeField, SymbolField
from watchlist.models import Status
from watchlist.models.items import ALL
from watchlist.strategies import Strategy


class WatchlistQuerySerializer(serializers.Serializer[Any]):
    active = KnownChoiceField(
        WATCHLIST.choices["active"], default="true", help_text="Active items, inactive items, or all"
    )
    category = KnownChoiceField(WATCHLIST.choices["category"], default=ALL)


class SignalsQuerySerializer(serializers.Serializer[Any]):
    limit = WholeNumberField(default=50, min_value=1, max_value=MAX_SIGNALS, help_text="How many, newest first")
    status = KnownChoiceField(Status.values, required=False)


class GenerateSignalSerializer(StrictSerializer):
    symbol = SymbolField()
    strategy = KnownChoiceField([strategy.value for strategy in Strategy])
    interval = KnownChoiceField([interval.value for interval in Interval], help_text="The length of the candles")
    exchange = ExchangeField(default=Exchange.NSEEQ.value)


@extend_schema_field({"oneOf": [{"type": "boolean"}, {"type": "integer"}, {"type": "number"}, {"type": "string"}]})
class SettingValueField(serializers.JSONField):
    """A setting's value; the setting checks whether it is of the right kind."""


class SettingValueSerializer(StrictSerializer):
    value = SettingValueField()
