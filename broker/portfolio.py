"""The account at current prices: summary and risk, computed from the cached books and quotes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from broker import gateway
from broker.cache_families import PORTFOLIO_SUMMARY, RISK
from broker.values import Holding, PortfolioSummary, Position, Quote, Risk, Weight
from systemcache.fetch import fetch
from systemcache.fetched import Fetched

CENT = Decimal("0.01")
LARGEST_SHOWN = 5
ZERO = Decimal(0)
WIDE = Context(prec=100)  # the usual 28 digits refuse to round what 10^18 shares at 10^18 rupees come to


def summary() -> Fetched[PortfolioSummary]:
    return fetch(PORTFOLIO_SUMMARY, {}, _summary)


def risk() -> Fetched[Risk]:
    return fetch(RISK, {}, _risk)


@dataclass(frozen=True, slots=True)
class Line:
    """A holding or a position with its price now (rupees), and the session's before; None when nobody quotes it."""

    symbol: str
    quantity: Decimal
    cost: Decimal
    price: Decimal | None
    previous_close: Decimal | None

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price if self.price is not None else ZERO

    @property
    def day_pnl(self) -> Decimal:
        if self.price is None or self.previous_close is None:
            return ZERO
        return self.quantity * (self.price - self.previous_close)


def _summary() -> PortfolioSummary:
    margins = gateway.margins().value
    held, open_positions, positions = _lines()
    priced = [line for line in held if line.price is not None]
    # Rounded first, so that what is shown adds up.
    invested, value = rupees(_sum(line.cost for line in priced)), rupees(_sum(line.value for line in priced))
    return PortfolioSummary(
        invested=invested,
        value=value,
        pnl=value - invested,
        pnl_percent=percent(value - invested, invested),
        day_pnl=rupees(_sum(line.day_pnl for line in priced)),
        positions_pnl=rupees(_positions_pnl(positions, open_positions)),
        trading_limit=margins.trading_limit,
        used_margin=margins.utilized_margin,
        holdings=len(held),
        open_positions=len(open_positions),
        unpriced=_unpriced([*held, *open_positions]),
    )


def _risk() -> Risk:
    margins = gateway.margins().value
    held, open_positions, _ = _lines()
    values = [line.value for line in (*held, *open_positions)]
    by_symbol = _by_symbol(held)
    return Risk(
        gross_exposure=rupees(_sum(map(abs, values))),
        net_exposure=rupees(_sum(values)),
        margin_used_percent=percent(margins.utilized_margin, margins.trading_limit),
        largest=_weights(by_symbol)[:LARGEST_SHOWN],
        effective_holdings=_effective(by_symbol.values()),
        day_pnl_percent=percent(_sum(line.day_pnl for line in held), _sum(line.value - line.day_pnl for line in held)),
        unpriced=_unpriced([*held, *open_positions]),
    )


def _lines() -> tuple[list[Line], list[Line], list[Position]]:
    """Holdings and open positions with prices, from one batch of quotes; and all positions as they came."""
    holdings = [row for row in gateway.holdings().value if row.quantity > 0]
    positions = gateway.positions().value
    is_open = [row for row in positions if row.net_quantity]
    prices = _prices([*holdings, *is_open])
    held = [_held(row, prices.get((row.exchange, row.instrument_id))) for row in holdings]
    return held, [_open(row, prices.get((row.exchange, row.instrument_id))) for row in is_open], positions


def _held(row: Holding, quote: Quote | None) -> Line:
    return _line(row, Decimal(row.quantity), row.quantity * row.average_price, quote)


def _open(row: Position, quote: Quote | None) -> Line:
    multiplier = row.multiplier or Decimal(1)
    return _line(row, row.net_quantity * multiplier, _cost(row) * multiplier, quote)


def _line(row: Holding | Position, quantity: Decimal, cost: Decimal, quote: Quote | None) -> Line:
    """Without a quote the last close counts as the price (iifl_api §6); without either there is none."""
    last_close = (quote.previous_close if quote else row.previous_close) or None  # 0 is the broker's "unknown"
    return Line(row.symbol, quantity, cost, quote.ltp if quote else last_close, last_close)


def _cost(row: Position) -> Decimal:
    """What the open quantity cost, the day's gains and losses from it set off; the broker may leave the average out."""
    if row.net_average_price:
        return row.net_quantity * row.net_average_price
    return row.overnight_quantity * row.overnight_price + row.day_buy_value - row.day_sell_value


def _prices(rows: Sequence[Holding | Position]) -> dict[tuple[str, str], Quote]:
    """Quotes by exchange and instrument id, asked for by id: a book's row needs no contract file."""
    contracts = {(row.exchange, row.instrument_id): gateway.contract_of(row) for row in rows}
    wanted = {key: contract for key, contract in contracts.items() if gateway.can_be_quoted(contract)}
    quotes = gateway.quotes_of(list(wanted.values())) if wanted else []
    return {key: quote.value for key, quote in zip(wanted, quotes, strict=True) if quote}


def _positions_pnl(positions: Sequence[Position], open_lines: Sequence[Line]) -> Decimal:
    """What the closed positions came to and what the open ones stand at.

    An open position's average has its realized part set off already (iifl_api §3.7), so that is not added again.
    """
    closed = _sum(_realized(row) for row in positions if not row.net_quantity)
    return closed + _sum(line.value - line.cost for line in open_lines if line.price is not None)


def _realized(row: Position) -> Decimal:
    if row.realized_pnl is not None:
        return row.realized_pnl
    return (row.sell_quantity * row.sell_price - row.buy_quantity * row.buy_price) * (row.multiplier or 1)


def _by_symbol(lines: Iterable[Line]) -> dict[str, Decimal]:
    """Values by symbol: a share that is held in several rows counts once."""
    values: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        if line.price is not None:
            values[line.symbol] += line.value
    return values


def _weights(values: Mapping[str, Decimal]) -> list[Weight]:
    """Largest first."""
    total = _sum(values.values())
    ranked = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return [
        Weight(symbol=symbol, value=rupees(value), percent=percent(value, total) or ZERO) for symbol, value in ranked
    ]


def _effective(values: Collection[Decimal]) -> Decimal | None:
    squares = _sum(value**2 for value in values)
    return (_sum(values) ** 2 / squares).quantize(CENT) if squares else None


def _unpriced(lines: Sequence[Line]) -> list[str]:
    return sorted({line.symbol for line in lines if line.price is None})


def rupees(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN, WIDE)


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return rupees(100 * part / whole) if whole else None


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
