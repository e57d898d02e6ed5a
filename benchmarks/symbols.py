"""Resolving a symbol among as many contracts as the broker's largest file has: remembered, and by the table's index."""

import itertools
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from benchmarks.timing import Row, alternated, show
from broker import conf, contract_swap, gateway, symbols, tokens
from broker.values import Contract

FILE, ROWS = "NSEFO", 77_727  # September 2026 (iifl_api §5)
EXPIRY = date(2026, 12, 31)


def run() -> list[Row]:
    _fill()
    names = itertools.cycle([f"OPT{number}CE" for number in range(0, ROWS, 997)])
    gateway.resolve("OPT1CE", FILE)
    found = alternated(
        {
            "symbol remembered by the process": lambda: gateway.resolve("OPT1CE", FILE),
            f"symbol by index, of {ROWS:,}": _by_index(names),
        },
        300,
    )
    show(found)
    return found


def _by_index(names: "itertools.cycle[str]") -> Callable[[], Any]:
    return lambda: symbols.find(FILE, next(names))


def _fill() -> None:
    with contract_swap.claimed(FILE, tokens.now) as claim:
        generation = claim.begin()
        for start in range(0, ROWS, contract_swap.BATCH):
            claim.write(
                generation, [_option(number) for number in range(start, min(start + contract_swap.BATCH, ROWS))]
            )
        claim.switch(generation, source=conf.base_url(), rows=ROWS, size=0, seconds=0)


def _option(number: int) -> Contract:
    return Contract(
        exchange=FILE,
        symbol=f"OPT{number // 40}",
        series="",
        trading_symbol=f"OPT{number}CE",
        instrument_id=str(number),
        name="",
        instrument_type="OPTSTK",
        option_type="CE",
        strike_price=Decimal(number),
        expiry=EXPIRY,
        lot_size=75,
        tick_size=Decimal("0.05"),
    )
