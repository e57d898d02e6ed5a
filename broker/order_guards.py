"""Conditions for orders that other apps register at start-up, such as the watchlist app's trading settings."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.utils.module_loading import import_string

from broker.values import Contract, OrderParams


class Proposal(NamedTuple):
    """An order as it would be placed, or as it would be after a change.

    `filled` of its quantity is filled already; 0 also if that is unknown, so that the guards count all of it.
    """

    contract: Contract
    params: OrderParams
    filled: int = 0


class UnlistedOrder(NamedTuple):
    """An order that is on its way to the broker, or was accepted a moment ago: the books may not show it yet."""

    exchange: str
    instrument_id: str
    side: str
    product: str


Recheck = Callable[[Sequence[UnlistedOrder]], None]
Guard = Callable[[Proposal], Recheck | None]
_names: list[str] = []


def register(name: str) -> None:
    """Add a guard by its dotted name, such as `app.module.function`; it raises BrokerError to refuse an order.

    It may return a function that is called again when the order is recorded, one order of the account at a time, with
    the orders that the books did not show. That one runs in a transaction, so it must not call the broker.
    """
    if name not in _names:
        _names.append(name)


def check(proposal: Proposal) -> list[Recheck]:
    """Call all guards; return what is to be checked again when the order is recorded."""
    guards: list[Guard] = [import_string(name) for name in _names]
    return [recheck for guard in guards if (recheck := guard(proposal))]
