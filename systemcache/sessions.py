"""Sessions live in the database and are read through the cache, under a hash: who reads Redis cannot log in."""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from systemcache import outbox
from systemcache.cache_families import SESSION
from systemcache.fetch import fetch


class NoSession(Exception):
    """There is none, or it has ended: nothing to keep."""

    status_code = 404


class SessionStore(db.SessionStore):
    """Django's, found by SESSION_ENGINE."""

    def load(self) -> dict[str, Any]:
        key = self.session_key or ""
        digest = hashlib.sha256(key.encode()).hexdigest()
        try:
            data = fetch(SESSION, {"sha256": digest}, lambda: self._stored(key)).value
        except NoSession:
            self._session_key = None
            return {}
        return dict(self.decode(data))

    def save(self, must_create: bool = False) -> None:
        super().save(must_create)
        self._changed()

    def delete(self, session_key: str | None = None) -> None:
        super().delete(session_key)
        self._changed()

    def _stored(self, key: str) -> str:
        found = self.model.objects.filter(session_key=key, expire_date__gt=timezone.now())
        data = found.values_list("session_data", flat=True).first()
        if data is None:
            raise NoSession
        return str(data)

    def _changed(self) -> None:
        outbox.record("default", SESSION)
