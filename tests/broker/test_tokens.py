"""The session of the day: kept encrypted, shared by all processes, in plain nowhere."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker import conf
from broker.clock import IST
from broker.errors import BrokerAnswerUnclear, BrokerLoginRequired
from broker.iifl import crypto, endpoints
from broker.iifl.client import Client
from broker.iifl.endpoints import Endpoint
from broker.iifl.session import TokenStore
from broker.iifl.transport import BeforeSend, HTTPTransport, noop
from broker.models import BrokerSession
from broker.simulator import Simulator
from tests.broker.wire import sample
from tests.support.clock import Clock

MORNING = datetime(2026, 1, 5, 9, 0, tzinfo=IST)


@pytest.fixture
def clock() -> Clock[datetime]:
    return Clock(MORNING)


@pytest.fixture
def real_account(settings: Settings) -> None:
    """The site may not log in by itself; that the broker is the simulator is its own affair."""
    settings.IIFL_SIMULATED = False


@pytest.mark.django_db
def test_a_session_saved_by_one_process_is_used_by_the_others(clock: Clock[datetime]) -> None:
    TokenStore(clock).save("secret-token")
    assert TokenStore(clock).current() == "secret-token"


@pytest.mark.django_db
def test_without_a_session_there_is_none(clock: Clock[datetime]) -> None:
    assert TokenStore(clock).current() is None


@pytest.mark.django_db
def test_a_session_dies_at_midnight_in_india_in_memory_and_in_the_database(clock: Clock[datetime]) -> None:
    store = TokenStore(clock)
    store.save("secret-token")
    clock.now = datetime(2026, 1, 5, 18, 29, 59, tzinfo=UTC)
    assert store.current() == "secret-token"
    clock.now += timedelta(seconds=1)
    assert store.current() is None
    assert TokenStore(clock).current() is None


@pytest.mark.django_db
def test_a_session_in_memory_needs_no_database(
    clock: Clock[datetime], django_assert_num_queries: Callable[[int], Any]
) -> None:
    store = TokenStore(clock)
    store.save("secret-token")
    with django_assert_num_queries(0):
        store.current()


@pytest.mark.django_db
def test_a_session_of_another_account_is_not_ours(clock: Clock[datetime], settings: Settings) -> None:
    TokenStore(clock).save("secret-token")
    settings.IIFL_CLIENT_ID = "OTHER"
    assert TokenStore(clock).current() is None


@pytest.mark.django_db
def test_a_new_login_replaces_the_old_session(clock: Clock[datetime]) -> None:
    TokenStore(clock).save("old")
    TokenStore(clock).save("new")
    assert TokenStore(clock).current() == "new"
    assert BrokerSession.objects.count() == 1


@pytest.mark.django_db
def test_a_refused_session_is_dropped_for_all(clock: Clock[datetime]) -> None:
    store = TokenStore(clock)
    store.save("refused")
    store.invalidate("refused")
    assert store.current() is None
    assert TokenStore(clock).current() is None


@pytest.mark.django_db
def test_dropping_a_refused_session_leaves_a_newer_one(clock: Clock[datetime]) -> None:
    store = TokenStore(clock)
    store.save("refused")
    TokenStore(clock).save("newer")
    store.invalidate("refused")
    assert store.current() == "newer"
    assert TokenStore(clock).current() == "newer"


@pytest.mark.django_db
def test_a_session_stored_between_the_look_and_the_drop_is_left(
    clock: Clock[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TokenStore(clock)
    store.save("refused")

    def somebody_logs_in_meanwhile(ciphertext: bytes) -> str | None:
        found = decrypt(ciphertext)
        TokenStore(clock).save("newer")
        return found

    decrypt = crypto.decrypt
    with monkeypatch.context() as patch:
        patch.setattr(crypto, "decrypt", somebody_logs_in_meanwhile)
        store.invalidate("refused")
    assert TokenStore(clock).current() == "newer"


@pytest.mark.django_db
def test_a_secret_key_that_changed_means_log_in_again(clock: Clock[datetime], settings: Settings) -> None:
    TokenStore(clock).save("secret-token")
    settings.SECRET_KEY = "another key, as after a move to a new machine"
    store = TokenStore(clock)
    assert store.current() is None
    store.invalidate("secret-token")
    store.save("new")
    assert TokenStore(clock).current() == "new"


@pytest.mark.parametrize("damage", [b"", b"no Fernet token", b"\xff\xfe", None])
@pytest.mark.django_db
def test_a_damaged_session_is_none(clock: Clock[datetime], damage: bytes | None) -> None:
    TokenStore(clock).save("secret-token")
    row = BrokerSession.objects.get()
    row.ciphertext = bytes(row.ciphertext)[:-3] if damage is None else damage
    row.save()
    assert TokenStore(clock).current() is None


@pytest.mark.django_db
def test_the_same_token_is_encrypted_differently_each_time() -> None:
    assert crypto.encrypt("secret-token") != crypto.encrypt("secret-token")


# --- the client and its session --------------------------------------------------------------------------------


@pytest.mark.usefixtures("real_account")
@pytest.mark.django_db
def test_a_login_in_another_process_helps_this_one_without_a_restart(simulator: Simulator) -> None:
    store = TokenStore()
    client = Client(HTTPTransport(simulator.base_url), store)
    store.save("dead-since-the-other-process-logged-in")
    Client(HTTPTransport(simulator.base_url), TokenStore()).login("SIMULATED")
    assert client.holdings()


@pytest.mark.usefixtures("real_account")
@pytest.mark.django_db
def test_a_dead_session_of_a_real_account_is_asked_once_and_forgotten(simulator: Simulator) -> None:
    store = TokenStore()
    store.save("dead")
    client = Client(HTTPTransport(simulator.base_url), store)
    for _ in range(2):
        with pytest.raises(BrokerLoginRequired, match="brokerlogin"):
            client.holdings()
    assert [call.route for call in simulator.calls] == ["holdings"]


@pytest.mark.django_db
def test_a_code_that_says_so_inside_ok_ends_the_session_as_a_401_does(simulator: Simulator) -> None:
    store = TokenStore()
    client = Client(HTTPTransport(simulator.base_url), store)
    client.login("SIMULATED")
    first = store.current()
    simulator.fail("holdings", "EC044", times=1)
    assert client.holdings()
    assert store.current() != first


class Answers:
    """A transport that answers every call alike."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.bodies: list[object] = []

    def download(self, endpoint: Endpoint, **parts: str) -> Iterator[bytes]:
        raise NotImplementedError

    def call(
        self,
        endpoint: Endpoint,
        *,
        token: str | None = None,
        body: object = None,
        before_send: BeforeSend = noop,
        **parts: str,
    ) -> Any:
        if endpoint is endpoints.PROFILE:
            return {"status": "Ok", "result": {"clientId": conf.client_id()}}
        self.bodies.append(body)
        return self.answer


