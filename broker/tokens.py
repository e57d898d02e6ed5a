"""The session token of the day: shared by all processes through the database, encrypted there, dead at midnight IST."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from broker import conf, crypto
from broker.models import BrokerSession
from broker.values import IST
from systemcache import masking


def now() -> datetime:
    return datetime.now(IST)


def next_midnight(moment: datetime) -> datetime:
    """When a session made at this moment dies (iifl_api §1)."""
    day = moment.astimezone(IST).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=IST)


def checksum(client_id: str, auth_code: str, app_secret: str) -> str:
    """What the login exchange sends (iifl_api §1): SHA-256 of the three, one behind the other."""
    masking.remember(auth_code)
    return hashlib.sha256(f"{client_id}{auth_code}{app_secret}".encode()).hexdigest()


class Session(NamedTuple):
    token: str
    dies: datetime


class TokenStore:
    """Keeps the account's token; remembers it in this process until it dies or is dropped."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._known: Session | None = None  # replaced as a whole: other threads read it meanwhile

    def current(self) -> str | None:
        """Today's token, or None when a login is needed."""
        known = self._known
        if known is None or known.dies <= self._clock():
            known = self._known = _decrypted(self._stored())
        return known.token if known else None

    def keep(self, token: str) -> None:
        masking.remember(token)
        session = Session(token, next_midnight(self._clock()))
        BrokerSession.objects.update_or_create(
            client_id=conf.client_id(),
            defaults={"ciphertext": crypto.encrypt(token), "expires_at": session.dies},
        )
        self._known = session

    def drop(self, refused: str) -> None:
        """Forgets a token that the broker refused, unless another process has stored a newer one meanwhile."""
        row = self._stored()
        stored = _decrypted(row)
        if row and stored and stored.token == refused:
            # By its content as well: a newer one may be stored between the look and the deletion.
            BrokerSession.objects.filter(pk=row.pk, ciphertext=row.ciphertext).delete()
            stored = None
        self._known = stored

    def _stored(self) -> BrokerSession | None:
        return BrokerSession.objects.filter(client_id=conf.client_id(), expires_at__gt=self._clock()).first()


def _decrypted(row: BrokerSession | None) -> Session | None:
    token = crypto.decrypt(bytes(row.ciphertext)) if row else None
    if token:
        masking.remember(token)
    return Session(token, row.expires_at) if row and token else None
