"""Query serializers of the broker API."""

from datetime import date
from typing import Any

from rest_framework import serializers

from broker import clock
from broker.values import CONTRACT_FILES, Exchange, Interval
from systemcache.per_view.validation import DayField, KnownChoiceField, WholeNumberField

SYMBOL_PATTERN = r"^[A-Za-z0-9&_.-](?:[A-Za-z0-9&_. -]{0,48}[A-Za-z0-9&_.-])?\Z"
SYMBOL_MESSAGE = "A symbol may hold letters, digits and & - _ . only, at most 50 characters."
MAX_RANGE_DAYS = 20 * 366  # days
MAX_INTRADAY_RANGE_DAYS = 366
MAX_SYMBOLS = 100


class SymbolField(serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(SYMBOL_PATTERN, error_messages={"invalid": SYMBOL_MESSAGE}, **kwargs)


class SymbolsField(serializers.CharField):
    """A comma-separated list of symbols such as `RELIANCE,INFY`; duplicates count once."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        symbols = list(dict.fromkeys(part.strip().upper() for part in text.split(",")))
        if len(symbols) > MAX_SYMBOLS:
            raise serializers.ValidationError(f"At most {MAX_SYMBOLS} symbols are allowed.")
        field = SymbolField()
        return [field.run_validation(symbol) for symbol in symbols]


class ExchangeField(KnownChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default", str(Exchange.NSEEQ))
        super().__init__([str(exchange) for exchange in CONTRACT_FILES], **kwargs)


class CandlesQuerySerializer(serializers.Serializer[Any]):
    """The range includes both `from` and `to`."""

    symbol = SymbolField()
    interval = KnownChoiceField([str(interval) for interval in Interval])
    to = DayField()
    exchange = ExchangeField()
    page = WholeNumberField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="For long ranges; without it the response holds all candles",
    )
    page_size = WholeNumberField(required=False, default=1_000, min_value=1, max_value=10_000)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": DayField()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        first: date = attrs["from"]
        last: date = attrs["to"]
        if first > last:
            raise serializers.ValidationError({"from": ["The first day is after the last."]})
        if first > clock.now().date():
            raise serializers.ValidationError({"from": ["The first day is in the future."]})
        days = (last - first).days + 1
        if days > MAX_RANGE_DAYS:
            raise serializers.ValidationError({"from": ["The range is longer than 20 years."]})
        if days > MAX_INTRADAY_RANGE_DAYS and Interval(attrs["interval"]).is_intraday:
            message = f"Candles shorter than a day are limited to {MAX_INTRADAY_RANGE_DAYS} days."
            raise serializers.ValidationError({"from": [message]})
        return attrs


class QuotesQuerySerializer(serializers.Serializer[Any]):
    symbols = SymbolsField(help_text="Symbols separated by commas")
    exchange = ExchangeField()


class ContractsQuerySerializer(serializers.Serializer[Any]):
    search = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=60, help_text="Part of a symbol or a name"
    )
    page = WholeNumberField(required=False, default=1, min_value=1, max_value=1_000_000)
    page_size = WholeNumberField(required=False, default=100, min_value=1, max_value=1_000)
