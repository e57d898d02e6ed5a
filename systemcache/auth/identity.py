"""An authenticated user and their permissions, without SQL.

Users, groups and permissions are watched: whatever changes one invalidates every identity, in every process.
"""

from datetime import datetime
from typing import Any, cast

import msgspec
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db.models import DEFERRED
from django.utils import timezone

from systemcache.models import ApiToken

SHARED_FIELDS = ("id", "username", "is_staff", "is_superuser")  # an identity's and a user's


class Identity(msgspec.Struct, frozen=True):
    """An active user. Django compares `session_hash` with the session's: it changes with the password."""

    id: int
    username: str
    is_staff: bool
    is_superuser: bool
    permissions: frozenset[str]
    session_hash: str

    def has_permissions(self, names: frozenset[str]) -> bool:
        return self.is_superuser or names <= self.permissions

    def user(self) -> AbstractUser:
        """Django's user object; it reads the fields that an identity lacks from the database on first use."""
        values = {name: getattr(self, name) for name in SHARED_FIELDS} | {"is_active": True}
        names = [field.attname for field in get_user_model()._meta.concrete_fields]
        user = get_user_model().from_db(None, names, [values.get(name, DEFERRED) for name in names])
        cast("Any", user)._perm_cache = set(self.permissions)  # where Django's own backend keeps what it has looked up
        return cast("AbstractUser", user)


class TokenIdentity(msgspec.Struct, frozen=True):
    """A token and its user. It is DRF's `request.auth`, which is None for a session."""

    id: int
    name: str
    scope: str
    expires_at: datetime | None
    owner: Identity

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def may_read(self, permissions: frozenset[str]) -> bool:
        """Whether it may read values that require these permissions."""
        return self.scope != ApiToken.Scope.METRICS and not self.has_expired and self.owner.has_permissions(permissions)


def load_identity(user_id: int) -> Identity | None:
    """Read an active user from the database; None if there is none, or the user was deactivated."""
    user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    return identity_of(user) if user else None


def identity_of(user: AbstractUser) -> Identity:
    """The user's identity, with permissions from the database."""
    return Identity(
        id=user.pk,
        username=user.get_username(),
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
        permissions=frozenset() if user.is_superuser else frozenset(user.get_all_permissions()),
        session_hash=user.get_session_auth_hash(),
    )
