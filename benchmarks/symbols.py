"""Resolving a symbol among as many contracts as the broker's largest file has: from memory, and by an index."""

import itertools
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from benchmarks.targets import Targets
from benchmarks.timing import Row, alternated, show
from broker import clock, conf, gateway
from broker.contracts import directory, replace
from broker.values import Contract

FILE, ROWS = "NSEFO", 77_727  # September 2026 (iifl_api §5)
EXPIRY = date(2026, 12, 31)
REMEMBERED, BY_INDEX = "a symbol that the process remembers", f"by the table's index, of {ROWS:,} symbols"


def run(targets: Targets) -> list[Row]:
    _fill()
    names = itertools.cycle([f"OPT{number}CE" for number in range(0, ROWS, 997)])
    gateway.resolve("OPT1CE", FILE)
    found = alternated(
        {
            REMEMBERED: lambda: gateway.resolve("OPT1CE", FILE),
            BY_INDEX: _by_index(names),
        },
        300,
    )
    show(found)
    remembered, looked_up = (row.median for row in found)
    targets.at_most("a symbol that the process remembers / a look-up", remembered / looked_up, 0.01)
    return found


def _by_index(names: "itertools.cycle[str]") -> Callable[[], Any]:
    return lambda: directory.find(FILE, next(names))


def _fill() -> None:
    with replace.claim_file(FILE, clock.now) as claim:
        generation = claim.begin_generation()
        for start in range(0, ROWS, replace.BATCH_SIZE):
            claim.write(generation, [_option(number) for number in range(start, min(start + replace.BATCH_SIZE, ROWS))])
        claim.activate(generation, source=conf.base_url(), rows=ROWS, size=0, seconds=0)


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
