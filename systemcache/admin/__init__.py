"""The cache in the admin: its pages, the record of clears, and API tokens."""

from systemcache.admin.cache import CacheAdmin
from systemcache.admin.clears import ClearRecordAdmin
from systemcache.admin.tokens import ApiTokenAdmin

__all__ = ["ApiTokenAdmin", "CacheAdmin", "ClearRecordAdmin"]