@pytest.mark.django_db
def test_the_answer_to_a_login_is_a_session(settings: Settings) -> None:
    settings.IIFL_CLIENT_ID, settings.IIFL_APP_SECRET = "CL1", "SEC"
    transport, store = Answers(sample("user_get_user_session_response")), TokenStore()
    Client(transport, store).login("AC1")
    assert transport.bodies == [{"checkSum": "8db2cf540885ef68ed0540bdc18576edd8675edc5467ebc8ba614c71f1925e21"}]
    assert store.current() == "header.payload.signature"


@pytest.mark.parametrize("answer", [{"status": "Ok"}, {"status": "Ok", "userSession": ""}, [], {}, None, "x"])
@pytest.mark.django_db
def test_a_login_without_a_session_is_unclear_and_keeps_nothing(answer: Any) -> None:
    with pytest.raises(BrokerAnswerUnclear):
        Client(Answers(answer), TokenStore()).login("AC1")
    assert not BrokerSession.objects.exists()


@pytest.mark.django_db
def test_a_session_that_no_header_can_carry_is_not_kept() -> None:
    with pytest.raises(BrokerAnswerUnclear):
        Client(Answers({"status": "Ok", "userSession": "sitzung-für-heute"}), TokenStore()).login("AC1")


@pytest.mark.parametrize(
    "answer",
    [
        {"stat": "Not_Ok", "emsg": "Invalid checkSum."},
        {"status": "Not_Ok", "message": "Invalid checkSum."},
        {"status": "Ok", "result": {"status": "EC054", "message": "appKey wrong"}},
    ],
)
@pytest.mark.django_db
def test_a_refused_login_says_how_to_log_in(answer: Any) -> None:
    with pytest.raises(BrokerLoginRequired, match="brokerlogin"):
        Client(Answers(answer), TokenStore()).login("AC1")


