"""Serializers of watchlist items and signals."""

from datetime import datetime
from typing import Any, ClassVar, TypeVar

import msgspec
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework import serializers
from rest_framework.serializers import ValidationError

from broker.errors import UnknownSymbol
from broker.values import Exchange
from systemcache.per_view.validation import KnownChoiceField, StrictSerializer
from watchlist import quotes, services
from watchlist.fields import ExtrasField, SymbolField
from watchlist.models import Signal, Status, WatchlistItem, items, signals
from watchlist.schemas import SignalSchema, WatchlistItemSchema

M = TypeVar("M", bound=WatchlistItem | Signal)


def known_symbol(symbol: str, exchange: str) -> str:
    """Return the symbol as it is stored. An unknown symbol is a ValidationError; a failing broker is not."""
    try:
        return quotes.canonical_symbol(symbol, exchange)
    except UnknownSymbol as error:
        raise ValidationError({"symbol": [f"{exchange} has no such symbol."]}) from error


class ContractRowSerializer(StrictSerializer, serializers.ModelSerializer[M]):
    """A row with a symbol that the broker's contract file must have."""

    symbol = SymbolField()
    serializer_choice_field = KnownChoiceField
    duplicate_message: ClassVar[str]  # for a row that violates the unique constraint

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        current = (self.instance.symbol, self.instance.exchange) if self.instance else ("", Exchange.NSEEQ.value)
        symbol, exchange = attrs.get("symbol", current[0]), attrs.get("exchange", current[1])
        if (symbol, exchange) != current:
            attrs["symbol"] = known_symbol(symbol, exchange)
        return attrs

    def save(self, **kwargs: Any) -> M:
        try:
            with transaction.atomic():
                return super().save(**kwargs)
        except ModelValidationError as error:
            raise ValidationError(serializers.as_serializer_error(error)) from error
        except IntegrityError as error:
            # The fields have already checked every other constraint; only this one depends on concurrent requests.
            raise ValidationError({"symbol": [self.duplicate_message]}, code="unique") from error


class WatchlistItemSerializer(ContractRowSerializer[WatchlistItem]):
    """A symbol on the watchlist."""

    duplicate_message = items.DUPLICATE_MESSAGE

    class Meta:
        model = WatchlistItem
        fields = WatchlistItemSchema.__struct_fields__
        read_only_fields = ("id", "created_at", "updated_at")
        validators = ()  # the database checks uniqueness, in save()

    def to_representation(self, instance: WatchlistItem) -> Any:
        return msgspec.to_builtins(WatchlistItemSchema.of(instance))

    def update(self, instance: WatchlistItem, validated_data: dict[str, Any]) -> WatchlistItem:
        return services.change_item(item=instance, changes=validated_data)


class SignalSerializer(ContractRowSerializer[Signal]):
    """A proposal to trade; prices are in rupees."""

    duplicate_message = signals.DUPLICATE_MESSAGE
    extras = ExtrasField(required=False)

    class Meta:
        model = Signal
        fields = SignalSchema.__struct_fields__
        read_only_fields = ("id", "created_at", "approved_at", "executed_at")
        validators = ()

    def validate_status(self, status: str) -> str:
        if self.instance is None and status != Status.PENDING:
            raise ValidationError("A new signal must be pending.")
        return status

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        unchanged = self.instance is not None and moment == self.instance.expires_at
        if moment and moment <= timezone.now() and not unchanged:
            raise ValidationError("This is in the past.")
        return moment

    def to_representation(self, instance: Signal) -> Any:
        return msgspec.to_builtins(SignalSchema.of(instance))

    def update(self, instance: Signal, validated_data: dict[str, Any]) -> Signal:
        return services.change_signal(signal=instance, changes=validated_data)
