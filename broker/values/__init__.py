"""The broker's data as typed values: money in rupees as Decimal, times aware and in IST."""

from broker.values.account import Holding, Margins, Position, Profile, Trade
from broker.values.base import Value
from broker.values.calendar import CalendarRow
from broker.values.feed import FeedState
from broker.values.market import (
    CONTRACT_FILES,
    BrokerStatus,
    Candle,
    CandleChunk,
    Contract,
    ContractFileInfo,
    Depth,
    DepthLevel,
    Exchange,
    Interval,
    OpenInterest,
    PriceState,
    Quote,
)
from broker.values.orders import (
    AcceptedOrder,
    Leg,
    Order,
    OrderChange,
    OrderMargin,
    OrderParams,
    OrderReceipt,
    OrderStatus,
    SpanMargin,
)
from broker.values.portfolio import PortfolioSummary, Risk, Weight
from broker.values.trading import AccountState, Halt, HaltedOrder, TradingAnswer, TradingMode, TradingState

__all__ = [
    "CONTRACT_FILES",
    "AcceptedOrder",
    "AccountState",
    "BrokerStatus",
    "CalendarRow",
    "Candle",
    "CandleChunk",
    "Contract",
    "ContractFileInfo",
    "Depth",
    "DepthLevel",
    "Exchange",
    "FeedState",
    "Halt",
    "HaltedOrder",
    "Holding",
    "Interval",
    "Leg",
    "Margins",
    "OpenInterest",
    "Order",
    "OrderChange",
    "OrderMargin",
    "OrderParams",
    "OrderReceipt",
    "OrderStatus",
    "PortfolioSummary",
    "Position",
    "PriceState",
    "Profile",
    "Quote",
    "Risk",
    "SpanMargin",
    "Trade",
    "TradingAnswer",
    "TradingMode",
    "TradingState",
    "Value",
    "Weight",
]
