"""`Authorization: Token …`: the token's owner comes from the cache, the user's rights from the database."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from systemcache.cache_families import TOKEN
from systemcache.fetch import fetch
from systemcache.models import ApiToken


class CachedTokenAuthentication(TokenAuthentication):
    """DRF's token scheme over hashed tokens. An unknown token is asked for each time: failures are never stored."""

    def authenticate_credentials(self, key: str) -> tuple[AbstractBaseUser, str]:
        digest = ApiToken.digest_of(key)
        owner = fetch(TOKEN, {"sha256": digest}, lambda: _owner(digest)).value
        user = get_user_model().objects.filter(pk=owner, is_active=True).first()
        if user is None:
            raise AuthenticationFailed(_("User inactive or deleted."))
        return user, digest


def _owner(digest: str) -> int:
    owner = ApiToken.objects.filter(digest=digest).values_list("user_id", flat=True).first()
    if owner is None:
        raise AuthenticationFailed(_("Invalid token."))
    return int(owner)
