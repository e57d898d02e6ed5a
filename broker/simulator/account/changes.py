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
    """Passes each change to one listener, under the account's lock: the listener must not wait."""

    def __init__(self) -> None:
        self._listener: Listener | None = None
        self._known: dict[str, tuple[int, tuple[object, ...]]] = {}

    def listen(self, listener: Listener | None, orders: Iterable[Order]) -> None:
        """Pass changes to this listener from now on, starting from these orders as they are; None ends it."""
        self._listener = listener
        self.forget(orders)

    def forget(self, orders: Iterable[Order]) -> None:
        """Take a new day's orders as they are."""
        self._known = {order.number: (len(order.fills), _state(order)) for order in orders} if self._listener else {}

    def note(self, order: Order) -> None:
        """Pass the order on unless it is as it was at the last call."""
        if self._listener is None:
            return
        noted, known = self._known.get(order.number, (0, ()))
        state = _state(order)
        if state == known:
            return
        self._known[order.number] = len(order.fills), state
        as_it_is = msgspec.structs.replace(order, fills=list(order.fills))
        self._listener(OrderChange(as_it_is, tuple(enumerate(as_it_is.fills))[noted:]))


def _state(order: Order) -> tuple[object, ...]:
    """Return what distinguishes two states of an order."""
    return (
        *(order.status, order.quantity, order.price, order.trigger, order.kind, order.validity, len(order.fills)),
        *(order.cancelled, order.disclosed, order.protection, order.reason, order.updated),
    )
