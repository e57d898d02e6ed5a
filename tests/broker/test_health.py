"""/api/system/health: up or not for everybody, each part for staff, in a bounded time."""

import threading
from datetime import timedelta

import msgspec
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from broker.iifl.session import TokenStore
from broker.models import BrokerSession, ContractFile
from broker.simulator import Simulator
from systemcache.api.schemas import HealthResponse
from systemcache.operations import health
from systemcache.operations.health import ComponentHealth
from testservers.redis_server import RedisServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_store")]
ROUTE = "/api/system/health"


def facts(client: APIClient) -> dict[str, ComponentHealth]:
    answer = msgspec.json.decode(client.get(ROUTE).content, type=HealthResponse)
    return {fact.name: fact for fact in answer.facts or ()}


def test_everybody_hears_that_it_is_up_and_no_more(anonymous: APIClient, trader: APIClient) -> None:
    for client in (anonymous, trader):
        assert (client.get(ROUTE).status_code, client.get(ROUTE).json()) == (200, {"status": "up"})


def test_an_old_token_does_not_make_the_site_look_down(anonymous: APIClient) -> None:
    assert anonymous.get(ROUTE, HTTP_AUTHORIZATION="Token nonsense").json() == {"status": "up"}


def test_staff_hear_of_every_part_by_token_and_by_session(staff: APIClient, admin_user: User) -> None:
    found = facts(staff)
    assert {"database", "redis", "breaker", "invalidations", "broker session"} <= set(found)
    assert found["database"].up
    assert found["redis"].up
    assert found["redis"].detail.startswith("version ")
    assert (found["breaker"].up, found["breaker"].detail) == (True, "closed")
    browser = Client()
    browser.force_login(admin_user)
    assert browser.get(ROUTE).json()["facts"]


def test_a_redis_that_is_away_is_told_and_the_site_is_up(staff: APIClient, redis_store: RedisServer) -> None:
    redis_store.kill()
    try:
        found = facts(staff)
    finally:
        redis_store.restart(empty=True)
    assert (found["redis"].up, found["breaker"].up, found["database"].up) == (False, False, True)


def test_the_brokers_session_and_files_are_told_without_a_call(staff: APIClient, simulator: Simulator) -> None:
    assert facts(staff)["broker session"].up is None
    TokenStore().save("a token")
    before = timezone.now() - timedelta(hours=1)
    ContractFile.objects.create(file="NSEEQ", source=simulator.base_url, rows=7, refreshed_at=before)
    found = facts(staff)
    assert found["broker session"].up
    assert found["broker session"].at == BrokerSession.objects.get().expires_at
    assert (found["contracts NSEEQ"].detail, found["contracts NSEEQ"].at) == ("7 rows", before)
    assert simulator.calls == ()


def test_a_database_that_hangs_is_down_in_a_bounded_time(
    anonymous: APIClient, staff: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes_back = threading.Event()
    monkeypatch.setattr(health, "DATABASE_TIMEOUT", 0.1)
    monkeypatch.setattr(health, "query_database", lambda: comes_back.wait(30))
    try:
        for client in (anonymous, staff):
            answer = client.get(ROUTE)
            assert (answer.status_code, answer.json()) == (503, {"status": "down"})
        assert len([thread for thread in threading.enumerate() if thread.name == "health"]) == 1
    finally:
        comes_back.set()
