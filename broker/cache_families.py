"""The broker's cache families: their keys, types and tags."""

from typing import Any

from broker.values import (
    AccountState,
    BrokerStatus,
    CalendarRow,
    CandleChunk,
    ContractFileInfo,
    Depth,
    Holding,
    Margins,
    OpenInterest,
    Order,
    PortfolioSummary,
    Position,
    Profile,
    Quote,
    Risk,
    Trade,
)
from systemcache.families import CALL, Family

# `near` is only for values that no write of this site changes, and for the calendar, which may take a moment to change:
# a near copy may be some hundredths of a second behind an invalidation.

# Seconds after which a load counts as lost: two attempts at a read, with the time to connect (see endpoints.py) and to
# wait for the rate limit.
LOAD_TIMEOUT, LONG_LOAD_TIMEOUT, FILE_LOAD_TIMEOUT = 60, 90, 150
VIEW_ACCOUNT = "broker.view_account"
# Of the account, or its data feed: only those who may view it may see a value, and a hit saves a call to the broker.
ACCOUNT: dict[str, Any] = {
    "load_timeout": LOAD_TIMEOUT,
    "permission": VIEW_ACCOUNT,
    "counts_as": CALL,
    "refreshable": True,
}

PRICED: dict[str, Any] = ACCOUNT | {"load_timeout": LONG_LOAD_TIMEOUT}  # a call for the book, and one for its prices

HOLDINGS = Family("holdings", "api:holdings", list[Holding], ahead=True, near=True, **PRICED)
POSITIONS = Family("positions", "api:positions", list[Position], ahead=True, **PRICED)
MARGINS = Family("margins", "api:margins", Margins, **ACCOUNT)
ORDERS = Family("orders", "api:orders", list[Order], **ACCOUNT)
ORDER_HISTORY = Family("order_history", "api:order:{order_id}", list[Order], **ACCOUNT)
PROFILE = Family("profile", "api:profile", Profile, near=True, **ACCOUNT)
TRADES = Family("trades", "api:trades", list[Trade], **ACCOUNT)
QUOTES = Family("quotes", "api:quotes:{exchange}:{symbol}", Quote, near=True, pushed=True, **ACCOUNT)
DEPTH = Family("depth", "api:depth:{exchange}:{symbol}", Depth, near=True, pushed=True, **ACCOUNT)
OPEN_INTEREST = Family(
    "open_interest",
    "api:openinterest:{exchange}:{symbol}",
    OpenInterest,
    near=True,
    pushed=True,
    **ACCOUNT,
)
# Symbols of exchanges other than NSEEQ are written SYMBOL@EXCHANGE.
CANDLES = Family(
    "candles",
    "api:candles:{symbol}:{interval}:{from_date}:{to_date}",
    CandleChunk,
    tags=("candles:{symbol}",),
    near=True,
    jitter=0.0001,  # a watchlist's candles are fetched together; this spreads their expiry over some seconds
    load_timeout=LONG_LOAD_TIMEOUT,
    permission=VIEW_ACCOUNT,
    counts_as=CALL,
)
CONTRACTS = Family(
    "contracts",
    "api:contracts:{exchange}",
    ContractFileInfo,
    tags=("contracts",),
    ahead=True,
    near=True,
    load_timeout=FILE_LOAD_TIMEOUT,
    permission=VIEW_ACCOUNT,
    counts_as=CALL,
)
STATUS = Family("broker_status", "api:status", BrokerStatus, near=True, load_timeout=LOAD_TIMEOUT, counts_as=CALL)
CALENDAR = Family(
    "calendar", "db:calendar", list[CalendarRow], strict=True, near=True, source="broker.calendar.table.load_rows"
)
ACCOUNT_STATE = Family(
    "account_state",
    "db:account:state",
    AccountState,
    strict=True,
    near=True,
    permission=VIEW_ACCOUNT,
    source="broker.account_state.load",
)
PORTFOLIO_SUMMARY = Family(
    "portfolio_summary",
    "computed:portfolio:summary",
    PortfolioSummary,
    load_timeout=LONG_LOAD_TIMEOUT,
    permission=VIEW_ACCOUNT,
    refreshable=True,
)
RISK = Family("risk", "computed:risk", Risk, load_timeout=LONG_LOAD_TIMEOUT, permission=VIEW_ACCOUNT, refreshable=True)

# What placing, changing or cancelling an order changes.
CHANGED_BY_ORDERS = (ORDERS, ORDER_HISTORY, TRADES, POSITIONS, MARGINS, PORTFOLIO_SUMMARY, RISK)

ALL: tuple[Family[Any], ...] = (
    HOLDINGS,
    POSITIONS,
    MARGINS,
    ORDERS,
    ORDER_HISTORY,
    TRADES,
    PROFILE,
    QUOTES,
    DEPTH,
    OPEN_INTEREST,
    CANDLES,
    CONTRACTS,
    STATUS,
    CALENDAR,
    ACCOUNT_STATE,
    PORTFOLIO_SUMMARY,
    RISK,
)
