"""The broker floor in the admin."""

from broker.admin.contracts import ContractAdmin, ContractFileAdmin
from broker.admin.session import SessionAdmin

__all__ = ["ContractAdmin", "ContractFileAdmin", "SessionAdmin"]
