"""What the broker knows, as typed values: money in rupees as Decimal, times aware and in IST."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum

import msgspec

IST = timezone(timedelta(hours=5, minutes=30), "IST")


class Exchange(StrEnum):
    """The broker's segments (iifl_api §2); those with a contract file are `CONTRACT_FILES`."""

    NSEEQ = "NSEEQ"
    BSEEQ = "BSEEQ"
    NSEFO = "NSEFO"
    BSEFO = "BSEFO"
    NSECURR = "NSECURR"
    BSECURR = "BSECURR"
    MCXCOMM = "MCXCOMM"
    NCDEXCOMM = "NCDEXCOMM"
    NSECOMM = "NSECOMM"
    BSECOMM = "BSECOMM"
    INDICES = "INDICES"


CONTRACT_FILES = tuple(exchange for exchange in Exchange if exchange not in (Exchange.NCDEXCOMM, Exchange.BSECOMM))


class Interval(StrEnum):
    """Candle lengths as this site names them; endpoints.py holds the broker's names."""

    MINUTE = "1m"
    MINUTES_5 = "5m"
    MINUTES_10 = "10m"
    MINUTES_15 = "15m"
    MINUTES_30 = "30m"
    MINUTES_60 = "60m"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"

    @property
    def is_intraday(self) -> bool:
        return self not in (Interval.DAY, Interval.WEEK, Interval.MONTH)

    def is_open(self, last: date, today: date) -> bool:
        """Whether the candle that holds the day `last` may still change: its period has not ended before `today`."""
        if self is Interval.WEEK:
            return last >= today - timedelta(days=today.weekday())
        if self is Interval.MONTH:
            return last >= today.replace(day=1)
        return last >= today


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all values: immutable, compared by content, built by name. (mypy wants each child to say so too.)"""


class Candle(Value, frozen=True, kw_only=True):
    """`time` is the start of the candle, in IST."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class Contract(Value, frozen=True, kw_only=True):
    """A row of a contract file. `symbol` is the trading symbol without its series: RELIANCE of RELIANCE-EQ."""

    exchange: str
    symbol: str
    series: str
    trading_symbol: str
    instrument_id: str
    name: str
    instrument_type: str
    option_type: str
    strike_price: Decimal | None
    expiry: date | None
    lot_size: int
    tick_size: Decimal | None


class ContractFileInfo(Value, frozen=True, kw_only=True):
    """A contract file in the table: how many contracts it has, and when they were taken over from the broker."""

    exchange: str
    rows: int
    refreshed_at: datetime


class Profile(Value, frozen=True, kw_only=True):
    """Account facts as the broker masks them."""

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
    """Funds in rupees (iifl_api §3.2). `trading_limit` is what can be traded with, `utilized_margin` what is in use."""

    trading_limit: Decimal
    opening_cash: Decimal
    intraday_payin: Decimal
    collateral_margin: Decimal
    credit_for_sell: Decimal
    adhoc_margin: Decimal
    utilized_margin: Decimal
    blocked_for_payout: Decimal
    utilized_span_margin: Decimal
    utilized_exposure_margin: Decimal


class Holding(Value, frozen=True, kw_only=True):
    """Shares in the demat account; `average_price` in rupees. The broker sends no market price here."""

    isin: str
    symbol: str
    trading_symbol: str
    exchange: str
    instrument_id: str
    nse_instrument_id: str
    bse_instrument_id: str
    name: str
    product: str
    quantity: int
    dp_quantity: int
    t1_quantity: int
    collateral_quantity: int
    authorized_quantity: int
    average_price: Decimal
    previous_close: Decimal | None


class Position(Value, frozen=True, kw_only=True):
    """Today's and carried positions, closed ones (net_quantity 0) included, until the day ends."""

    symbol: str
    trading_symbol: str
    name: str
    exchange: str
    instrument_id: str
    product: str
    net_quantity: int
    net_average_price: Decimal
    overnight_quantity: int
    overnight_price: Decimal
    buy_quantity: int
    buy_price: Decimal
    sell_quantity: int
    sell_price: Decimal
    day_buy_quantity: int
    day_buy_value: Decimal
    day_sell_quantity: int
    day_sell_value: Decimal
    multiplier: Decimal
    lot_size: int
    realized_pnl: Decimal | None
    previous_close: Decimal | None


class Order(Value, frozen=True, kw_only=True):
    """A row of today's order book. `status` is in lower case and uses one spelling."""

    order_id: str
    exchange_order_id: str
    status: str
    symbol: str
    trading_symbol: str
    name: str
    exchange: str
    instrument_id: str
    side: str
    quantity: int
    filled_quantity: int
    pending_quantity: int
    product: str
    complexity: str
    order_type: str
    validity: str
    price: Decimal
    average_price: Decimal
    trigger_price: Decimal
    disclosed_quantity: int
    cancelled_quantity: int
    placed_at: datetime | None
    updated_at: datetime | None
    rejection_reason: str
    tag: str


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
    traded_at: datetime | None
    tag: str


