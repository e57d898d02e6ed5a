"""Instruments and market data."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from broker.values.base import Value
from systemcache.codec import Moment


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
    """Candle lengths under this site's names; endpoints.py has the broker's names."""

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
        """Whether the candle of the day `last` may still change, because its period has not ended before `today`."""
        return last >= self.period_start(today)

    def period_start(self, day: date) -> date:
        """Return the first day of the week or month of weekly or monthly candles, otherwise the day itself."""
        if self is Interval.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self is Interval.MONTH else day


class Candle(Value, frozen=True, kw_only=True, gc=False):
    """`time` is the start of the candle, in IST; `volume` is None if it is unknown.

    Out of the garbage collector's sight (it holds no reference to anything that could refer back): a year of minutes is
    94,000 of them, and each look at them stops all threads.
    """

    time: Moment
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int | None


class CandleChunk(Value, frozen=True, kw_only=True):
    """The candles of some days, with their instrument.

    `candles` is a list of Candle as JSON, because most answers only pass it on: decoding a year of minutes would hold
    up all other threads for a third of a second. `last` is the last of them. `before` is the candle before them in the
    broker's answer, which shows whether other chunks have the same adjustment for splits and bonuses; None if there is
    none.
    """

    instrument_id: str
    candles: msgspec.Raw
    last: Candle | None
    before: Candle | None = None


class Contract(Value, frozen=True, kw_only=True):
    """A row of a contract file. `symbol` is the trading symbol without its series: RELIANCE of RELIANCE-EQ.

    A lot or a tick that the file does not have is None.
    """

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
    lot_size: int | None
    tick_size: Decimal | None


class ContractFileInfo(Value, frozen=True, kw_only=True):
    """A contract file in the table: how many contracts it has, and when they were fetched from the broker."""

    exchange: str
    rows: int
    refreshed_at: Moment


class PriceState(StrEnum):
    """Where a price comes from, and how fresh it is (docs/broker/stream.md).

    LIVE: the broker's stream pushes it, and the feed is known to be well. LATE: the last value that the broker repeated
    when it was subscribed; nothing has come since. CLOSED: the last value of the stream, while the market is closed.
    POLLED: the answer to a call.
    """

    LIVE = "live"
    LATE = "late"
    CLOSED = "closed"
    POLLED = "polled"


class Quote(Value, frozen=True, kw_only=True):
    """A current price. `previous_close` is that of the session before, and `change` is ltp - previous_close.

    What is not known is None, never 0; a price of 0 is the broker's way to say so. `exchange_time` is when the
    instrument was traded last, `received_at` when this site received the price.
    """

    exchange: str
    symbol: str
    instrument_id: str
    ltp: Decimal
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    previous_close: Decimal | None
    change: Decimal | None = None
    change_percent: Decimal | None = None
    volume: int | None
    average_price: Decimal | None
    bid_price: Decimal | None
    bid_quantity: int | None
    ask_price: Decimal | None
    ask_quantity: int | None
    quoted_at: Moment | None
    exchange_time: Moment | None = None
    received_at: Moment | None = None
    state: PriceState = PriceState.POLLED


class DepthLevel(Value, frozen=True, kw_only=True):
    """The quantity and the number of orders at a price; None if unknown."""

    price: Decimal
    quantity: int | None
    orders: int | None


class Depth(Value, frozen=True, kw_only=True):
    """The order book of an instrument: up to five levels per side, the best first."""

    exchange: str
    symbol: str
    instrument_id: str
    bids: list[DepthLevel]
    asks: list[DepthLevel]
    total_bid_quantity: int | None
    total_ask_quantity: int | None


class OpenInterest(Value, frozen=True, kw_only=True):
    """Open contracts of a derivative, now and at the day's extremes; None if unknown."""

    exchange: str
    symbol: str
    instrument_id: str
    open_interest: int | None
    day_high: int | None
    day_low: int | None


class BrokerStatus(Value, frozen=True, kw_only=True):
    """Whether the broker answered when it was last asked; `detail` says why it did not."""

    up: bool
    detail: str
