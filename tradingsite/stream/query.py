"""The query of a stream: which events, and the prices of which symbols."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from broker import events, gateway
from broker.api.serializers import ExchangeField, SymbolField
from broker.errors import UnknownExchange, UnknownSymbol
from broker.values import Exchange
from systemcache.events import registered
from systemcache.per_view.validation import unknown_names

MAX_SYMBOLS = 500


class EventsField(serializers.CharField):
    """Kinds of events, separated by commas."""

    def to_internal_value(self, data: Any) -> Any:
        names = [name.strip() for name in super().to_internal_value(data).split(",")]
        if unknown := unknown_names(names, [kind.name for kind in registered()], "event"):
            raise ValidationError([f"{name or 'An empty name'}: {words[0]}" for name, words in unknown.items()])
        return frozenset(names)


class StreamSymbolsField(serializers.CharField):
    """Symbols separated by commas; outside NSE's shares as SYMBOL@EXCHANGE. The value is a list of pairs."""

    def to_internal_value(self, data: Any) -> Any:
        names = list(dict.fromkeys(part.strip().upper() for part in super().to_internal_value(data).split(",")))
        if len(names) > MAX_SYMBOLS:
            raise ValidationError(f"At most {MAX_SYMBOLS} symbols are allowed.")
        symbol_field, exchange_field = SymbolField(), ExchangeField()
        pairs = []
        for name in names:
            symbol, _, exchange = name.partition("@")
            exchange = exchange_field.run_validation(exchange) if "@" in name else str(Exchange.NSEEQ)
            pairs.append((symbol_field.run_validation(symbol), exchange))
        return pairs


class StreamQuerySerializer(serializers.Serializer[Any]):
    symbols = StreamSymbolsField(
        required=False,
        help_text="Symbols whose prices are sent, separated by commas; of other exchanges as SYMBOL@EXCHANGE. "
        "Without it, all prices that the feed writes. It does not restrict other events",
    )
    events = EventsField(
        required=False, help_text="Kinds of events, separated by commas; without it, all that the caller may see"
    )


def resolve(pairs: list[tuple[str, str]]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """The instruments (exchange and symbol, as the cache names them) by the key of their events, and unknown names.

    Raises UnknownSymbol if all are unknown, and BrokerError if a contract file cannot be fetched.
    """
    known: dict[str, tuple[str, str]] = {}
    unknown: list[str] = []
    for symbol, exchange in pairs:
        try:
            contract = gateway.resolve(symbol, exchange)
        except (UnknownSymbol, UnknownExchange):
            unknown.append(symbol if exchange == Exchange.NSEEQ else f"{symbol}@{exchange}")
            continue
        name = gateway.symbol_with_series(contract)
        known[events.quote_key(contract.exchange, name)] = (contract.exchange, name)
    if unknown and not known:
        raise UnknownSymbol(*pairs[0], field="symbols")
    return known, unknown
