"""Computes positions and margins from the day's orders; amounts in paise."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from broker.simulator.account.ledger import Order
from broker.simulator.prices.contracts import Contract

INTRADAY_MARGIN = Decimal("0.2")


class Position(msgspec.Struct):
    """A position of the day; nothing is carried over from the day before."""

    contract: Contract
    product: str
    bought: int = 0
    bought_value: int = 0
    sold: int = 0
    sold_value: int = 0

    @property
    def net(self) -> int:
        return self.bought - self.sold

    @property
    def net_average(self) -> Decimal:
        return _per_share(self.bought_value - self.sold_value, self.net)

    @property
    def buy_average(self) -> Decimal:
        return _per_share(self.bought_value, self.bought)

    @property
    def sell_average(self) -> Decimal:
        return _per_share(self.sold_value, self.sold)

    def add(self, order: Order) -> None:
        if order.side == "BUY":
            self.bought += order.filled
            self.bought_value += order.value
        else:
            self.sold += order.filled
            self.sold_value += order.value


def positions_of(orders: Iterable[Order]) -> list[Position]:
    """Return one position per instrument and product that was traded; closed ones stay, with a net of 0."""
    positions: dict[tuple[str, str, str], Position] = {}
    for order in orders:
        if order.filled:
            key = (order.contract.exchange, order.contract.instrument_id, order.product)
            positions.setdefault(key, Position(order.contract, order.product)).add(order)
    return list(positions.values())


def used_margin(orders: Iterable[Order]) -> int:
    """Return the margin of open positions and open buy orders."""
    orders = list(orders)
    held = sum(margin(position.product, abs(position.net) * position.net_average) for position in positions_of(orders))
    waiting = sum(
        margin(order.product, order.pending * order.price)
        for order in orders
        if order.is_working and order.side == "BUY"
    )
    return held + waiting


def margin(product: str, value: int | Decimal) -> int:
    return round(value * INTRADAY_MARGIN) if product == "INTRADAY" else round(value)


def _per_share(value: int, quantity: int) -> Decimal:
    return Decimal(value) / quantity if quantity else Decimal(0)
