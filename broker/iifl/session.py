"""The broker session token: shared through the database, encrypted there, valid until midnight IST."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from broker import conf
from broker.clock import next_midnight, now
from broker.iifl import crypto
from broker.models import BrokerSession
from systemcache import masking


def checksum(client_id: str, auth_code: str, app_secret: str) -> str:
    """Compute what the login sends (iifl_api §1): the SHA-256 of the three joined together."""
    return hashlib.sha256(f"{client_id}{auth_code}{app_secret}".encode()).hexdigest()


def may_be_of(client_id: str, *, token: str, shown_id: str) -> bool:
    """Whether a new token is this client's: by its claim, if it is readable, and by the profile's id.

    The broker shows the ends of the id alone (7******1). The claim is not verified: it comes from the broker itself.
    """
    claimed = preferred_username(token).upper()
    return fnmatchcase(client_id.upper(), shown_id.upper()) and claimed in ("", client_id.upper())


def preferred_username(token: str) -> str:
    """Return this claim of the JWT, which is the client id (iifl_api §1); empty if the token cannot be read so."""
    try:
        payload = token.split(".")[1]
        claim = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["preferred_username"]
    except (IndexError, ValueError, KeyError, TypeError):
        return ""
    return str(claim)


def stored_session(at: datetime) -> BrokerSession | None:
    """Return the row of the account's session if it is valid at this time."""
    return BrokerSession.objects.filter(client_id=conf.client_id(), expires_at__gt=at).first()


class Session(NamedTuple):
    token: str
    expires_at: datetime


class TokenStore:
    """Stores the account's token, and remembers it in the process until it expires or is invalidated."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._known: Session | None = None  # replaced as a whole, because other threads read it

    def current(self) -> str | None:
        """Return today's token, or None if a login is needed."""
        known = self._known
        if known is None or known.expires_at <= self._clock():
            known = self._known = _decrypt(stored_session(self._clock()))
        return known.token if known else None

    def reload(self) -> str | None:
        """Return today's token as the database has it now; None if a login is needed."""
        self._known = None
        return self.current()

    def save(self, token: str) -> None:
        masking.remember(token)
        session = Session(token, next_midnight(self._clock()))
        BrokerSession.objects.update_or_create(
            client_id=conf.client_id(),
            defaults={"ciphertext": crypto.encrypt(token), "expires_at": session.expires_at},
        )
        self._known = session

    def invalidate(self, refused: str) -> None:
        """Delete a token that the broker refused, unless another process has stored a newer one."""
        row = stored_session(self._clock())
        stored = _decrypt(row)
        if row and stored and stored.token == refused:
            # Match the ciphertext too: a newer token may be stored between the read and the deletion.
            BrokerSession.objects.filter(pk=row.pk, ciphertext=row.ciphertext).delete()
            stored = None
        self._known = stored


def _decrypt(row: BrokerSession | None) -> Session | None:
    token = crypto.decrypt(bytes(row.ciphertext)) if row else None
    if token:
        masking.remember(token)
    return Session(token, row.expires_at) if row and token else None
