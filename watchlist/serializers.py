"""What callers may say about rows, and how rows are answered."""

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
from watchlist import market, services
from watchlist.fields import ExtrasField, KnownChoiceField, SymbolField
from watchlist.models import Signal, Status, WatchlistItem, items, signals
from watchlist.rows import SignalRow, WatchlistRow

M = TypeVar("M", bound=WatchlistItem | Signal)


def known_symbol(symbol: str, exchange: str) -> str:
    """The symbol as it is kept. An unknown one is the caller's mistake; a broker that fails is not."""
    try:
        return market.canonical_symbol(symbol, exchange)
    except UnknownSymbol as error:
        raise ValidationError({"symbol": [f"No contract file of {exchange} knows this symbol."]}) from error


class ContractRowSerializer(serializers.ModelSerializer[M]):
    """A row about a symbol that the broker's contract file must know; answered as its row."""

    symbol = SymbolField()
    serializer_choice_field = KnownChoiceField
    taken: ClassVar[str]  # what is said when the row would be the second of its kind

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        before = (self.instance.symbol, self.instance.exchange) if self.instance else ("", Exchange.NSEEQ.value)
        symbol, exchange = attrs.get("symbol", before[0]), attrs.get("exchange", before[1])
        if (symbol, exchange) != before:
            attrs["symbol"] = known_symbol(symbol, exchange)
        return attrs

    def save(self, **kwargs: Any) -> M:
        try:
            with transaction.atomic():
                return super().save(**kwargs)
        except ModelValidationError as error:
            raise ValidationError(serializers.as_serializer_error(error)) from error
        except IntegrityError as error:
            # The fields have checked everything else that the database checks; only this another request can change.
            raise ValidationError({"symbol": [self.taken]}, code="unique") from error


class WatchlistItemSerializer(ContractRowSerializer[WatchlistItem]):
    """A symbol on the watchlist."""

    taken = items.TAKEN

    class Meta:
        model = WatchlistItem
        fields = WatchlistRow.__struct_fields__
        read_only_fields = ("id", "created_at", "updated_at")
        validators = ()  # the database decides, in save()

    def to_representation(self, instance: WatchlistItem) -> Any:
        return msgspec.to_builtins(WatchlistRow.of(instance))

    def update(self, instance: WatchlistItem, validated_data: dict[str, Any]) -> WatchlistItem:
        return services.change_item(item=instance, changes=validated_data)


class SignalSerializer(ContractRowSerializer[Signal]):
    """A proposal to trade; prices are in rupees."""

    taken = signals.TAKEN
    extras = ExtrasField(required=False)

    class Meta:
        model = Signal
        fields = SignalRow.__struct_fields__
        read_only_fields = ("id", "created_at", "approved_at", "executed_at")
        validators = ()

    def validate_status(self, status: str) -> str:
        if self.instance is None and status != Status.PENDING:
            raise ValidationError("A new signal is pending.")
        return status

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        unchanged = self.instance is not None and moment == self.instance.expires_at
        if moment and moment <= timezone.now() and not unchanged:
            raise ValidationError("This lies in the past.")
        return moment

    def to_representation(self, instance: Signal) -> Any:
        return msgspec.to_builtins(SignalRow.of(instance))

    def update(self, instance: Signal, validated_data: dict[str, Any]) -> Signal:
        return services.change_signal(signal=instance, changes=validated_data)
