"""Request serializers for orders and margins."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from broker.api.serializers import ExchangeField, SymbolField
from broker.orders import rules
from broker.orders.rules import SHARE_EXCHANGES
from broker.values import Exchange, OrderChange, OrderParams
from systemcache.per_view.validation import KnownChoiceField, PlainDigitsMixin, StrictSerializer, WholeNumberField

SIDES = ("BUY", "SELL")
PRODUCTS = ("DELIVERY", "INTRADAY", "NORMAL", "BNPL")
ORDER_TYPES = ("LIMIT", "MARKET", "SL")
COMPLEXITIES = ("REGULAR", "AMO", "BO", "CO")
VALIDITIES = ("DAY", "IOC")
MAX_QUANTITY = 50_000_000  # EC948
_EXAMPLE = {"symbol": "INFY", "side": "BUY", "quantity": 5, "product": "INTRADAY"}
MARGIN_EXAMPLE = _EXAMPLE | {"order_type": "LIMIT", "price": "1480.00"}
# Without a price: one that is written down leaves the price band some day.
ORDER_EXAMPLE = _EXAMPLE | {"order_type": "MARKET", "market_protection_percent": "0.50"}


class PriceField(PlainDigitsMixin, serializers.DecimalField):
    """Rupees, above zero."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=4, min_value=Decimal("0.0001"), required=False, **kwargs)

    def quantize(self, value: Decimal) -> Decimal:
        """Keep two decimals as the broker expects, and more only if the value has more."""
        paise = value.quantize(Decimal("0.01"))
        return paise if paise == value else value.normalize()


class ProtectionField(PlainDigitsMixin, serializers.DecimalField):
    """Percent, above zero."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "For MARKET: how far from the market price the order may be filled, in percent")
        super().__init__(
            max_digits=5, decimal_places=2, min_value=Decimal("0.01"), max_value=Decimal(100), required=False, **kwargs
        )


class QuantityField(WholeNumberField):
    """Units; lots on the commodity segments."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_QUANTITY, **kwargs)


class OrderSerializer(StrictSerializer):
    """The parameters of an order, for placing it or for computing its margin."""

    symbol = SymbolField()
    exchange = ExchangeField()
    side = KnownChoiceField(SIDES)
    quantity = QuantityField(help_text="Units; lots on the commodity segments")
    product = KnownChoiceField(PRODUCTS)
    order_type = KnownChoiceField(ORDER_TYPES)
    complexity = KnownChoiceField(COMPLEXITIES, default="REGULAR")
    validity = KnownChoiceField(VALIDITIES, default="DAY")
    price = PriceField(help_text="For LIMIT and SL")
    trigger_price = PriceField(help_text="For SL")
    stop_loss_leg_price = PriceField(help_text="For BO and CO")
    target_leg_price = PriceField(help_text="For BO")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Collect everything but the symbol and the exchange into `params`."""
        symbol, exchange = attrs.pop("symbol"), attrs.pop("exchange")
        params = OrderParams(**attrs)
        if errors := self.errors_of(params, exchange):
            raise serializers.ValidationError(errors)
        return {"symbol": symbol, "exchange": exchange, "params": params}

    def errors_of(self, params: OrderParams, exchange: str) -> rules.Errors:
        return rules.form_errors(params, exchange)


class OrderMarginSerializer(OrderSerializer):
    """An order whose margin is to be computed."""


class PlaceOrderSerializer(OrderSerializer):
    """An order to be placed."""

    disclosed_quantity = QuantityField(required=False)
    market_protection_percent = ProtectionField()
    tag = serializers.RegexField(
        r"^[A-Za-z0-9]{1,30}\Z",
        required=False,
        help_text="Letters and digits; the broker's order book shows it after a prefix of this site's",
    )

    def errors_of(self, params: OrderParams, exchange: str) -> rules.Errors:
        return super().errors_of(params, exchange) | rules.market_errors(params)


class ChangeOrderSerializer(StrictSerializer):
    """Changes to an open order."""

    quantity = QuantityField(required=False)
    order_type = KnownChoiceField(ORDER_TYPES, required=False)
    price = PriceField()
    trigger_price = PriceField()
    validity = KnownChoiceField(VALIDITIES, required=False)
    disclosed_quantity = QuantityField(required=False)
    market_protection_percent = ProtectionField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(f"Give at least one of {', '.join(self.fields)}.")
        return {"changes": OrderChange(**attrs)}


class IdempotencyKeyField(serializers.RegexField):
    """The header Idempotency-Key: repeating a request with the same key does not carry it out again."""

    def __init__(self, **kwargs: Any) -> None:
        rule = "Use at most 64 printable characters, without spaces."
        missing = f"This header is required: a key that is unique to this request, so that repeating it is safe. {rule}"
        messages: dict[str, Any] = {"required": missing, "invalid": rule, "blank": missing}
        super().__init__(r"^[!-~]{1,64}\Z", error_messages=messages, **kwargs)


class LegSerializer(StrictSerializer):
    symbol = SymbolField()
    exchange = ExchangeField(default=str(Exchange.NSEFO))
    side = KnownChoiceField(SIDES)
    quantity = QuantityField()

    def validate_exchange(self, exchange: str) -> str:
        if exchange in (*SHARE_EXCHANGES, Exchange.INDICES):
            raise serializers.ValidationError("SPAN margin is for derivatives, currencies and commodities.")
        return exchange


class SpanMarginSerializer(StrictSerializer):
    legs = serializers.ListField(child=LegSerializer(), allow_empty=False, max_length=50)
