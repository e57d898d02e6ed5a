"""Exits: the orders that close positions, as they are confirmed and as they are sent."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from broker import gateway
from broker.errors import UnknownSymbol
from broker.values import OrderParams, Position

# Per cent off the last price at which a MARKET order may be filled (iifl_api §3.5): enough for a quick exit.
PROTECTION = Decimal("1.00")
SEPARATOR = "|"


class Exit(NamedTuple):
    """A MARKET order that closes a position."""

    exchange: str
    instrument_id: str
    product: str
    side: str
    quantity: int

    @classmethod
    def of(cls, position: Position) -> "Exit":
        side = "SELL" if position.net_quantity > 0 else "BUY"
        return cls(position.exchange, position.instrument_id, position.product, side, abs(position.net_quantity))

    @classmethod
    def parse(cls, text: str) -> "Exit | None":
        """Read what `str` has written into a form; None for anything else."""
        parts = text.split(SEPARATOR)
        if len(parts) != 5 or parts[3] not in ("BUY", "SELL") or not (parts[4].isascii() and parts[4].isdigit()):
            return None
        exchange, instrument_id, product, side, quantity = parts
        return cls(exchange, instrument_id, product, side, int(quantity))

    def __str__(self) -> str:
        return SEPARATOR.join((self.exchange, self.instrument_id, self.product, self.side, str(self.quantity)))

    @property
    def params(self) -> OrderParams:
        return OrderParams(
            side=self.side,
            quantity=self.quantity,
            product=self.product,
            order_type="MARKET",
            market_protection_percent=PROTECTION,
        )

    def closes(self, position: Position) -> bool:
        return self == Exit.of(position)


def open_positions(positions: Iterable[Position]) -> list[Position]:
    return [position for position in positions if position.net_quantity]


def symbol_of(position: Position) -> str:
    """Return the name under which the position's own contract is found. Raises BrokerError."""
    for name in (position.symbol, position.trading_symbol):
        try:
            if name and gateway.resolve(name, position.exchange).instrument_id == position.instrument_id:
                return name
        except UnknownSymbol:
            continue
    raise UnknownSymbol(position.trading_symbol or position.symbol, position.exchange)


def find(positions: Iterable[Position], wanted: Exit) -> Position | None:
    """Find the open position that the exit was made for, whatever its quantity is by now."""
    same = (wanted.exchange, wanted.instrument_id, wanted.product)
    for position in open_positions(positions):
        if (position.exchange, position.instrument_id, position.product) == same:
            return position
    return None
