"""The portfolio at current prices."""

from decimal import Decimal

from broker.values.base import Value


class PortfolioSummary(Value, frozen=True, kw_only=True):
    """The account at current prices, in rupees.

    `invested`, `value`, `pnl` and `day_pnl` are of the holdings, `positions_pnl` and `positions_day_pnl` of the
    positions. Symbols in `unknown_pnl` do not count in `invested`, `value`, `pnl` and `positions_pnl`, because what
    they cost or are worth is not known; those in `unknown_day_pnl` do not count in the day's figures. `unpriced`
    lists what cannot be valued at all.

    The broker does not document whether its trading limit is net of the used margin, so both are given unchanged.
    """

    invested: Decimal
    value: Decimal
    pnl: Decimal
    pnl_percent: Decimal | None
    day_pnl: Decimal
    positions_pnl: Decimal
    positions_day_pnl: Decimal
    trading_limit: Decimal | None
    used_margin: Decimal | None
    holdings: int
    open_positions: int
    unpriced: list[str]
    unknown_pnl: list[str]
    unknown_day_pnl: list[str]


class Weight(Value, frozen=True, kw_only=True):
    """A share's part of the holdings' value, in percent; of several rows with one ISIN the largest gives the name."""

    symbol: str
    value: Decimal
    percent: Decimal


class Risk(Value, frozen=True, kw_only=True):
    """Exposure in rupees, concentration in percent; `effective_holdings` is 1 / the sum of squared weights.

    `day_pnl_percent` is of the holdings, without those in `unknown_day_pnl`; the exposure is without `unpriced`.
    """

    gross_exposure: Decimal
    net_exposure: Decimal
    margin_used_percent: Decimal | None
    largest: list[Weight]
    effective_holdings: Decimal | None
    day_pnl_percent: Decimal | None
    unpriced: list[str]
    unknown_day_pnl: list[str]
