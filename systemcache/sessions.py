"""Sessions live in the database and are read through the cache, under a hash: who reads Redis cannot log in.

Their table is watched: what is saved or deleted, whoever does it, is dropped on commit.
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from systemcache.cache_families import SESSION, KeptSession
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
            kept = fetch(SESSION, {"sha256": digest}, lambda: self._stored(key)).value
        except NoSession:
            kept = None
        if kept is None or kept.ends <= timezone.now():
            self._session_key = None
            return {}
        return dict(self.decode(kept.data))

    def _stored(self, key: str) -> KeptSession:
        found = self.model.objects.filter(session_key=key, expire_date__gt=timezone.now())
        row = found.values_list("session_data", "expire_date").first()
        if row is None:
            raise NoSession
        return KeptSession(*row)
