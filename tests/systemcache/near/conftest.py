"""A listener that runs beside a test, as each process of the site has one."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.contrib.auth.models import User
from redis import Redis
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache import listener, near
from systemcache.errors import StoreUnavailable
from tests.conftest import client_of
from tests.servers.redis_server import RedisServer

PATIENCE = 10.0  # seconds, on a busy machine


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.002)


def hears() -> bool:
    return time.monotonic() - near.copies.heard_until < near.TRUST


@contextmanager
def listening() -> Iterator[threading.Thread]:
    """One connection's worth: the thread ends when that is lost, or with the block."""
    over = threading.Event()

    def listen() -> None:
        with suppress(StoreUnavailable):
            listener.listen(lambda: not over.is_set())

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        until(hears)
        yield thread
    finally:
        over.set()
        thread.join(PATIENCE)


@pytest.fixture
def ear(redis_store: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Thread]:
    # A machine that does other things may keep any thread waiting: how long is trusted is the benchmark's subject.
    monkeypatch.setattr(near, "TRUST", 2.0)
    with listening() as thread:
        yield thread


@pytest.fixture
def redis(redis_store: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis_store.url) as client:
        yield client


@pytest.fixture
def program(make_user: Callable[..., User], simulator: Simulator) -> APIClient:
    return client_of(make_user("program", "broker.view_account"))
