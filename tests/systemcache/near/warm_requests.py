"""Requests that are warm: nothing more is loaded or copied on their way."""

from typing import Any

import pytest
from redis import Redis
from rest_framework.test import APIClient

from tests.support.waiting import eventually

HOLDINGS = "/api/broker/holdings"
WATCHLIST = "/api/watchlist?active=all"
# Of a request's own time, and its name for the moment.
PASSING = {"Server-Timing", "Age", "Date", "X-Request-ID"}


def warm(api: APIClient, address: str) -> Any:
    """Asked for until nothing more happens on the way: the token and the value have their copies."""
    for _ in range(3):
        answer = api.get(address)
        assert answer.status_code == 200, answer.content
    eventually(lambda: api.get(address)["X-Cache"] == "hit")
    return answer


def lasting(answer: Any) -> dict[str, str]:
    """The headers that are not of a request's own time, nor its name."""
    return {name: value for name, value in answer.items() if name not in PASSING}


def is_short(api: APIClient, address: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether it is answered without Django's resolving an address."""

    class Resolved(Exception):
        pass

    def resolve(*_: object) -> None:
        raise Resolved

    with monkeypatch.context() as patch:
        patch.setattr("django.core.handlers.base.BaseHandler.resolve_request", resolve)
        try:
            api.get(address)
        except Resolved:
            return False
    return True


def mgets(redis: Redis) -> int:
    """How often Redis has been asked for values."""
    told = redis.info("commandstats")
    assert isinstance(told, dict)
    return int(told.get("cmdstat_mget", {"calls": 0})["calls"])
