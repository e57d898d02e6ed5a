"""A changed or revoked API token is forgotten by the cache when the change has committed."""

from django.db import transaction

from systemcache import invalidation
from systemcache.cache_families import TOKEN
from systemcache.models import ApiToken


def token_changed(sender: type[ApiToken], instance: ApiToken, using: str, **kwargs: object) -> None:
    digest = instance.digest
    transaction.on_commit(lambda: invalidation.drop(TOKEN, {"sha256": digest}), using=using)
