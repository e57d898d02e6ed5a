"""Permissions to see and clear the cache: the same as for the admin's pages."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from systemcache.models import ApiToken, Cache


class CanViewCache(BasePermission):
    """Staff with the permission to view the cache."""

    names: tuple[str, ...] = (Cache.VIEW,)

    @property
    def message(self) -> str:
        return f"This is for staff with the permission {' and '.join(self.names)}."

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.user.is_staff and request.user.has_perms(self.names)


class CanClearCache(CanViewCache):
    """Staff with the permissions to view and to clear it."""

    names = (Cache.VIEW, Cache.CLEAR)


class CanReadMetrics(BasePermission):
    """Staff, and programs with any user's token of the scope metrics."""

    message = "This is for staff, and for tokens of the scope metrics."

    def has_permission(self, request: Request, view: Any) -> bool:
        of_metrics = getattr(request.auth, "scope", None) == ApiToken.Scope.METRICS
        return of_metrics or request.user.is_staff
