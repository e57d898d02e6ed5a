"""What is cached of the broker, under which keys."""

from typing import Any

from broker.values import (
    BrokerStatus,
    Candle,
    Contract,
    Holding,
    Margins,
    Order,
    PortfolioSummary,
    Position,
    Profile,
    Quote,
    Risk,
    Trade,
)
from systemcache.families import Family

HOLDINGS = Family("holdings", "api:holdings", list[Holding])
POSITIONS = Family("positions", "api:positions", list[Position])
MARGINS = Family("margins", "api:margins", Margins)
ORDERS = Family("orders", "api:orders", list[Order])
PROFILE = Family("profile", "api:profile", Profile)
TRADES = Family("trades", "api:trades", list[Trade])
QUOTES = Family("quotes", "api:quotes:{exchange}:{symbol}", Quote)
# A symbol of another exchange than NSEEQ stands as SYMBOL@EXCHANGE.
CANDLES = Family(
    "candles",
    "api:candles:{symbol}:{interval}:{from_date}:{to_date}",
    list[Candle],
    tags=("candles:{symbol}",),
)
CONTRACTS = Family("contracts", "api:contracts:{exchange}", list[Contract], tags=("contracts",))
STATUS = Family("broker_status", "api:status", BrokerStatus)
PORTFOLIO_SUMMARY = Family("portfolio_summary", "computed:portfolio:summary", PortfolioSummary)
RISK = Family("risk", "computed:risk", Risk)

ALL: tuple[Family[Any], ...] = (
    HOLDINGS,
    POSITIONS,
    MARGINS,
    ORDERS,
    TRADES,
    PROFILE,
    QUOTES,
    CANDLES,
    CONTRACTS,
    STATUS,
    PORTFOLIO_SUMMARY,
    RISK,
)
