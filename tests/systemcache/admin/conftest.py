"""Those who look after the cache, and one who may only look."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from systemcache.admin import overview

VIEW, CLEAR, RECORD = "systemcache.view_cache", "systemcache.clear_cache", "systemcache.view_clearrecord"


@pytest.fixture(autouse=True)
def forgetful_overview() -> None:
    overview.forget()


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def keeper(make_user: Callable[..., User]) -> Client:
    """May look and clear."""
    return logged_in(make_user("asha", VIEW, CLEAR, RECORD, is_staff=True))


@pytest.fixture
def viewer(make_user: Callable[..., User]) -> Client:
    """May look."""
    return logged_in(make_user("bina", VIEW, is_staff=True))


@pytest.fixture
def outsider(make_user: Callable[..., User]) -> Client:
    """Staff, but not for the cache."""
    return logged_in(make_user("chitra", is_staff=True))
