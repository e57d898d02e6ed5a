"""What callers may say of an order that they want."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from broker import order_rules
from broker.order_rules import SHARES
from broker.serializers import ExchangeField, SymbolField
from broker.values import Exchange, OrderChange, WantedOrder

SIDES = ("BUY", "SELL")
PRODUCTS = ("DELIVERY", "INTRADAY", "NORMAL", "BNPL")
ORDER_TYPES = ("LIMIT", "MARKET", "SL")
COMPLEXITIES = ("REGULAR", "AMO", "BO", "CO")
VALIDITIES = ("DAY", "IOC")
LARGEST_QUANTITY = 50_000_000  # EC948


class PriceField(serializers.DecimalField):
    """Rupees, above zero."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=4, min_value=Decimal("0.0001"), required=False, **kwargs)

    def quantize(self, value: Decimal) -> Decimal:
        """As the broker is told: with the paise, more digits only where there are more."""
        paise = value.quantize(Decimal("0.01"))
        return paise if paise == value else value.normalize()


class ProtectionField(serializers.DecimalField):
    """Percent, above zero."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "For MARKET: how far from the market it may be filled, in percent")
        super().__init__(
            max_digits=5, decimal_places=2, min_value=Decimal("0.01"), max_value=Decimal(100), required=False, **kwargs
        )


class QuantityField(serializers.IntegerField):
    """Units; lots on the commodity segments."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_QUANTITY, **kwargs)


class WantedField(serializers.Serializer[Any]):
    """What each order says, whether it is to be placed or only reckoned."""

    symbol = SymbolField()
    exchange = ExchangeField()
    side = serializers.ChoiceField(SIDES)
    quantity = QuantityField(help_text="Units; lots on the commodity segments")
    product = serializers.ChoiceField(PRODUCTS)
    order_type = serializers.ChoiceField(ORDER_TYPES)
    complexity = serializers.ChoiceField(COMPLEXITIES, default="REGULAR")
    validity = serializers.ChoiceField(VALIDITIES, default="DAY")
    price = PriceField(help_text="For LIMIT and SL")
    trigger_price = PriceField(help_text="For SL")
    stop_loss_leg_price = PriceField(help_text="For BO and CO")
    target_leg_price = PriceField(help_text="For BO")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The symbol, the exchange, and the order that they are for as `wanted`."""
        symbol, exchange = attrs.pop("symbol"), attrs.pop("exchange")
        wanted = WantedOrder(**attrs)
        if errors := self.errors_of(wanted, exchange):
            raise serializers.ValidationError(errors)
        return {"symbol": symbol, "exchange": exchange, "wanted": wanted}

    def errors_of(self, wanted: WantedOrder, exchange: str) -> order_rules.Errors:
        return order_rules.form_errors(wanted, exchange)


class MarginQuery(WantedField):
    """An order whose margin is asked for."""


class PlaceCommand(WantedField):
    """An order to be placed."""

    disclosed_quantity = QuantityField(required=False)
    market_protection_percent = ProtectionField()
    tag = serializers.RegexField(
        r"^[A-Za-z0-9]{1,30}\Z",
        required=False,
        help_text="Letters and digits; the broker's book shows it behind a mark of this site's",
    )

    def errors_of(self, wanted: WantedOrder, exchange: str) -> order_rules.Errors:
        return super().errors_of(wanted, exchange) | order_rules.market_errors(wanted)


class ChangeCommand(serializers.Serializer[Any]):
    """What is to be different about an order that waits."""

    quantity = QuantityField(required=False)
    order_type = serializers.ChoiceField(ORDER_TYPES, required=False)
    price = PriceField()
    trigger_price = PriceField()
    validity = serializers.ChoiceField(VALIDITIES, required=False)
    disclosed_quantity = QuantityField(required=False)
    market_protection_percent = ProtectionField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(f"Say what is to change: one of {', '.join(self.fields)}.")
        return {"wanted": OrderChange(**attrs)}


class KeyField(serializers.RegexField):
    """The header Idempotency-Key: whoever repeats a request with the same key asks for the same thing once."""

    def __init__(self, **kwargs: Any) -> None:
        rule = "64 printable characters at the most, without blanks."
        missing = (
            f"This header is needed: a name of your own for this one request, {rule} Repeating it orders nothing twice."
        )
        messages: dict[str, Any] = {"required": missing, "invalid": rule, "blank": missing}
        super().__init__(r"^[!-~]{1,64}\Z", error_messages=messages, **kwargs)


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
