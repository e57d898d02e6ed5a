"""Who somebody is and what they may do, without asking the database: as it was a moment ago at the most.

Users, groups and permissions are watched: whatever changes them drops every identity, everywhere.
"""

from typing import Any, cast

import msgspec
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db.models import DEFERRED

SHARED = ("id", "username", "is_staff", "is_superuser")  # an identity's names and a user's


class Identity(msgspec.Struct, frozen=True):
    """An active user. `session_hash` is what Django compares a session's with: it changes with the password."""

    id: int
    username: str
    is_staff: bool
    is_superuser: bool
    permissions: frozenset[str]
    session_hash: str

    def may(self, permission: str) -> bool:
        return self.is_superuser or permission in self.permissions

    def user(self) -> AbstractUser:
        """A user as Django knows them; fields that are not known here are read from the database when asked for."""
        known = {name: getattr(self, name) for name in SHARED} | {"is_active": True}
        fields = get_user_model()._meta.concrete_fields
        values = [known.get(field.attname, DEFERRED) for field in fields]
        user = cast("AbstractUser", get_user_model().from_db(None, [field.attname for field in fields], values))
        remembered: Any = user
        remembered._perm_cache = set(self.permissions)  # where Django's own backend keeps what it has looked up
        return user


def identity(user_id: int) -> Identity | None:
    """From the database; None for nobody, and for somebody who was deactivated."""
    user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return None
    return Identity(
        id=user.pk,
        username=user.get_username(),
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
        permissions=frozenset() if user.is_superuser else frozenset(user.get_all_permissions()),
        session_hash=user.get_session_auth_hash(),
    )
