"""Authentication by token and by session without SQL: users and their permissions come from the cache.

A request that may change something asks the database instead (authority.py).
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from systemcache.auth.authority import SAFE_METHODS, look_up
from systemcache.auth.cache_families import TOKEN, USER
from systemcache.auth.identity import Identity, TokenIdentity, identity_of, load_identity
from systemcache.fetching import hits
from systemcache.models import ApiToken
from systemcache.storage.key_names import EntryRef

LAST_USE_INTERVAL = timedelta(hours=1)  # between two writes of a token's last use


class OutOfScope(PermissionDenied):
    """The token is valid, and its scope does not reach this far."""

    default_code = "token_scope"


class CachedTokenAuthentication(TokenAuthentication):
    """DRF's token scheme over hashed tokens. An unknown token is looked up each time, because failures are never
    stored."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, TokenIdentity] | None:
        """The token's user, and the token. Raises AuthenticationFailed, OutOfScope."""
        found = super().authenticate(request)
        if found is not None:
            _require_scope(found[1], request)
        return found

    def authenticate_credentials(self, key: str) -> tuple[AbstractBaseUser, TokenIdentity]:
        digest = ApiToken.digest_of(key)
        token = look_up(TOKEN, {"sha256": digest}, lambda: _load_token(digest))
        if token.has_expired:
            raise AuthenticationFailed(_("The token has expired."))
        return token.owner.user(), token


def cached_token(key: str) -> TokenIdentity | None:
    """The token and its user, if they are in the cache. Raises StoreUnavailable."""
    digest = ApiToken.digest_of(key)
    value = hits.get_hit(TOKEN, EntryRef(TOKEN.template.format(sha256=digest), (TOKEN.name,), sealed=True))
    return value.value if value else None


def _require_scope(token: TokenIdentity, request: Request) -> None:
    view = (request.parser_context or {}).get("view")
    if token.scope == ApiToken.Scope.METRICS and not getattr(view, "for_metrics_tokens", False):
        raise OutOfScope("This token's scope is metrics: it reads /metrics and nothing else.")
    if token.scope == ApiToken.Scope.READ and request.method not in SAFE_METHODS:
        raise OutOfScope("This token has the scope read, so it can change nothing. Use one with the scope trade.")


def read_token(sha256: str) -> TokenIdentity:
    """Read a token and its user from the database, by the token's hash. Raises AuthenticationFailed."""
    return _identity_of(_valid_token(sha256))


def _load_token(digest: str) -> TokenIdentity:
    row = _valid_token(digest)
    _note_use(row)
    return _identity_of(row)


def _valid_token(digest: str) -> ApiToken:
    row = ApiToken.objects.filter(digest=digest).select_related("user").first()
    if row is None:
        raise AuthenticationFailed(_("Invalid token."))
    if not row.user.is_active:
        raise AuthenticationFailed(_("User inactive or deleted."))
    if row.ended:
        raise AuthenticationFailed(_("The token has %(ended)s.") % {"ended": row.ended})
    return row


def _identity_of(row: ApiToken) -> TokenIdentity:
    owner = identity_of(row.user)
    if row.scope != ApiToken.Scope.TRADE:
        owner = msgspec.structs.replace(owner, is_staff=False)
    return TokenIdentity(row.pk, row.name, row.scope, row.expires_at, owner)


def _note_use(row: ApiToken) -> None:
    """Write the token's last use, at most once an hour. That it cannot be written is no reason to refuse the token."""
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at >= LAST_USE_INTERVAL:
        with suppress(DatabaseError), transaction.atomic():
            ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)


class NoActiveUser(Exception):
    """No active user has this id. The database has not failed, and nothing is stored."""

    status_code = 404


class CachedBackend(ModelBackend):
    """Django's own backend, except that a session's user comes from the cache."""

    def get_user(self, user_id: Any) -> Any:
        try:
            identity = look_up(USER, {"id": user_id}, lambda: read_user(user_id))
        except NoActiveUser:
            return None
        user: Any = identity.user()
        # Django compares it with the session's. A password that is set on this object changes it.
        session_hash = user.get_session_auth_hash
        user.get_session_auth_hash = lambda: session_hash() if "password" in user.__dict__ else identity.session_hash
        return user


def read_user(id: int | str) -> Identity:  # noqa: A002 - a source is called with the parameters of its key by name
    """Read an active user from the database. Raises NoActiveUser."""
    identity = load_identity(int(id))
    if identity is None:
        raise NoActiveUser
    return identity
