"""Somebody who can read and write Redis, without SECRET_KEY, becomes nobody and reads nobody's session."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker.models import OrderRequest
from broker.simulator import Simulator
from systemcache import clock, codec
from systemcache.auth.cache_families import SESSION, TOKEN, CachedSession
from systemcache.auth.identity import Identity, TokenIdentity
from systemcache.auth.sessions import digest_of
from systemcache.invalidation import clear
from systemcache.models import ApiToken
from systemcache.stats import counters
from systemcache.storage import key_names
from tests.support.people import client_of

pytestmark = pytest.mark.django_db(transaction=True)

READ = "/api/settings"
INVENTED = "i-am-nobody"
ORDER = {"symbol": "RELIANCE", "exchange": "NSEEQ", "side": "BUY", "quantity": 1, "order_type": "MARKET"}


@pytest.fixture
def boss(make_user: Callable[..., User]) -> User:
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture
def stranger_api(make_user: Callable[..., User]) -> APIClient:
    return client_of(make_user("stranger"))


def token_key(token: str) -> str:
    return key_names.full_key(TOKEN.key({"sha256": ApiToken.digest_of(token)}))


def session_key(cookie: str) -> str:
    return key_names.full_key(SESSION.key({"sha256": digest_of(cookie)}))


def generations(redis: Redis, family: str) -> bytes:
    """As anybody reads them who reads Redis."""
    words = redis.mget([key_names.epoch_key(), key_names.generation_key(family)])
    return b",".join(cast("list[bytes]", words))


def with_token(token: str) -> APIClient:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return api


def with_cookie(cookie: str) -> Client:
    browser = Client()
    browser.cookies["sessionid"] = cookie
    return browser


def forged_entry(redis: Redis, family: str, value: object) -> bytes:
    return codec.pack(codec.Entry(clock.now(), 300, codec.encode(value), generations(redis, family)))


# --- forged ------------------------------------------------------------------------------------------------


def test_a_made_up_token_entry_is_nobody_and_places_no_order(
    redis: Redis, boss: User, simulator: Simulator, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The review's plant.py: the two words that make an entry good are read from the same Redis."""
    settings.TRADING_ENABLED = True
    client_of(boss).get(READ)
    identity = Identity(boss.pk, "boss", True, True, frozenset(), "")
    key = token_key(INVENTED)
    forged = forged_entry(redis, "token", TokenIdentity(1, "x", "trade", None, identity))
    api = with_token(INVENTED)
    for planted in (forged, b"S" + forged, b"S" + b"\0" * 40, b"S", b""):
        redis.set(key, planted)
        with caplog.at_level(logging.WARNING, logger="systemcache"):
            assert api.get(READ).status_code == 401
        assert api.get("/api/broker/holdings").status_code == 401
        assert api.post("/api/broker/orders", ORDER, headers={"Idempotency-Key": "k1"}).status_code == 401
    assert not OrderRequest.objects.exists()
    assert "token cannot be decoded" in caplog.text
    assert counters.snapshot()["families"]["token"]["undecodable"] >= 5


def test_a_made_up_session_entry_logs_nobody_in(redis: Redis, boss: User) -> None:
    browser = Client()
    browser.force_login(boss)
    browser.get(READ)
    cookie = "a" * 32
    data = Session.objects.get().session_data  # genuinely signed, which a reader of Redis cannot even see
    redis.set(
        session_key(cookie),
        forged_entry(redis, "session", CachedSession(data, timezone.now() + timedelta(days=1))),
    )
    assert with_cookie(cookie).get(READ).status_code == 401


def test_a_changed_entry_is_a_miss_and_loaded_again(redis: Redis, boss: User) -> None:
    token = ApiToken.issue(boss, "test")
    api = with_token(token)
    api.get(READ)
    key = token_key(token)
    genuine = cast("bytes", redis.get(key))
    for place in (0, 1, 20, len(genuine) - 1):
        changed = bytearray(genuine)
        changed[place] ^= 1
        redis.set(key, bytes(changed), ex=300)
        assert api.get(READ).status_code == 200
        assert redis.get(key) != bytes(changed), "what was loaded took its place"


# --- genuine, and elsewhere --------------------------------------------------------------------------------


def test_a_genuine_entry_under_another_key_is_a_miss(redis: Redis, boss: User, stranger_api: APIClient) -> None:
    token = ApiToken.issue(boss, "test")
    with_token(token).get("/api/system/cache/keys")
    stranger_api.get(READ)
    [strangers] = [key for key in redis.scan_iter("iifl:*auth:token:*") if key.decode() != token_key(token)]
    redis.copy(token_key(token), strangers, replace=True)
    assert stranger_api.get("/api/system/cache/keys").status_code == 403
    redis.copy(token_key(token), token_key(INVENTED))
    assert with_token(INVENTED).get(READ).status_code == 401


def test_a_genuine_session_under_another_key_is_a_miss(redis: Redis, boss: User) -> None:
    browser = Client()
    browser.force_login(boss)
    browser.get(READ)
    cookie = "b" * 32
    redis.copy(session_key(browser.cookies["sessionid"].value), session_key(cookie))
    assert with_cookie(cookie).get(READ).status_code == 401


def test_another_accounts_entry_is_a_miss(redis: Redis, boss: User, settings: Settings) -> None:
    token = ApiToken.issue(boss, "test")
    with_token(token).get(READ)
    genuine = cast("bytes", redis.get(token_key(token)))
    ApiToken.objects.all().delete()
    settings.CACHE_PREFIX = "iifl:OTHER"
    with_token("x").get(READ)  # the other account's epoch and generations
    redis.set(token_key(token), genuine)
    assert with_token(token).get(READ).status_code == 401


