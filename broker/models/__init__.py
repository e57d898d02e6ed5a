"""Tables of the broker floor."""

from broker.models.account import Account
from broker.models.contract import Contract, ContractFile
from broker.models.order import OrderRequest
from broker.models.session import BrokerSession

__all__ = ["Account", "BrokerSession", "Contract", "ContractFile", "OrderRequest"]
