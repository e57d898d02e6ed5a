"""What callers may say of an order that they want."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from broker.serializers import ExchangeField, SymbolField
from broker.values import Exchange

SIDES = ("BUY", "SELL")
PRODUCTS = ("DELIVERY", "INTRADAY", "NORMAL", "BNPL")
ORDER_TYPES = ("LIMIT", "MARKET", "SL")
COMPLEXITIES = ("REGULAR", "AMO", "BO", "CO")
VALIDITIES = ("DAY", "IOC")
LARGEST_QUANTITY = 50_000_000  # EC948
SHARES = (Exchange.NSEEQ, Exchange.BSEEQ)


class PriceField(serializers.DecimalField):
    """Rupees, above zero."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=4, min_value=Decimal("0.0001"), required=False, **kwargs)


class QuantityField(serializers.IntegerField):
    """Units; lots on the commodity segments."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_QUANTITY, **kwargs)


class MarginQuery(serializers.Serializer[Any]):
    symbol = SymbolField()
    exchange = ExchangeField()
    side = serializers.ChoiceField(SIDES)
    quantity = QuantityField()
    product = serializers.ChoiceField(PRODUCTS)
    order_type = serializers.ChoiceField(ORDER_TYPES)
    complexity = serializers.ChoiceField(COMPLEXITIES, default="REGULAR")
    validity = serializers.ChoiceField(VALIDITIES, default="DAY")
    price = PriceField(help_text="For LIMIT and SL")
    trigger_price = PriceField(help_text="For SL")
    stop_loss_leg_price = PriceField(help_text="For BO and CO")
    target_leg_price = PriceField(help_text="For BO")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = {
            "price": attrs["order_type"] in ("LIMIT", "SL"),
            "trigger_price": attrs["order_type"] == "SL",
            "stop_loss_leg_price": attrs["complexity"] in ("BO", "CO"),
            "target_leg_price": attrs["complexity"] == "BO",
        }
        errors = {
            name: [f"{attrs['complexity']} {attrs['order_type']} orders need it."]
            for name, is_needed in needed.items()
            if is_needed and name not in attrs
        }
        errors |= {
            name: [f"{attrs['complexity']} {attrs['order_type']} orders do not take it."]
            for name, is_needed in needed.items()
            if not is_needed and name in attrs
        }
        if attrs["product"] in ("DELIVERY", "BNPL") and attrs["exchange"] not in SHARES:
            errors["product"] = ["DELIVERY and BNPL are for NSEEQ and BSEEQ."]
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class LegField(serializers.Serializer[Any]):
    symbol = SymbolField()
    exchange = ExchangeField(default=str(Exchange.NSEFO))
    side = serializers.ChoiceField(SIDES)
    quantity = QuantityField()

    def validate_exchange(self, exchange: str) -> str:
        if exchange in (*SHARES, Exchange.INDICES):
            raise serializers.ValidationError("SPAN margin is for derivatives, currencies and commodities.")
        return exchange


class LegsQuery(serializers.Serializer[Any]):
    legs = serializers.ListField(child=LegField(), allow_empty=False, max_length=50)
