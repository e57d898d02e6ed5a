"""The same site on real servers: PostgreSQL, Redis, two workers; and on SQLite without Redis."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
import requests

from systemcache import codec, families
from systemcache.storage import sealing
from tests.site.conftest import Deployment
from tests.site.routes import CACHED, DOCUMENTED, GET_ROUTES, TTLS
from tests.support.programs import only_linux
from tests.support.waiting import eventually
from testservers.redis_server import RedisServer
from testservers.web_server import WebServer, manage

pytestmark = [only_linux, pytest.mark.timeout(240)]

PREFIX = "iifl:SIM0001:"
FLUSHED = 1.5  # seconds after which every process has added its counts to Redis
WATCHLIST = "/api/watchlist"
# What differs between two sites that say the same.
OWN = frozenset({"as_of", "created_at", "received_at", "updated_at"})


@pytest.fixture
def store(own_redis: RedisServer) -> Iterator[redis.Redis]:
    """The deployment's Redis, empty."""
    with redis.Redis.from_url(own_redis.url) as connection:
        connection.flushall()
        yield connection


def comparable(value: Any, site: str) -> Any:
    if isinstance(value, dict):
        return {name: comparable(inner, site) for name, inner in value.items() if name not in OWN}
    if isinstance(value, list):
        return [comparable(inner, site) for inner in value]
    return value.removeprefix(site) if isinstance(value, str) else value


def states(site: Deployment, routes: Any = tuple(CACHED)) -> dict[str, tuple[int, str]]:
    answers = {route: site.get(route) for route in routes}
    return {route: (answer.status_code, answer.headers["X-Cache"]) for route, answer in answers.items()}


# --- the same answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", [route for route in DOCUMENTED.values() if "/system/" not in route])
def test_the_answers_are_those_of_a_site_without_servers(
    deployment: Deployment, plain_deployment: Deployment, route: str
) -> None:
    here, there = deployment.get(route), plain_deployment.get(route)
    assert (here.status_code, there.status_code) == (200, 200)
    assert comparable(here.json(), deployment.url) == comparable(there.json(), plain_deployment.url)


def test_without_redis_every_answer_comes_from_its_source(plain_deployment: Deployment) -> None:
    assert states(plain_deployment) == dict.fromkeys(CACHED, (200, "bypass"))


# --- keys --------------------------------------------------------------------------------------------------


def test_the_first_answer_is_a_miss_and_every_workers_next_one_a_hit(deployment: Deployment, store: object) -> None:
    routes = [route for route in CACHED if "portfolio" not in route and "quotes" not in route]
    assert states(deployment, routes) == dict.fromkeys(routes, (200, "miss"))
    for _ in range(4):
        assert states(deployment, routes) == dict.fromkeys(routes, (200, "hit"))


@pytest.mark.parametrize(("route", "key"), CACHED.items())
def test_a_value_stands_under_its_documented_key_with_its_ttl(
    deployment: Deployment, store: redis.Redis, route: str, key: str
) -> None:
    # Until a worker has heard of the fixture's flush it may answer from its near copy, and store nothing.
    eventually(lambda: deployment.get(route).ok and store.exists(PREFIX + key) == 1)
    life = store.pttl(PREFIX + key)
    assert 0 < life <= 1000 * TTLS[key]
    assert life > 1000 * TTLS[key] - 10_000


def test_a_token_stands_under_its_hash(deployment: Deployment, store: redis.Redis) -> None:
    digest = hashlib.sha256(deployment.token.encode()).hexdigest()
    key = f"{PREFIX}auth:token:{digest}"
    # Until a worker has heard of the fixture's flush it may answer from its near copy, and store nothing.
    eventually(lambda: deployment.get("/api/settings").ok and store.exists(key) == 1)
    assert 290 < store.ttl(key) <= 300
    everything = b"".join(cast("list[bytes]", store.keys("*")))
    assert deployment.token.encode() not in everything


def test_every_key_ends_and_every_value_is_of_our_format_and_of_its_familys_type(
    deployment: Deployment, store: redis.Redis
) -> None:
    for route in GET_ROUTES:
        deployment.get(route).raise_for_status()
    time.sleep(FLUSHED)
    names = cast("list[bytes]", store.keys("*"))
    assert len(names) > 12
    ends = {name: store.ttl(name) for name in names}
    assert not [name for name, ttl in ends.items() if ttl == -1]
    ours = [name for name in names if name.startswith(PREFIX.encode())]
    values = {name.decode(): cast("bytes", store.get(name)) for name in ours}
    for name, value in values.items():
        if value is not None:  # quotes live for two seconds
            assert not value.startswith(b"\x80")
            family = families.of_key(name.removeprefix(PREFIX))
            assert family, name
            if family.secret:  # sealed: nothing of it can be read here
                assert value.startswith(sealing.FORMAT)
            else:
                codec.decode(codec.unpack(value).payload, family.type)


def test_a_ttl_from_the_environment_is_honoured(deployment: Deployment, store: redis.Redis, tmp_path: Path) -> None:
    with WebServer(tmp_path, {**deployment.environment, "CACHE_TTL_HOLDINGS": "2"}) as server:
        site = Deployment(server, deployment.token, deployment.environment)
        assert site.get("/api/broker/holdings").headers["X-Cache"] == "miss"
        assert 0 < store.pttl(f"{PREFIX}api:holdings") <= 2000
        eventually(lambda: site.get("/api/broker/holdings").headers["X-Cache"] == "miss", 6)


