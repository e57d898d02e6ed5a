"""Sessions in the database, read through the cache; both store only a hash of a session's key.

The key is the browser's cookie, so somebody who can read Redis or the table still cannot log in. The table is watched:
whatever saves or deletes a session invalidates its copy on commit.
"""

import hashlib
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from systemcache.auth.authority import look_up
from systemcache.auth.cache_families import SESSION, CachedSession


class NoSession(Exception):
    """There is no such session, or it has expired. Nothing is stored."""

    status_code = 404


def digest_of(key: str) -> str:
    """The hash of a session's key in table and cache: it fits Django's column, and has 160 bits, as strong as the
    key."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


class SessionStore(db.SessionStore):
    """Django's database sessions, found by SESSION_ENGINE."""

    def load(self) -> dict[str, Any]:
        digest = digest_of(self.session_key or "")
        try:
            session = look_up(SESSION, {"sha256": digest}, lambda: read_session(digest))
        except NoSession:
            session = None
        if session is None or session.has_expired:
            self._session_key = None
            return {}
        return dict(self.decode(session.data))

    def exists(self, session_key: str) -> bool:
        return super().exists(digest_of(session_key))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(digest_of(key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = digest_of(row.session_key)
        return row

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        return await sync_to_async(self.create_model_instance)(data)


def read_session(sha256: str) -> CachedSession:
    """Read a session that has not expired from the database, by the hash of its key. Raises NoSession."""
    model = SessionStore.get_model_class()
    rows = model.objects.filter(session_key=sha256, expire_date__gt=timezone.now())
    row = rows.values_list("session_data", "expire_date").first()
    if row is None:
        raise NoSession
    return CachedSession(*row)
