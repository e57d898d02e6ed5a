"""The families of tokens, users and sessions. All are secret."""

from datetime import datetime
from typing import Any

import msgspec
from django.utils import timezone

from systemcache.auth.identity import Identity, TokenIdentity
from systemcache.families import Family


class CachedSession(msgspec.Struct, frozen=True):
    """A session's data as Django signs it, and when it expires: maybe before its copy does."""

    data: str
    ends: datetime

    @property
    def has_expired(self) -> bool:
        return self.ends <= timezone.now()


SECRET: dict[str, Any] = {"strict": True, "near": True, "secret": True}

TOKEN = Family("token", "auth:token:{sha256}", TokenIdentity, source="systemcache.auth.backends.read_token", **SECRET)
USER = Family("user", "auth:user:{id}", Identity, source="systemcache.auth.backends.read_user", **SECRET)
SESSION = Family(
    "session", "auth:session:{sha256}", CachedSession, source="systemcache.auth.sessions.read_session", **SECRET
)
ALL = (TOKEN, USER, SESSION)
