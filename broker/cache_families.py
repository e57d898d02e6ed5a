"""What is cached of the broker, under which keys."""

from typing import Any

from broker.values import (
    BrokerStatus,
    Candle,
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
from systemcache.families import Family

# Near copies are for what nothing done here changes: a copy may be some hundredths of a second behind a drop.
# Seconds after which a load is given up for lost: both tries of a read, with the time to connect (see endpoints.py)
# and to wait for their turns.
LOAD, LONG_LOAD, FILE_LOAD = 60, 90, 150

HOLDINGS = Family("holdings", "api:holdings", list[Holding], ahead=True, near=True, load_limit=LOAD)
POSITIONS = Family("positions", "api:positions", list[Position], ahead=True, load_limit=LOAD)
MARGINS = Family("margins", "api:margins", Margins, load_limit=LOAD)
ORDERS = Family("orders", "api:orders", list[Order], load_limit=LOAD)
ORDER_HISTORY = Family("order_history", "api:order:{order_id}", list[Order], load_limit=LOAD)
PROFILE = Family("profile", "api:profile", Profile, near=True, load_limit=LOAD)
TRADES = Family("trades", "api:trades", list[Trade], load_limit=LOAD)
QUOTES = Family("quotes", "api:quotes:{exchange}:{symbol}", Quote, near=True, load_limit=LOAD)
DEPTH = Family("depth", "api:depth:{exchange}:{symbol}", Depth, near=True, load_limit=LOAD)
OPEN_INTEREST = Family(
    "open_interest", "api:openinterest:{exchange}:{symbol}", OpenInterest, near=True, load_limit=LOAD
)
# A symbol of another exchange than NSEEQ stands as SYMBOL@EXCHANGE.
CANDLES = Family(
    "candles",
    "api:candles:{symbol}:{interval}:{from_date}:{to_date}",
    list[Candle],
    tags=("candles:{symbol}",),
    near=True,
    jitter=0.0001,  # a watchlist's histories are fetched together: they end some seconds apart
    load_limit=LONG_LOAD,
)
CONTRACTS = Family(
    "contracts",
    "api:contracts:{exchange}",
    ContractFileInfo,
    tags=("contracts",),
    ahead=True,
    near=True,
    load_limit=FILE_LOAD,
)
STATUS = Family("broker_status", "api:status", BrokerStatus, load_limit=LOAD)
PORTFOLIO_SUMMARY = Family("portfolio_summary", "computed:portfolio:summary", PortfolioSummary, load_limit=LONG_LOAD)
RISK = Family("risk", "computed:risk", Risk, load_limit=LONG_LOAD)

# What placing, changing or cancelling an order moves.
MOVED_BY_ORDERS = (ORDERS, ORDER_HISTORY, TRADES, POSITIONS, MARGINS, PORTFOLIO_SUMMARY, RISK)

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
    PORTFOLIO_SUMMARY,
    RISK,
)
