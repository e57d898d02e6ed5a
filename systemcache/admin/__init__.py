"""The cache in the admin: its pages, the record of clears, API tokens."""

from systemcache.admin.cache import CacheAdmin
from systemcache.admin.clear_records import ClearRecordAdmin
from systemcache.admin.tokens import ApiTokenAdmin

__all__ = ["ApiTokenAdmin", "CacheAdmin", "ClearRecordAdmin"]
