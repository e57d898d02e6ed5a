"""Portfolio summary and risk, computed from the cached account and quotes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from broker import gateway
from broker.cache_families import PORTFOLIO_SUMMARY, RISK
from broker.money import WIDE, percent, rupees
from broker.values import Holding, PortfolioSummary, Position, Risk, Weight
from systemcache.cached_value import CachedValue
from systemcache.fetching.fetch import fetch

LARGEST_COUNT = 5
ZERO = Decimal(0)
Row = Holding | Position


class Totals(NamedTuple):
    """Sums over rows in rupees, of what is known: `invested`, `value` and `pnl` leave out the symbols in `unknown_pnl`,
    `day_pnl` those in `unknown_day_pnl`."""

    invested: Decimal
    value: Decimal
    pnl: Decimal
    day_pnl: Decimal
    unknown_pnl: list[str]
    unknown_day_pnl: list[str]


def totals(rows: Iterable[Row]) -> Totals:
    """Add up rows: the foot of a table and the summary show the same sums."""
    known = list(rows)
    counted = [row for row in known if row.pnl is not None]
    return Totals(
        invested=rupees(_sum(row.invested for row in counted)),
        value=rupees(_sum(row.value for row in counted)),
        pnl=rupees(_sum(row.pnl for row in counted)),
        day_pnl=rupees(_sum(row.day_pnl for row in known)),
        unknown_pnl=_symbols_without("pnl", known),
        unknown_day_pnl=_symbols_without("day_pnl", known),
    )


def owned(rows: Iterable[Holding]) -> list[Holding]:
    """Leave out what has been sold: only these rows count in the totals."""
    return [row for row in rows if row.held_quantity > 0]


def summary() -> CachedValue[PortfolioSummary]:
    return fetch(PORTFOLIO_SUMMARY, {}, _summary)


def risk() -> CachedValue[Risk]:
    return fetch(RISK, {}, _risk)


def _summary() -> PortfolioSummary:
    margins = gateway.margins().value
    held, positions = _priced_rows()
    of_held, of_positions = totals(held), totals(positions)
    return PortfolioSummary(
        invested=of_held.invested,
        value=of_held.value,
        pnl=of_held.pnl,
        pnl_percent=percent(of_held.pnl, of_held.invested),
        day_pnl=of_held.day_pnl,
        positions_pnl=of_positions.pnl,
        positions_day_pnl=of_positions.day_pnl,
        trading_limit=margins.trading_limit,
        used_margin=margins.utilized_margin,
        holdings=len(held),
        open_positions=sum(1 for row in positions if row.net_quantity),
        unpriced=_symbols_without("value", [*held, *positions]),
        unknown_pnl=_symbols_without("pnl", [*held, *positions]),
        unknown_day_pnl=_symbols_without("day_pnl", [*held, *positions]),
    )


def _risk() -> Risk:
    margins = gateway.margins().value
    held, positions = _priced_rows()
    values = [row.value for row in (*held, *positions) if row.value is not None]
    weights, effective_holdings = _concentration(held)
    day_pnl = _sum(row.day_pnl for row in held)
    started_at = _sum(row.value for row in held if row.day_pnl is not None) - day_pnl
    return Risk(
        gross_exposure=rupees(_sum(map(abs, values))),
        net_exposure=rupees(_sum(values)),
        margin_used_percent=_part_of_limit(margins.utilized_margin, margins.trading_limit),
        largest=weights[:LARGEST_COUNT],
        effective_holdings=effective_holdings,
        day_pnl_percent=percent(day_pnl, started_at),
        unpriced=_symbols_without("value", [*held, *positions]),
        unknown_day_pnl=_symbols_without("day_pnl", held),
    )


def _part_of_limit(used: Decimal | None, limit: Decimal | None) -> Decimal | None:
    return None if used is None or limit is None else percent(used, limit)


def _priced_rows() -> tuple[list[Holding], list[Position]]:
    """Return the holdings without sold-out ones, and the positions, with prices from one batch of quotes."""
    held = owned(gateway.holdings().value)
    rows: list[Row] = [*held, *gateway.positions().value]
    rows = gateway.priced(rows)
    return [row for row in rows if isinstance(row, Holding)], [row for row in rows if isinstance(row, Position)]


def _concentration(rows: Iterable[Holding]) -> tuple[list[Weight], Decimal | None]:
    """Return the weights, largest first, and the effective number of holdings.

    A share may be held in several rows, at NSE and BSE too; the ISIN identifies it, and its largest row gives the name.
    """
    shares: dict[str, list[tuple[Decimal, str]]] = defaultdict(list)
    for row in rows:
        if row.value is not None:
            shares[row.isin or f"{row.exchange} {row.symbol}"].append((row.value, row.symbol))
    values = [(_sum(value for value, _ in parts), max(parts)[1]) for parts in shares.values()]
    total = _sum(value for value, _ in values)
    ranked = sorted(values, key=lambda item: (-item[0], item[1]))
    weights = [
        Weight(symbol=symbol, value=rupees(value), percent=percent(value, total) or rupees(ZERO))
        for value, symbol in ranked
    ]
    squares = _sum(value**2 for value, _ in values)
    return weights, rupees(WIDE.divide(WIDE.power(total, 2), squares)) if squares else None


def _symbols_without(figure: str, rows: Sequence[Row]) -> list[str]:
    return sorted({row.symbol for row in rows if getattr(row, figure) is None})


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    """Add up what is known."""
    total = ZERO
    for amount in amounts:
        if amount is not None:
            total = WIDE.add(total, amount)
    return total
