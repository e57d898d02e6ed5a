"""The broker app's models."""

from broker.models.account import Account
from broker.models.calendar import TradingDay
from broker.models.contract import Contract, ContractFile
from broker.models.order import OrderRequest
from broker.models.session import BrokerSession
from broker.models.trading_switch import TradingSwitch

__all__ = ["Account", "BrokerSession", "Contract", "ContractFile", "OrderRequest", "TradingDay", "TradingSwitch"]
