"""People before the pages: what they see, with a simulator and a Redis behind it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from broker.simulator import Simulator
from tests.dashboard.page import Person
from testservers.redis_server import RedisServer

VIEWER = ("broker.view_account",)


@pytest.fixture
def person(make_user: Callable[..., User], simulator: Simulator, redis_store: RedisServer) -> Callable[..., Person]:
    """Logs in somebody with these permissions, or of a group."""

    def log_in(*permissions: str, group: str = "", **fields: Any) -> Person:
        user = make_user(f"person{User.objects.count()}", *permissions, **fields)
        if group:
            user.groups.add(Group.objects.get(name=group))
        client = Client()
        client.force_login(user)
        return Person(client, user)

    return log_in


@pytest.fixture
def trader(person: Callable[..., Person]) -> Person:
    """May see the account and trade; the trading switch is another matter."""
    return person(group="trader")


@pytest.fixture
def viewer(person: Callable[..., Person]) -> Person:
    """May see the account, and change nothing."""
    return person(*VIEWER)