# --- counts ------------------------------------------------------------------------------------------------


def test_one_miss_and_21_hits_over_both_workers_give_95_45(deployment: Deployment, store: redis.Redis) -> None:
    time.sleep(FLUSHED)  # counts of what came before
    store.flushall()
    found = [deployment.get(WATCHLIST).headers["X-Cache"] for _ in range(22)]
    assert found == ["miss"] + ["hit"] * 21
    time.sleep(FLUSHED)
    # Neither of the two that counted is asked: what they counted has to be in Redis by now.
    assert counts(json.loads(manage("cachestats", "--json", environment=deployment.environment))) == (21, 1, 95.45)
    for _ in range(4):
        assert counts(deployment.get("/api/system/cache/stats").json()) == (21, 1, 95.45)


def counts(stats: dict[str, Any]) -> tuple[int, int, float]:
    assert stats["families"]["watchlist"]["loads"] == 1
    return stats["hits"], stats["misses"], stats["hit_rate_percent"]


def test_clearing_by_one_worker_is_clear_for_all(deployment: Deployment, store: redis.Redis) -> None:
    states(deployment)
    headers = {"Authorization": f"Token {deployment.token}"}
    clear = f"{deployment.url}/api/system/cache/clear?pattern=*"
    assert requests.post(clear, headers=headers, timeout=30).json()["keys"] >= 10
    routes = [route for route in CACHED if "portfolio" not in route and "quotes" not in route]
    assert states(deployment, routes) == dict.fromkeys(routes, (200, "miss"))


# --- writes ------------------------------------------------------------------------------------------------


def test_what_was_written_is_what_all_workers_read(deployment: Deployment, store: redis.Redis) -> None:
    writer, readers = deployment.session(), [deployment.session() for _ in range(10)]
    listed = writer.get(deployment.url + WATCHLIST).json()["data"]
    item = f"{deployment.url}{WATCHLIST}/{listed[0]['id']}"
    for number in range(30):
        notes = f"change {number}"
        changed = writer.patch(item, json={"notes": notes})
        assert changed.status_code == 200, changed.text
        read = [next(row for row in rows(deployment, reader) if row["id"] == listed[0]["id"]) for reader in readers]
        assert {row["notes"] for row in read} == {notes}
    for session in (writer, *readers):
        session.close()


def rows(site: Deployment, session: requests.Session) -> list[dict[str, Any]]:
    answer = session.get(site.url + WATCHLIST)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


# --- Redis away --------------------------------------------------------------------------------------------


def test_without_redis_every_route_answers_and_hits_come_back_with_it(
    deployment: Deployment, store: redis.Redis, own_redis: RedisServer
) -> None:
    holdings = "/api/broker/holdings"
    deployment.get(holdings)
    own_redis.kill()
    try:
        # What asks Redis itself, and nothing else, says so.
        for route in (route for route in GET_ROUTES if "/cache/keys" not in route):
            answer = deployment.get(route)
            assert answer.status_code == 200, f"{route}: {answer.text}"
        assert deployment.get("/api/system/cache/keys").status_code == 503
        assert states(deployment) == dict.fromkeys(CACHED, (200, "bypass"))
        stats = deployment.get("/api/system/cache/stats").json()
        assert (stats["connected"], stats["breaker"]) == (False, "open")
    finally:
        own_redis.restart()
    eventually(lambda: [deployment.get(holdings).headers["X-Cache"] for _ in range(8)] == ["hit"] * 8, 20)


@pytest.mark.slow
def test_many_callers_while_redis_goes_and_comes_get_no_error(
    deployment: Deployment, store: redis.Redis, own_redis: RedisServer
) -> None:
    stop = threading.Event()
    codes: list[int] = []

    def ask() -> None:
        with deployment.session() as session:
            while not stop.is_set():
                codes.append(session.get(f"{deployment.url}/api/broker/margins", timeout=30).status_code)

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        for pause in (own_redis.pause, own_redis.resume, own_redis.kill, own_redis.restart):
            time.sleep(0.5)
            pause()
        time.sleep(0.5)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert set(codes) == {200}
    eventually(lambda: [deployment.get("/api/broker/margins").headers["X-Cache"] for _ in range(8)] == ["hit"] * 8, 20)


# --- benchmark ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_benchcache_prints_the_earlier_systems_table(deployment: Deployment, store: redis.Redis) -> None:
    printed = manage("benchcache", "--rounds", "2", environment=deployment.environment)
    for figure in ("44.68", "2.83", "15.8", "694", "34.71", "95.45"):
        assert figure in printed
    found = {line[:30].strip(): line[30:].split() for line in printed.splitlines()}
    assert found["20 at once: hit rate, %"] == ["95.45", "95.45"]
    assert found["100 at once: hit rate, %"][0] == "99.02"
    assert float(found["First call (miss), ms"][0]) > 0
    assert float(found["Speed-up"][0]) > 0


@pytest.mark.slow
def test_benchcache_prints_json_and_leaves_no_token(deployment: Deployment, store: redis.Redis) -> None:
    printed = json.loads(manage("benchcache", "--rounds", "1", "--json", environment=deployment.environment))
    assert printed["earlier"]["hit_rate_20"] == 95.45
    assert printed["figures"]["hit_rate_20"] == 95.45
    count = "from systemcache.models import ApiToken; print(ApiToken.objects.filter(name='benchcache').count())"
    assert manage("shell", "--no-imports", "-c", count, environment=deployment.environment).strip() == "0"
