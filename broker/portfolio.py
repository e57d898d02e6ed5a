"""The account at current prices: summary and risk, computed from the cached books and quotes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from broker import gateway
from broker.cache_families import PORTFOLIO_SUMMARY, RISK
from broker.values import Holding, PortfolioSummary, Position, Quote, Risk, Weight
from systemcache.fetch import Fetched, fetch

CENT = Decimal("0.01")
LARGEST_SHOWN = 5
ZERO = Decimal(0)


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
    invested, value = sum((line.cost for line in priced), ZERO), sum((line.value for line in priced), ZERO)
    return PortfolioSummary(
        invested=rupees(invested),
        value=rupees(value),
        pnl=rupees(value - invested),
        pnl_percent=percent(value - invested, invested),
        day_pnl=rupees(sum((line.day_pnl for line in priced), ZERO)),
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
    before = sum((line.value - line.day_pnl for line in held), ZERO)
    return Risk(
        gross_exposure=rupees(sum(map(abs, values), ZERO)),
        net_exposure=rupees(sum(values, ZERO)),
        margin_used_percent=percent(margins.utilized_margin, margins.trading_limit),
        largest=_weights(held)[:LARGEST_SHOWN],
        effective_holdings=_effective(held),
        day_pnl_percent=percent(sum((line.day_pnl for line in held), ZERO), before),
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
    """Without a quote the last close counts as the price (iifl_api §6); without either there is none."""
    return Line(
        symbol=row.symbol,
        quantity=Decimal(row.quantity),
        cost=row.quantity * row.average_price,
        price=quote.ltp if quote else row.previous_close,
        previous_close=quote.previous_close if quote else row.previous_close,
    )


def _open(row: Position, quote: Quote | None) -> Line:
    quantity = row.net_quantity * (row.multiplier or Decimal(1))
    return Line(
        symbol=row.symbol,
        quantity=quantity,
        cost=quantity * row.net_average_price,
        price=quote.ltp if quote else row.previous_close,
        previous_close=quote.previous_close if quote else row.previous_close,
    )


def _prices(rows: Sequence[Holding | Position]) -> dict[tuple[str, str], Quote]:
    """Quotes by exchange and instrument id, asked for by id: a book's row needs no contract file."""
    wanted = {(row.exchange, row.instrument_id): row for row in rows if row.instrument_id}
    contracts = [gateway.contract_of(row) for row in wanted.values()]
    quotes = gateway.quotes_of(contracts) if contracts else []
    return {key: quote.value for key, quote in zip(wanted, quotes, strict=True) if quote}


def _positions_pnl(positions: Sequence[Position], open_lines: Sequence[Line]) -> Decimal:
    """What the broker says is realized (or what the day's closed trades came to) and what the open ones stand at."""
    realized = sum((_realized(row) for row in positions), ZERO)
    return realized + sum((line.value - line.cost for line in open_lines if line.price is not None), ZERO)


def _realized(row: Position) -> Decimal:
    if row.realized_pnl is not None:
        return row.realized_pnl
    if row.net_quantity:
        return ZERO
    return (row.sell_quantity * row.sell_price - row.buy_quantity * row.buy_price) * (row.multiplier or 1)


def _weights(lines: Sequence[Line]) -> list[Weight]:
    """Largest first; a share that is held in several rows counts once."""
    values: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        values[line.symbol] += line.value
    total = sum(values.values(), ZERO)
    ranked = sorted(values.items(), key=lambda item: -item[1])
    return [
        Weight(symbol=symbol, value=rupees(value), percent=percent(value, total) or ZERO) for symbol, value in ranked
    ]


def _effective(lines: Sequence[Line]) -> Decimal | None:
    squares = sum((weight.percent**2 for weight in _weights(lines)), ZERO)
    return (Decimal(10_000) / squares).quantize(CENT) if squares else None


def _unpriced(lines: Sequence[Line]) -> list[str]:
    return sorted({line.symbol for line in lines if line.price is None})


def rupees(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return (100 * part / whole).quantize(CENT) if whole else None
