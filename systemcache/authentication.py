"""Tokens and sessions without SQL: whose they are, and what those may do, comes from the cache."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from systemcache import fetch, store
from systemcache.cache_families import TOKEN, USER
from systemcache.identity import Identity, identity
from systemcache.models import ApiToken


class CachedTokenAuthentication(TokenAuthentication):
    """DRF's token scheme over hashed tokens. An unknown token is asked for each time: failures are never stored."""

    def authenticate_credentials(self, key: str) -> tuple[AbstractBaseUser, str]:
        digest = ApiToken.digest_of(key)
        return fetch.fetch(TOKEN, {"sha256": digest}, lambda: _owner(digest)).value.user(), digest


def at_hand(key: str) -> Identity | None:
    """Whose a token is, if the cache knows. Raises StoreUnavailable."""
    found = fetch.warm(TOKEN, _spot(ApiToken.digest_of(key)))
    return found.value if found else None


def _spot(digest: str) -> store.Spot:
    return store.Spot(TOKEN.template.format(sha256=digest), (TOKEN.name,))


def _owner(digest: str) -> Identity:
    owner = ApiToken.objects.filter(digest=digest).values_list("user_id", flat=True).first()
    if owner is None:
        raise AuthenticationFailed(_("Invalid token."))
    found = identity(owner)
    if found is None:
        raise AuthenticationFailed(_("User inactive or deleted."))
    return found


class Nobody(Exception):
    """No active user has this number: no failure of the database, and nothing to keep."""

    status_code = 404


class CachedBackend(ModelBackend):
    """Django's own, but whose session it is comes from the cache."""

    def get_user(self, user_id: Any) -> Any:
        try:
            known = fetch.fetch(USER, {"id": user_id}, lambda: _active(user_id)).value
        except Nobody:
            return None
        user: Any = known.user()
        # Django compares it with the session's; once a password has been set here, it is reckoned anew.
        reckoned = user.get_session_auth_hash
        user.get_session_auth_hash = lambda: reckoned() if "password" in user.__dict__ else known.session_hash
        return user


def _active(user_id: int) -> Identity:
    found = identity(user_id)
    if found is None:
        raise Nobody
    return found