class Quote(Value, frozen=True, kw_only=True):
    """A price now. `previous_close` is the session's before: the day's change is ltp - previous_close."""

    exchange: str
    symbol: str
    instrument_id: str
    ltp: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    previous_close: Decimal
    volume: int
    average_price: Decimal
    bid_price: Decimal
    bid_quantity: int
    ask_price: Decimal
    ask_quantity: int
    quoted_at: datetime | None


class DepthLevel(Value, frozen=True, kw_only=True):
    """So many shares in so many orders wait at a price."""

    price: Decimal
    quantity: int
    orders: int


class Depth(Value, frozen=True, kw_only=True):
    """The order book of an instrument: up to five levels a side, the best first."""

    exchange: str
    symbol: str
    instrument_id: str
    bids: list[DepthLevel]
    asks: list[DepthLevel]
    total_bid_quantity: int
    total_ask_quantity: int


class OpenInterest(Value, frozen=True, kw_only=True):
    """Open contracts of a derivative, now and at the day's extremes."""

    exchange: str
    symbol: str
    instrument_id: str
    open_interest: int
    day_high: int
    day_low: int


class WantedOrder(Value, frozen=True, kw_only=True):
    """An order as a caller wants it; `quantity` in units, in lots on the commodity segments (iifl_api §2)."""

    side: str
    quantity: int
    product: str
    order_type: str
    complexity: str = "REGULAR"
    validity: str = "DAY"
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    stop_loss_leg_price: Decimal | None = None
    target_leg_price: Decimal | None = None
    disclosed_quantity: int | None = None
    market_protection_percent: Decimal | None = None
    tag: str = ""


class OrderChange(Value, frozen=True, kw_only=True):
    """What is to be different about an order that waits; None: stays as it is."""

    quantity: int | None = None
    order_type: str | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    validity: str | None = None
    disclosed_quantity: int | None = None
    market_protection_percent: Decimal | None = None


class OrderReceipt(Value, frozen=True, kw_only=True):
    """The broker has taken an order, a change or a cancellation; what becomes of it is in the order book."""

    order_id: str
    taken_at: datetime | None


class OrderAnswer(Value, frozen=True, kw_only=True):
    """An accepted request: which order it is about, and when the broker took it. What becomes of it: the order book.

    `request` is its number in this site's record, `tag` what the broker's book shows of an order placed here.
    """

    request: int
    action: str
    order_id: str
    exchange: str
    symbol: str
    tag: str
    sent_at: datetime | None
    taken_at: datetime | None


class OrderMargin(Value, frozen=True, kw_only=True):
    """What an order would need, in rupees, with the positions that there are; `shortfall` is what is missing for it."""

    cash_available: Decimal
    used_before: Decimal
    used_after: Decimal
    required: Decimal
    allowed: bool
    shortfall: Decimal


class Leg(Value, frozen=True, kw_only=True):
    """One side of a combination of derivatives."""

    contract: Contract
    side: str
    quantity: int


class SpanMargin(Value, frozen=True, kw_only=True):
    """What a combination would need, in rupees, by itself: positions and open orders do not count."""

    span: Decimal
    exposure: Decimal
    total: Decimal
    buy_premium: Decimal


class PortfolioSummary(Value, frozen=True, kw_only=True):
    """The account at current prices, in rupees. What has no price is named in `unpriced` and counts nowhere else.

    Whether the broker's trading limit is net of the used margin is not documented: both are passed on as they are.
    """

    invested: Decimal
    value: Decimal
    pnl: Decimal
    pnl_percent: Decimal | None
    day_pnl: Decimal
    positions_pnl: Decimal
    trading_limit: Decimal
    used_margin: Decimal
    holdings: int
    open_positions: int
    unpriced: list[str]


class Weight(Value, frozen=True, kw_only=True):
    """A symbol's share of the holdings' value, in percent."""

    symbol: str
    value: Decimal
    percent: Decimal


class Risk(Value, frozen=True, kw_only=True):
    """Exposure in rupees, concentration in percent; `effective_holdings` is 1 / the sum of squared weights."""

    gross_exposure: Decimal
    net_exposure: Decimal
    margin_used_percent: Decimal | None
    largest: list[Weight]
    effective_holdings: Decimal | None
    day_pnl_percent: Decimal | None
    unpriced: list[str]


class BrokerStatus(Value, frozen=True, kw_only=True):
    """Whether the broker answered a moment ago; `detail` says why not."""

    up: bool
    detail: str
