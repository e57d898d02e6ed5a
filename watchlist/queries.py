"""What callers may say besides rows: query strings and the bodies of commands."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from broker.values import Exchange, Interval
from watchlist.cache_families import MOST_SIGNALS, WATCHLIST
from watchlist.fields import ExchangeField, KnownChoiceField, SymbolField
from watchlist.models import Status
from watchlist.models.items import ALL
from watchlist.strategies import Strategy


class WatchlistQuery(serializers.Serializer[Any]):
    active = KnownChoiceField(
        WATCHLIST.choices["active"], default="true", help_text="Items that are switched on, off, or all"
    )
    category = KnownChoiceField(WATCHLIST.choices["category"], default=ALL)


class SignalsQuery(serializers.Serializer[Any]):
    limit = serializers.IntegerField(
        default=50, min_value=1, max_value=MOST_SIGNALS, help_text="How many, newest first"
    )
    status = KnownChoiceField(Status.values, required=False)


class GenerateCommand(serializers.Serializer[Any]):
    symbol = SymbolField()
    strategy = KnownChoiceField([strategy.value for strategy in Strategy])
    interval = KnownChoiceField([interval.value for interval in Interval], help_text="The length of the candles")
    exchange = ExchangeField(default=Exchange.NSEEQ.value)


@extend_schema_field({"oneOf": [{"type": "boolean"}, {"type": "integer"}, {"type": "number"}, {"type": "string"}]})
class SettingValueField(serializers.JSONField):
    """A setting's value; only the setting itself knows which kind fits."""


class SettingCommand(serializers.Serializer[Any]):
    value = SettingValueField()
