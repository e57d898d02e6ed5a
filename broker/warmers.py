"""Warming steps: the account's data, which every first page reads."""

from collections.abc import Iterator

from broker import gateway, portfolio
from systemcache.operations.warming import Step


def account() -> Iterator[Step]:
    for family, read in (
        ("holdings", gateway.holdings),
        ("positions", gateway.positions),
        ("margins", gateway.margins),
        ("orders", gateway.orders),
        ("trades", gateway.trades),
        ("profile", gateway.profile),
        ("portfolio_summary", portfolio.summary),
    ):
        yield Step(family, family.replace("_", " "), read)
