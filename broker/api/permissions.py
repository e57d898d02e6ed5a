"""Permissions to view the account and to trade."""

from broker.cache_families import VIEW_ACCOUNT
from systemcache.per_view.permissions import HasPermission


class CanViewAccount(HasPermission):
    permission = VIEW_ACCOUNT


class CanTrade(HasPermission):
    permission = "broker.trade"
