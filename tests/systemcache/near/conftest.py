"""A process that is told of invalidations, and a program that calls its API."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache.local import listener
from tests.support.people import client_of
from tests.systemcache.near.listening import listening
from testservers.redis_server import RedisServer


@pytest.fixture
def listener_thread(
    redis_store: RedisServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[threading.Thread]:
    # A busy machine may keep any thread waiting: how long copies may lag is the benchmark's subject.
    settings.CACHE_NEAR_TRUST = 60_000
    monkeypatch.setattr(listener, "PONG_TIMEOUT", 60.0)
    with listening() as thread:
        yield thread


@pytest.fixture
def program(make_user: Callable[..., User], simulator: Simulator) -> APIClient:
    return client_of(make_user("program", "broker.view_account"))
