"""The account: profile, funds, holdings, positions, trades."""

from decimal import Decimal

from broker.values.base import Value
from systemcache.codec import Moment


class Profile(Value, frozen=True, kw_only=True):
    """Details of the account, masked by the broker."""

    client_id: str
    name: str
    email: str
    phone: str
    account_status: str
    totp_enabled: bool
    poa_provided: bool
    exchanges: list[str]
    products: list[str]
    order_complexities: list[str]


class Margins(Value, frozen=True, kw_only=True):
    """Funds in rupees (iifl_api §3.2). `trading_limit` is available for trading, `utilized_margin` is in use.

    An amount that the broker does not send is None.
    """

    trading_limit: Decimal | None
    opening_cash: Decimal | None
    intraday_payin: Decimal | None
    collateral_margin: Decimal | None
    credit_for_sell: Decimal | None
    adhoc_margin: Decimal | None
    utilized_margin: Decimal | None
    blocked_for_payout: Decimal | None
    utilized_span_margin: Decimal | None
    utilized_exposure_margin: Decimal | None


class PricedRow(Value, frozen=True, kw_only=True):
    """What a row of the account cost and is worth, in rupees (broker/pnl.py). What is not known is None, never 0.

    `ltp` is the last traded price, of the time `quoted_at`. Without one, the row is valued at its last close.
    """

    invested: Decimal | None = None
    ltp: Decimal | None = None
    quoted_at: Moment | None = None
    value: Decimal | None = None
    pnl: Decimal | None = None
    pnl_percent: Decimal | None = None
    day_pnl: Decimal | None = None
    day_pnl_percent: Decimal | None = None


class Holding(PricedRow, frozen=True, kw_only=True):
    """Shares in the demat account; `average_price` in rupees, None if the broker does not send it.

    Units of funds may be fractions. `quantity` is the broker's total, which may leave out what is pledged.
    """

    isin: str
    symbol: str
    trading_symbol: str
    exchange: str
    instrument_id: str
    nse_instrument_id: str
    bse_instrument_id: str
    name: str
    product: str
    quantity: int | Decimal
    dp_quantity: int | Decimal | None
    t1_quantity: int | Decimal | None
    collateral_quantity: int | Decimal | None
    authorized_quantity: int | Decimal | None
    average_price: Decimal | None
    previous_close: Decimal | None

    @property
    def held_quantity(self) -> int | Decimal:
        """What is owned: more shares pledged than there are in total are not part of the total."""
        pledged = self.collateral_quantity or 0
        return self.quantity + pledged if pledged > max(self.quantity, 0) else self.quantity

    @property
    def instruments(self) -> set[tuple[str, str]]:
        """Exchange and instrument under which the share is traded: its own, and those of NSE and BSE."""
        return {
            (self.exchange, self.instrument_id),
            ("NSEEQ", self.nse_instrument_id),
            ("BSEEQ", self.bse_instrument_id),
        }


class Position(PricedRow, frozen=True, kw_only=True):
    """A position of today or carried over; closed ones (net_quantity 0) stay until the day ends.

    What the broker does not send is None. So is a price of 0, and the `multiplier` if it is missing where it matters.
    """

    symbol: str
    trading_symbol: str
    name: str
    exchange: str
    instrument_id: str
    product: str
    net_quantity: int
    net_average_price: Decimal | None
    overnight_quantity: int | None
    overnight_price: Decimal | None
    buy_quantity: int | None
    buy_price: Decimal | None
    sell_quantity: int | None
    sell_price: Decimal | None
    day_buy_quantity: int | None
    day_buy_value: Decimal | None
    day_sell_quantity: int | None
    day_sell_value: Decimal | None
    multiplier: Decimal | None
    lot_size: int | None
    realized_pnl: Decimal | None
    previous_close: Decimal | None


class Trade(Value, frozen=True, kw_only=True):
    """A fill of today."""

    trade_id: str
    order_id: str
    exchange_order_id: str
    symbol: str
    trading_symbol: str
    name: str
    exchange: str
    instrument_id: str
    side: str
    quantity: int
    price: Decimal
    product: str
    order_type: str
    traded_at: Moment | None
    tag: str
