"""Tokens end with their user's password but not with its hash, because Django rehashes passwords after an upgrade."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model

from systemcache.models import ApiToken


def keep_tokens_through_rehash(
    sender: type[Model], instance: Any, update_fields: frozenset[str] | None = None, **kwargs: object
) -> None:
    """Before a user is saved. Django saves the new hash alone, having taken back that a password was set."""
    if update_fields != frozenset({"password"}) or instance._password is not None:
        return
    if before := get_user_model().objects.filter(pk=instance.pk).first():
        tokens = ApiToken.objects.filter(user=before.pk, password_mark=ApiToken.mark_of(before))
        tokens.update(password_mark=ApiToken.mark_of(instance))
