"""/api/system, /metrics and the tokens, as their callers see them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

import msgspec
import pytest
from django.contrib.auth.models import User
from redis import Redis
from rest_framework.test import APIClient

from systemcache.api import schemas
from systemcache.models import ApiToken
from systemcache.operations import warming
from testservers.redis_server import RedisServer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_store")]

SYSTEM = ("/api/system/cache/", "/api/system/health/")
STAFF_ONLY = [
    ("get", "/api/system/cache/families"),
    ("get", "/api/system/cache/keys"),
    ("post", "/api/system/cache/clear?pattern=*"),
    ("post", "/api/system/cache/warm?family=settings"),
    ("get", "/metrics"),
]


@pytest.mark.parametrize("slash", ["", "/"])
def test_health_is_for_anybody_and_says_no_more_than_up(anonymous: APIClient, slash: str) -> None:
    answer = anonymous.get(f"/api/system/health{slash}")
    assert (answer.status_code, answer.json()) == (200, {"status": "up"})


@pytest.mark.parametrize(("method", "path"), STAFF_ONLY)
def test_running_the_cache_is_for_staff(anonymous: APIClient, stranger: APIClient, method: str, path: str) -> None:
    for api, status in ((anonymous, 401), (stranger, 403)):
        answer = getattr(api, method)(path)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "message", "detail"}


@pytest.mark.parametrize(("method", "path"), STAFF_ONLY)
def test_staff_may_run_the_cache(staff: APIClient, method: str, path: str) -> None:
    assert getattr(staff, method)(path).status_code == 200


@pytest.mark.parametrize("accept", ["text/plain", "text/plain;version=0.0.4", "application/openmetrics-text", "*/*"])
def test_metrics_have_one_form_whatever_a_scraper_asks_for(staff: APIClient, accept: str) -> None:
    answer = staff.get("/metrics", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, "text/plain")


def test_stats_count_reads_over_http(stranger: APIClient) -> None:
    states = [stranger.get("/api/settings").headers["X-Cache"] for _ in range(22)]
    assert states == ["miss"] + ["hit"] * 21
    stats = stranger.get("/api/system/cache/stats").json()
    assert (stats["hits"], stats["misses"], stats["hit_rate_percent"]) == (21, 1, 95.45)
    assert stats["families"]["settings"]["hits"] == 21
    assert {"redis_keyspace_hits", "redis_keyspace_misses"} <= set(stats)


def test_a_clear_over_http_counts_first_and_drops_then(staff: APIClient) -> None:
    staff.get("/api/settings")
    path = "/api/system/cache/clear?pattern=db:*"
    assert staff.post(f"{path}&dry_run=true").json()["keys"] == 1
    assert staff.get("/api/settings").headers["X-Cache"] == "hit"
    assert staff.post(path).json()["keys"] == 1
    assert staff.get("/api/settings").headers["X-Cache"] == "miss"


@pytest.mark.parametrize(
    "query",
    ["", "pattern=*&family=settings", "family=nonsense", "tag=nonsense", "pattern=*&dry_run=perhaps", "pattern="],
)
def test_an_unclear_clear_is_refused(staff: APIClient, query: str) -> None:
    staff.get("/api/settings")
    answer = staff.post(f"/api/system/cache/clear?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert staff.get("/api/settings").headers["X-Cache"] == "hit"


def test_a_get_never_clears(staff: APIClient) -> None:
    assert staff.get("/api/system/cache/clear?pattern=*").status_code == 405


def test_keys_are_shown_with_life_and_size_and_without_tokens(staff: APIClient, redis_store: RedisServer) -> None:
    staff.get("/api/settings")
    with Redis.from_url(redis_store.url) as redis:
        redis.set("iifl:SIM0001:auth:token:of:another:shape", "secret all the same")
    page = staff.get("/api/system/cache/keys").json()
    assert [(row["key"], row["family"]) for row in page["data"]] == [("db:settings:all", "settings")]
    assert 0 < page["data"][0]["ttl"] <= 600
    assert page["data"][0]["bytes"] > 0
    assert page["keys"] == page["data"]  # the name until 0.3


@pytest.mark.parametrize(
    ("method", "path", "type_"),
    [
        ("get", "stats", schemas.Statistics),
        ("get", "families", schemas.FamiliesResponse),
        ("get", "keys", schemas.KeysResponse),
        ("post", "clear?pattern=db:*", schemas.ClearResponse),
        ("post", "warm?family=settings", warming.Report),
    ],
)
def test_answers_are_of_their_described_type(staff: APIClient, method: str, path: str, type_: type[object]) -> None:
    staff.get("/api/settings")
    answer = getattr(staff, method)(f"/api/system/cache/{path}")
    assert answer.status_code == 200
    msgspec.json.decode(answer.content, type=type_)


def test_the_description_has_a_schema_and_an_example_of_each_answer(staff: APIClient) -> None:
    schema = staff.get("/api/schema?format=json").json()
    system = {path: methods for path, methods in schema["paths"].items() if path.startswith(SYSTEM)}
    assert len(system) == 6
    for methods in system.values():
        for operation in methods.values():
            content = operation["responses"]["200"]["content"]["application/json"]
            component = content["schema"]["$ref"].removeprefix("#/components/schemas/")
            assert schema["components"]["schemas"][component]["properties"]
            assert content["examples"]


def test_metrics_are_prometheus_text(staff: APIClient) -> None:
    staff.get("/api/settings")
    text = staff.get("/metrics").content.decode()
    assert 'cache_misses_total{family="settings"} 1.0' in text
    assert "cache_redis_up 1.0" in text
    assert 'cache_load_duration_seconds_count{family="settings"} 1.0' in text
    assert 'cache_breaker_state{state="closed"} 1.0' in text
    assert re.search(r"^cache_redis_memory_bytes [1-9]", text, re.MULTILINE)


def test_without_redis_metrics_are_left_out_rather_than_wrong(staff: APIClient, redis_store: RedisServer) -> None:
    staff.get("/api/settings")
    redis_store.kill()
    try:
        text = staff.get("/metrics").content.decode()
    finally:
        redis_store.restart(empty=True)
    assert "cache_redis_up 0.0" in text
    assert 'cache_breaker_state{state="open"} 1.0' in text
    assert "cache_misses_total{" not in text


def test_without_redis_the_statistics_and_a_clear_say_so(staff: APIClient, redis_store: RedisServer) -> None:
    redis_store.kill()
    try:
        assert staff.get("/api/system/cache/stats").json()["connected"] is False
        assert staff.get("/api/system/health").status_code == 200
        assert staff.get("/api/settings").headers["X-Cache"] == "bypass"
        answer = staff.post("/api/system/cache/clear?pattern=*")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "cache_unavailable")
    finally:
        redis_store.restart(empty=True)


def test_a_revoked_token_is_refused_at_once(
    stranger: APIClient, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]]
) -> None:
    assert stranger.get("/api/settings").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        ApiToken.objects.all().delete()
    assert stranger.get("/api/settings").status_code == 401


def test_a_deactivated_user_is_refused_at_once(stranger: APIClient) -> None:
    assert stranger.get("/api/settings").status_code == 200
    User.objects.update(is_active=False)
    assert stranger.get("/api/settings").status_code == 401


def test_an_unknown_token_is_refused_and_not_cached(anonymous: APIClient) -> None:
    for _ in range(2):
        answer = anonymous.get("/api/settings", HTTP_AUTHORIZATION="Token nonsense")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "authentication_failed")


@pytest.mark.django_db(transaction=True)
def test_a_token_is_nowhere_in_plain(redis_store: RedisServer) -> None:
    token = ApiToken.issue(User.objects.create_user("program"), "test")
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert api.get("/api/settings").status_code == 200
    redis = Redis.from_url(redis_store.url)
    names = cast("list[bytes]", redis.keys("iifl:*"))
    everything = b"".join(names) + b"".join(cast("list[bytes]", redis.mget(names)))
    assert token.encode() not in everything
    assert b"auth:token:" + ApiToken.digest_of(token).encode() in everything
    assert not ApiToken.objects.filter(digest=token).exists()
