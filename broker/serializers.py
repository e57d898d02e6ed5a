"""What callers may say to the broker's routes."""

from datetime import date
from typing import Any

from rest_framework import serializers

from broker import tokens
from broker.values import CONTRACT_FILES, Exchange, Interval

SYMBOL = r"^[A-Za-z0-9&_.-](?:[A-Za-z0-9&_. -]{0,48}[A-Za-z0-9&_.-])?\Z"
SYMBOL_RULE = "A symbol holds letters, digits and & - _ . only, 50 at the most."
LONGEST_RANGE = 20 * 366  # days
LONGEST_INTRADAY_RANGE = 366
QUOTES_AT_ONCE = 100


class SymbolField(serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(SYMBOL, error_messages={"invalid": SYMBOL_RULE}, **kwargs)


class SymbolsField(serializers.CharField):
    """`RELIANCE,INFY`: a list of symbols, each once."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        symbols = list(dict.fromkeys(part.strip().upper() for part in text.split(",")))
        if len(symbols) > QUOTES_AT_ONCE:
            raise serializers.ValidationError(f"Ask for {QUOTES_AT_ONCE} symbols at the most.")
        one = SymbolField()
        return [one.run_validation(symbol) for symbol in symbols]


class ExchangeField(serializers.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default", str(Exchange.NSEEQ))
        super().__init__([str(exchange) for exchange in CONTRACT_FILES], **kwargs)


class CandlesQuery(serializers.Serializer[Any]):
    """The days `from` and `to` are both included."""

    symbol = SymbolField()
    interval = serializers.ChoiceField([str(interval) for interval in Interval])
    to = serializers.DateField(input_formats=["%Y-%m-%d"])
    exchange = ExchangeField()
    page = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="For long ranges; without it all candles are one answer",
    )
    page_size = serializers.IntegerField(required=False, default=1_000, min_value=1, max_value=10_000)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.DateField(input_formats=["%Y-%m-%d"])}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        first: date = attrs["from"]
        last: date = attrs["to"]
        if first > last:
            raise serializers.ValidationError({"from": ["The first day lies after the last."]})
        if first > tokens.now().date():
            raise serializers.ValidationError({"from": ["The first day lies in the future."]})
        days = (last - first).days + 1
        if days > LONGEST_RANGE:
            raise serializers.ValidationError({"from": ["The range is longer than 20 years."]})
        if days > LONGEST_INTRADAY_RANGE and Interval(attrs["interval"]).is_intraday:
            message = f"Candles shorter than a day are given for {LONGEST_INTRADAY_RANGE} days at the most."
            raise serializers.ValidationError({"from": [message]})
        return attrs


class QuotesQuery(serializers.Serializer[Any]):
    symbols = SymbolsField(help_text="Symbols separated by commas")
    exchange = ExchangeField()


class ContractsQuery(serializers.Serializer[Any]):
    search = serializers.CharField(required=False, default="", max_length=60, help_text="Part of a symbol or a name")
    page = serializers.IntegerField(required=False, default=1, min_value=1, max_value=1_000_000)
    page_size = serializers.IntegerField(required=False, default=100, min_value=1, max_value=1_000)
