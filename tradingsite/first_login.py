"""An administrator and an API token for the very first start; the password and the token are stored nowhere."""

import secrets
from typing import NamedTuple

from django.contrib.auth.models import User

from systemcache.models import ApiToken

USERNAME = "admin"
TOKEN_NAME = "made by make run"  # noqa: S105 - a label, not a token


class FirstLogin(NamedTuple):
    """Shown once."""

    username: str
    password: str
    token: str


def create() -> FirstLogin | None:
    """None if the site has an administrator."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    user = User.objects.create_superuser(USERNAME, password=password)
    return FirstLogin(USERNAME, password, ApiToken.issue(user, TOKEN_NAME))
