"""The broker floor in the admin."""

from broker.admin.contracts import ContractAdmin, ContractFileAdmin
from broker.admin.orders import OrderRequestAdmin
from broker.admin.session import SessionAdmin

__all__ = ["ContractAdmin", "ContractFileAdmin", "OrderRequestAdmin", "SessionAdmin"]
