"""Those who look after the cache, one who may only look, and a Redis to look at."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from redis import Redis

from systemcache.fetching.fetch import fetch
from tests.systemcache.admin.reading import DIGEST, price
from tests.systemcache.samples import LIST, SECRET, Price

VIEW, CLEAR, RECORD = "systemcache.view_cache", "systemcache.clear_cache", "systemcache.view_clearrecord"


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(make_user: Callable[..., User]) -> Client:
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


@pytest.fixture
def sample_redis(redis: Redis) -> Redis:
    """A Redis with two prices, a list, and a secret."""
    for symbol in ("A", "B"):
        price(symbol)
    fetch(LIST, {}, lambda: [Price("L", Decimal(2))])
    fetch(SECRET, {"sha256": DIGEST}, lambda: 4711)
    return redis
