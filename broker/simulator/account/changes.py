"""Changes of orders, in the order in which they happen, for the live stream."""

from collections.abc import Callable, Iterable

import msgspec

from broker.simulator.account.ledger import Fill, Order


class OrderChange(msgspec.Struct, frozen=True):
    order: Order
    """The order as it was then."""
    fills: tuple[tuple[int, Fill], ...] = ()
    """The fills since the change before, with their positions among all of the order."""


Listener = Callable[[OrderChange], None]


class OrderChanges:
    """Tells one listener of each change; its calls are made under the account's lock, so it must not wait."""

    def __init__(self) -> None:
        self._listener: Listener | None = None
        self._known: dict[str, tuple[int, tuple[object, ...]]] = {}

    def listen(self, listener: Listener | None, orders: Iterable[Order]) -> None:
        """Tell this listener from now on, and nothing of what these orders have behind them; None ends it."""
        self._listener = listener
        self.forget(orders)

    def forget(self, orders: Iterable[Order]) -> None:
        """Take a new day's orders as they are."""
        self._known = {order.number: (len(order.fills), _state(order)) for order in orders} if self._listener else {}

    def note(self, order: Order) -> None:
        """Tell of the order unless it is as it was at the last call."""
        if self._listener is None:
            return
        told, known = self._known.get(order.number, (0, ()))
        state = _state(order)
        if state == known:
            return
        self._known[order.number] = len(order.fills), state
        as_it_is = msgspec.structs.replace(order, fills=list(order.fills))
        self._listener(OrderChange(as_it_is, tuple(enumerate(as_it_is.fills))[told:]))


def _state(order: Order) -> tuple[object, ...]:
    """Return what tells an order from itself at another time."""
    return (
        *(order.status, order.quantity, order.price, order.trigger, order.kind, order.validity, len(order.fills)),
        *(order.cancelled, order.disclosed, order.protection, order.reason, order.updated),
    )