# --- genuine, and put back ---------------------------------------------------------------------------------


@pytest.fixture
def clock_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def move(seconds: float) -> None:
        moment = clock.now() + timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: moment)
        monkeypatch.setattr(clock, "timestamp", moment.timestamp)

    return move


def put_back(redis: Redis, saved: dict[bytes, bytes]) -> None:
    """All that there was, and without an end."""
    for name, value in saved.items():
        redis.set(name, value)
        redis.persist(name)


def strings(redis: Redis) -> dict[bytes, bytes]:
    found = {name: redis.get(name) for name in redis.scan_iter("*") if redis.type(name) == b"string"}
    return {name: value for name, value in found.items() if isinstance(value, bytes)}


def test_a_revoked_token_that_is_put_back_with_its_generations_ends_with_its_ttl_and_writes_nothing(
    redis: Redis, boss: User, clock_of: Callable[[float], None]
) -> None:
    """The bound that docs/security.md states: reads alone, for what is left of the token's TTL."""
    token = ApiToken.issue(boss, "test")
    api = with_token(token)
    assert api.get(READ).status_code == 200
    saved = strings(redis)
    ApiToken.objects.all().delete()
    assert api.get(READ).status_code == 401
    put_back(redis, saved)
    assert api.get(READ).status_code == 200
    assert api.put(f"{READ}/max_positions", {"value": 4}).status_code == 401
    clock_of(TOKEN.ttl - 1)
    assert api.put(f"{READ}/max_positions", {"value": 4}).status_code == 401
    clock_of(2)
    put_back(redis, saved)
    assert api.get(READ).status_code == 401


def test_a_session_that_is_put_back_after_logout_ends_with_its_ttl(
    redis: Redis, boss: User, clock_of: Callable[[float], None]
) -> None:
    browser = Client()
    browser.force_login(boss)
    browser.get(READ)
    cookie, saved = browser.cookies["sessionid"].value, strings(redis)
    browser.logout()
    put_back(redis, saved)
    assert with_cookie(cookie).post("/api/system/cache/clear?pattern=zz").status_code in (401, 403)
    clock_of(SESSION.ttl + 1)
    assert with_cookie(cookie).get(READ).status_code == 401


def test_no_setting_makes_an_identity_outlive_its_ttl(settings: Settings) -> None:
    settings.CACHE_STALE = {"token": 86_400, "session": 86_400, "user": 86_400}
    assert (TOKEN.stale_for, SESSION.stale_for) == (0, 0)


# --- what can be read --------------------------------------------------------------------------------------


def test_redis_holds_no_name_no_right_and_no_session_in_the_clear(redis: Redis, make_user: Callable[..., User]) -> None:
    person = make_user("zebediah", "broker.view_account")
    client_of(person).get(READ)
    browser = Client()
    browser.force_login(person)
    session = browser.session
    session["note"] = "a thing in a session"
    session.save()
    browser.get(READ)
    data, cookie = Session.objects.get().session_data, browser.cookies["sessionid"].value
    everything = b"".join(name + value for name, value in strings(redis).items())
    assert b"auth:session:" in everything
    assert b"auth:token:" in everything
    payload = data.split(":")[0]
    for secret in ("zebediah", "view_account", "a thing in a session", cookie, data, payload, person.password):
        assert secret.encode() not in everything, secret


def test_the_database_holds_no_session_key(boss: User) -> None:
    """The review's steal.sh: what stands in the table, sent as a cookie, opens nothing."""
    browser = Client()
    browser.force_login(boss)
    stored = Session.objects.get().session_key
    assert stored != browser.cookies["sessionid"].value
    assert with_cookie(stored).get("/admin/").status_code == 302
    assert browser.get("/admin/").status_code == 200


# --- keys that change --------------------------------------------------------------------------------------


def test_entries_of_a_former_key_are_read_and_those_of_another_key_are_not(
    redis: Redis, boss: User, settings: Settings
) -> None:
    token = ApiToken.issue(boss, "test")
    api = with_token(token)
    api.get(READ)
    former, genuine = django_settings.SECRET_KEY, redis.get(token_key(token))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 9, [former]
    assert api.get(READ).status_code == 200
    assert redis.get(token_key(token)) == genuine
    settings.SECRET_KEY_FALLBACKS = []
    assert api.get(READ).status_code == 200
    assert redis.get(token_key(token)) != genuine, "it was a miss, and was loaded again"


def test_a_cleared_identity_is_loaded_again(redis: Redis, boss: User) -> None:
    api = client_of(boss)
    api.get(READ)
    before: dict[bytes, bytes] = strings(redis)
    clear.invalidate("token")
    api.get(READ)
    assert strings(redis) != before
    assert json.loads(msgspec.json.encode(api.get(READ).json()))


def test_sessions_work_for_asynchronous_code_too(boss: User) -> None:
    from asgiref.sync import async_to_sync

    from systemcache.auth.sessions import SessionStore

    store = SessionStore()
    store["note"] = 1
    async_to_sync(store.acreate)()
    store["note"] = 2
    async_to_sync(store.asave)()
    key: Any = store.session_key
    assert async_to_sync(SessionStore(key).aload)() == {"note": 2}
    assert async_to_sync(store.aexists)(key)
    assert not Session.objects.filter(session_key=key).exists()
    async_to_sync(store.adelete)(key)
    assert not Session.objects.exists()
