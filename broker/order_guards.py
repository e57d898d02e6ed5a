"""Conditions for orders that other apps register at start-up, such as the watchlist app's trading settings."""

from collections.abc import Callable
from typing import NamedTuple

from django.utils.module_loading import import_string

from broker.values import Contract, OrderParams


class Proposal(NamedTuple):
    """An order as it would be placed, or as it would be after a change; `filled` of its quantity is filled already."""

    contract: Contract
    params: OrderParams
    filled: int = 0


Guard = Callable[[Proposal], None]
_names: list[str] = []


def register(name: str) -> None:
    """Add a guard by its dotted name, such as `app.module.function`; it raises BrokerError to refuse an order."""
    if name not in _names:
        _names.append(name)


def check(proposal: Proposal) -> None:
    for name in _names:
        guard: Guard = import_string(name)
        guard(proposal)
