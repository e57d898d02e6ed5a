"""The reader of a stream, and whether they may still read it."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from broker.cache_families import VIEW_ACCOUNT
from systemcache import events
from systemcache.auth.backends import CachedTokenAuthentication
from systemcache.auth.identity import TokenIdentity
from systemcache.models import ApiToken
from tradingsite.logins import second_factor


@dataclass(frozen=True, slots=True)
class Rights:
    """The stream's user, and the kinds of events that the user may see. Staff see the events of all owners."""

    user_id: int
    is_staff: bool
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a stream was opened with: a token or a session key."""

    token: str = field(default="", repr=False)
    session_key: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        return "token" if self.token else "session"

    def current_rights(self) -> Rights | None:
        """What it opens now, from the cached identities; None if it opens no stream any more. Raises DatabaseError."""
        return self._rights_of_token() if self.token else self._rights_of_session()

    def _rights_of_token(self) -> Rights | None:
        try:
            user, token = CachedTokenAuthentication().authenticate_credentials(self.token)
        except AuthenticationFailed:
            return None
        return None if token.scope == ApiToken.Scope.METRICS else rights_of(user)

    def _rights_of_session(self) -> Rights | None:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key)
        return rights_of(second_factor.guarded(auth.get_user(request), request))


def credential_of(request: Request) -> Credential:
    if isinstance(request.auth, TokenIdentity):
        return Credential(token=request.headers["Authorization"].split()[-1])
    return Credential(session_key=request.session.session_key or "")


def rights_of(user: Any) -> Rights | None:
    """None if the user may not see the account."""
    if not (user.is_authenticated and user.has_perm(VIEW_ACCOUNT)):
        return None
    kinds = (kind for kind in events.registered() if not kind.permission or user.has_perm(kind.permission))
    return Rights(user.pk, user.is_staff, frozenset(kind.name for kind in kinds))
