"""A login made for this machine: an administrator and an API token, kept under var/ for its owner alone."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model

from systemcache.models import ApiToken

USERNAME = "admin"
TOKEN_NAME = "made by make run"  # noqa: S105 - a label, not a token


def ensure(path: Path) -> dict[str, str] | None:
    """{"username", "password", "token"}; None when the site has administrators of its own."""
    if path.exists():
        login: dict[str, str] = json.loads(path.read_text())
        if _works(login):
            return login
    if get_user_model().objects.filter(is_superuser=True).exists():
        return None
    login = {"username": USERNAME, "password": secrets.token_urlsafe(12)}
    user = get_user_model().objects.create_superuser(login["username"], password=login["password"])
    login["token"] = ApiToken.issue(user, TOKEN_NAME)
    _write(path, login)
    return login


def _works(login: dict[str, str]) -> bool:
    """False after the owner has changed the password or revoked the token: then it is no longer ours to show."""
    user: Any = get_user_model().objects.filter(username=login["username"], is_active=True).first()
    if user is None or not user.check_password(login["password"]):
        return False
    return ApiToken.objects.filter(digest=ApiToken.digest_of(login["token"])).exists()


def _write(path: Path, login: dict[str, str]) -> None:
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(login, file)
    draft.replace(path)
