"""Serializers of alerts."""

from typing import Any

import msgspec
from django.core.exceptions import ValidationError as ModelValidationError
from rest_framework import serializers
from rest_framework.serializers import ValidationError

from alerts import services
from alerts.cache_families import ALERTS, ALL
from alerts.models import AlertDelivery, PriceAlert
from alerts.schemas import AlertSchema, DeliverySchema
from broker.errors import UnknownSymbol
from broker.values import Exchange
from systemcache.per_view.validation import KnownChoiceField, PlainDigitsMixin, StrictSerializer
from watchlist.fields import ExchangeField, SymbolField

GIVEN = ("symbol", "exchange", "kind", "value", "note", "email", "webhook_url")


class ValueField(PlainDigitsMixin, serializers.DecimalField):
    """Rupees, or per cent of a day's change."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=4, **kwargs)


class AlertsQuerySerializer(serializers.Serializer[Any]):
    state = KnownChoiceField(ALERTS.choices["state"], default=ALL, help_text="Active alerts, fired ones, or all")


class DeliverySerializer(serializers.ModelSerializer[AlertDelivery]):
    """A message that says that an alert has fired."""

    class Meta:
        model = AlertDelivery
        fields = read_only_fields = DeliverySchema.__struct_fields__


class AlertSerializer(StrictSerializer, serializers.ModelSerializer[PriceAlert]):
    """An alert on a price, or on a day's change."""

    user = serializers.CharField(read_only=True, help_text="The owner's username")
    symbol = SymbolField()
    exchange = ExchangeField(default=Exchange.NSEEQ.value)
    value = ValueField(help_text="Rupees; of a day's change, per cent: -2.5 is a fall by 2.5 %")
    deliveries = DeliverySerializer(many=True, read_only=True)
    serializer_choice_field = KnownChoiceField

    class Meta:
        model = PriceAlert
        fields = AlertSchema.__struct_fields__
        read_only_fields = tuple(name for name in AlertSchema.__struct_fields__ if name not in GIVEN)

    def to_representation(self, instance: PriceAlert) -> Any:
        return msgspec.to_builtins(AlertSchema.of(instance))

    def create(self, validated_data: dict[str, Any]) -> PriceAlert:
        symbol, exchange = validated_data.pop("symbol"), validated_data.pop("exchange")
        try:
            return services.create(
                user=self.context["request"].user, symbol=symbol, exchange=exchange, values=validated_data
            )
        except UnknownSymbol as error:
            raise ValidationError({"symbol": [f"{exchange} has no such symbol."]}) from error
        except ModelValidationError as error:
            raise ValidationError(serializers.as_serializer_error(error)) from error
