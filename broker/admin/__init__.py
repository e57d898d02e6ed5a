"""The broker app in the admin."""

from broker.admin.calendar import TradingDayAdmin
from broker.admin.contracts import ContractAdmin, ContractFileAdmin
from broker.admin.orders import OrderRequestAdmin
from broker.admin.session import SessionAdmin
from broker.admin.trading_switch import TradingSwitchAdmin

__all__ = [
    "ContractAdmin",
    "ContractFileAdmin",
    "OrderRequestAdmin",
    "SessionAdmin",
    "TradingDayAdmin",
    "TradingSwitchAdmin",
]
