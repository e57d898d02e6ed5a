"""Permissions by name: those that a view declares, and those that a family's values take."""

import logging
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from systemcache.cached_value import CachedValue
from systemcache.families import Family

logger = logging.getLogger(__name__)


class HasPermission(BasePermission):
    """The user has `permission`, such as `app.view_model`; "": any authenticated user; None: nobody."""

    permission: str | None = ""

    @property
    def message(self) -> str:
        return f"This requires the permission {self.permission}." if self.permission else "No user may see this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if self.permission is None or not request.user.is_authenticated:
            return False
        return not self.permission or request.user.has_perm(self.permission)


class FamilyPermission(HasPermission):
    """The permission to see a family's values. A secret family has no reader."""

    def __init__(self, family: Family[Any]) -> None:
        self.permission = None if family.secret else family.permission


def require_access(request: Request, value: CachedValue[Any]) -> None:
    """Raise NotAuthenticated or PermissionDenied unless the caller may see every family that the value is made of.

    Every response made of a cached value passes here, so a view that forgets its permission leaks nothing.
    """
    for family in value.families:
        permission = FamilyPermission(family)
        if not permission.has_permission(request, None):
            view = request.parser_context["view"]
            name = f"{type(view).__module__}.{type(view).__name__}"
            logger.error("cache: %s lets in callers who may not see the family %s", name, family.name)
            view.permission_denied(request, message=permission.message)