class InMemory(TokenStore):
    """Counts how often somebody looked for a session; needs no database."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.looked = threading.Condition()
        self.token: str | None = None

    def current(self) -> str | None:
        with self.looked:
            self.looks += 1
            self.looked.notify_all()
        return self.token

    def save(self, token: str) -> None:
        self.token = token


def test_many_threads_without_a_session_log_in_once() -> None:
    threads, store, logins = 8, InMemory(), []

    class Slow(Answers):
        def call(self, endpoint: Endpoint, **more: Any) -> Any:
            if endpoint is not endpoints.LOGIN:
                return {"status": "Ok", "result": []}
            logins.append(endpoint)
            with store.looked:
                assert store.looked.wait_for(lambda: store.looks > threads, timeout=10)
            return {"status": "Ok", "userSession": "token"}

    client = Client(Slow(None), store)
    crowd = [threading.Thread(target=client.holdings) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(10)
    assert len(logins) == 1


# --- in plain nowhere ------------------------------------------------------------------------------------------


def stored_in_the_database() -> Iterator[bytes]:
    for model in apps.get_models():
        if not model._meta.managed:
            continue
        for row in model._default_manager.values_list():
            for value in row:
                yield bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def stored_in_redis(redis: Redis) -> Iterator[bytes]:
    for name in redis.scan_iter():
        yield name
        match redis.type(name):
            case b"hash":
                yield repr(redis.hgetall(name)).encode()
            case b"zset":
                yield repr(redis.zrange(name, 0, -1)).encode()
            case b"stream":
                yield repr(redis.xrange(name)).encode()
            case b"list":
                yield repr(redis.lrange(name, 0, -1)).encode()
            case _:
                yield repr(redis.get(name)).encode()


@pytest.mark.django_db
def test_neither_the_database_nor_redis_holds_the_session_or_the_secret_in_plain(
    simulator: Simulator, redis: Redis, trader: APIClient
) -> None:
    for path in ("holdings", "positions", "margins", "orders", "trades", "profile", "quotes?symbols=INFY"):
        assert trader.get(f"/api/broker/{path}").status_code == 200
    assert trader.get("/api/portfolio/summary").status_code == 200
    token = TokenStore().current()
    assert token
    database, cache = list(stored_in_the_database()), list(stored_in_redis(redis))
    assert any(b"api:holdings" in part for part in cache)
    assert any(b"SIM0001" in part for part in database)
    for secret in (token, *token.split("."), "simulator-secret"):
        assert not [part for part in (*database, *cache) if secret.encode() in part]


# --- brokerlogin -----------------------------------------------------------------------------------------------


def brokerlogin(*args: str) -> str:
    out = StringIO()
    call_command("brokerlogin", *args, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("real_account")
def test_brokerlogin_prints_the_login_pages_address_with_the_key_and_without_a_secret(settings: Settings) -> None:
    settings.IIFL_APP_KEY, settings.IIFL_APP_SECRET = "key & more", "the-secret"
    assert brokerlogin() == "https://markets.iiflcapital.com/?v=1&appkey=key+%26+more\n"


def test_brokerlogin_with_the_simulator_says_that_no_login_is_needed(settings: Settings) -> None:
    settings.IIFL_SIMULATED = True
    assert brokerlogin() == "The broker is the simulator, to which the site logs in by itself.\n"


@pytest.mark.django_db
def test_brokerlogin_with_a_code_logs_in(simulator: Simulator) -> None:
    said = brokerlogin("--auth-code", "SIMULATED")
    token = TokenStore().current()
    assert token
    assert token not in said
    assert said == "Logged in as SIM0001 until midnight (IST).\n"
    assert [call.route for call in simulator.calls] == ["getusersession", "profile"]


@pytest.mark.django_db
def test_brokerlogin_with_a_wrong_code_says_so_and_keeps_nothing(simulator: Simulator) -> None:
    with pytest.raises(CommandError, match="refused the login") as caught:
        brokerlogin("--auth-code", "WRONG")
    assert "WRONG" not in str(caught.value)
    assert not BrokerSession.objects.exists()


@pytest.mark.parametrize("fault", ["500", "drop", "not-json", "429"])
@pytest.mark.django_db
def test_brokerlogin_says_in_a_sentence_that_the_broker_fails(simulator: Simulator, fault: str) -> None:
    simulator.fail("getusersession", fault)
    with pytest.raises(CommandError, match="broker"):
        brokerlogin("--auth-code", "SIMULATED")
    assert len(simulator.calls) == 1
