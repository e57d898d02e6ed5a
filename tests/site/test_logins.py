"""Logins: failures are counted by user and by address, and refused before a password is hashed."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, check_password, make_password
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from pytest_django.fixtures import Settings

from systemcache import clock
from tests.support.waiting import eventually
from tradingsite.logins import throttle
from tradingsite.logins.addresses import client_of, network_of
from tradingsite.models import LoginAttempt

FORMS = ["/admin/login/", "/api/auth/login/"]
PASSWORD = "correct horse"


class Hashes:
    """Counts the passwords that are hashed."""

    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Hashes:
    counted, encode = Hashes(), MD5PasswordHasher.encode

    def counting(self: MD5PasswordHasher, password: str, salt: str) -> str:
        counted.count += 1
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    return counted


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    passed = [timedelta()]
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + passed[0])

    def pass_time(by: timedelta) -> None:
        passed[0] += by

    return pass_time


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("tradingsite")
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO, "tradingsite"):
        yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture
def admin(make_user: Callable[..., User]) -> User:
    return make_user("admin", is_staff=True, is_superuser=True)


def attempt(name: str = "admin", password: str = "wrong", address: str = "192.0.2.1", form: str = FORMS[0]) -> int:  # noqa: S107
    """302 if the login succeeded, 200 for the form again, 429 if it was refused."""
    data = {"username": name, "password": password, "next": "/"}
    return Client(REMOTE_ADDR=address).post(form, data).status_code


pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("form", FORMS)
def test_a_password_cannot_be_guessed_from_one_address(admin: User, hashes: Hashes, form: str) -> None:
    answers = [attempt(password=f"guess {number}", form=form) for number in range(12)]
    assert answers == [200] * throttle.MAX_OF_NAME_AND_NETWORK + [429] * 7
    assert attempt(password=PASSWORD, form=form) == 429  # the right one now tells nothing either
    assert hashes.count == throttle.MAX_OF_NAME_AND_NETWORK
    assert LoginAttempt.objects.count() == throttle.MAX_OF_NAME_AND_NETWORK  # a refusal writes nothing


def test_the_user_can_log_in_from_elsewhere_meanwhile_and_here_later(
    admin: User, time_passes: Callable[[timedelta], None]
) -> None:
    for _ in range(throttle.MAX_OF_NAME_AND_NETWORK + 1):
        attempt()
    assert attempt(password=PASSWORD) == 429
    assert attempt(password=PASSWORD, address="198.51.100.7") == 302
    time_passes(throttle.WINDOW)
    assert attempt(password=PASSWORD) == 302


def test_other_spellings_of_a_name_count_for_the_same_user(admin: User) -> None:
    for name in ("admin", "Admin", "ADMIN", "\uff41dmin", "admin"):
        attempt(name=name)
    assert attempt(password=PASSWORD) == 429


def test_one_address_cannot_try_one_password_for_many_users(admin: User, hashes: Hashes) -> None:
    answers = [attempt(name=f"user{number}") for number in range(throttle.MAX_OF_NETWORK + 5)]
    assert answers == [200] * throttle.MAX_OF_NETWORK + [429] * 5
    assert hashes.count == throttle.MAX_OF_NETWORK


def test_the_addresses_of_one_ipv6_subscriber_count_as_one(admin: User) -> None:
    for number in range(throttle.MAX_OF_NAME_AND_NETWORK):
        attempt(address=f"2001:db8::{number:x}")
    assert attempt(address="2001:db8::ffff") == 429
    assert attempt(address="2001:db8:0:1::1") == 200


def test_a_password_cannot_be_guessed_from_many_addresses_and_its_owner_is_not_locked_out(admin: User) -> None:
    assert attempt(password=PASSWORD, address="198.51.100.7") == 302
    answers = [attempt(address=f"192.0.2.{number}") for number in range(throttle.MAX_OF_NAME + 5)]
    assert answers == [200] * throttle.MAX_OF_NAME + [429] * 5
    assert attempt(password=PASSWORD, address="198.51.100.7") == 302
    assert attempt(password=PASSWORD, address="198.51.100.8") == 429


def test_a_login_that_succeeds_forgets_what_was_mistyped_before(admin: User) -> None:
    for _ in range(3):
        for _ in range(throttle.MAX_OF_NAME_AND_NETWORK - 1):
            assert attempt() == 200
        assert attempt(password=PASSWORD) == 302
    assert LoginAttempt.objects.filter(succeeded=False).count() == 0


def test_a_session_ends_twelve_hours_after_its_login(admin: User, client: Client) -> None:
    client.post(FORMS[0], {"username": admin.username, "password": PASSWORD})
    assert client.cookies["sessionid"]["max-age"] == timedelta(hours=12).total_seconds()
    assert client.session.get_expiry_age() <= timedelta(hours=12).total_seconds()


def test_old_attempts_are_deleted(admin: User, time_passes: Callable[[timedelta], None]) -> None:
    attempt()
    time_passes(throttle.KEPT + timedelta(hours=2))
    attempt()
    assert LoginAttempt.objects.count() == 1


def test_a_refusal_says_when_to_try_again(admin: User) -> None:
    for _ in range(throttle.MAX_OF_NAME_AND_NETWORK):
        attempt()
    form = {"username": "admin", "password": "wrong"}
    page = Client(REMOTE_ADDR="192.0.2.1").post(FORMS[0], form, headers={"Accept": "text/html"})
    assert page.status_code == 429
    assert 0 < int(page["Retry-After"]) <= throttle.WINDOW.total_seconds()
    assert "try again in 15 minutes" in page.content.decode()
    answer = Client(REMOTE_ADDR="192.0.2.1").post(FORMS[0], form, headers={"Accept": "application/json"})
    assert answer.json()["error"]["code"] == "too_many_logins"


def test_every_attempt_is_in_the_log_with_its_address_and_never_as_typed(
    admin: User, log: pytest.LogCaptureFixture
) -> None:
    attempt(name="my secret password")
    attempt()
    attempt(password=PASSWORD)
    for _ in range(throttle.MAX_OF_NAME_AND_NETWORK + 1):
        attempt(address="2001:db8::5")
    assert [record.getMessage() for record in log.records][:3] == [
        "login failed: an unknown name from 192.0.2.1",
        "login failed: admin from 192.0.2.1",
        "login: admin from 192.0.2.1",
    ]
    assert log.records[-1].getMessage().startswith("login refused: admin from 2001:db8::5 (")
    assert "secret password" not in log.text


def test_people_who_may_see_logins_can_let_somebody_in_again(admin: User, client: Client) -> None:
    for _ in range(throttle.MAX_OF_NAME_AND_NETWORK + 1):
        attempt()
    client.force_login(admin)
    page = client.get("/admin/tradingsite/loginattempt/").content.decode()
    assert "192.0.2.1" in page
    ids = list(LoginAttempt.objects.values_list("pk", flat=True))
    deletion = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    assert client.post("/admin/tradingsite/loginattempt/", deletion).status_code == 302
    assert attempt(password=PASSWORD) == 302


# --- many at once ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_many_wrong_logins_at_once_hash_one_by_one_and_only_a_few(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = [0], [0], threading.Lock()
    encode = MD5PasswordHasher.encode

    def slow(self: MD5PasswordHasher, password: str, salt: str) -> str:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        eventually(lambda: answered.is_set() or done.is_set())
        with lock:
            running[0] -= 1
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", slow)
    answered, done = threading.Event(), threading.Event()

    def guess(number: int) -> int:
        try:
            status = attempt(password=f"guess {number}")
            if status == 429:
                answered.set()  # nobody who is refused waits for a hash
            return status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(guess, range(32)))
        done.set()
    assert most[0] == throttle.MAX_HASHES
    assert answers.count(200) <= throttle.MAX_OF_NAME_AND_NETWORK
    assert answers.count(429) >= 32 - throttle.MAX_OF_NAME_AND_NETWORK


@pytest.mark.slow
def test_hashes_are_made_one_at_a_time_in_a_thread_that_gives_way(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["tradingsite.logins.hashers.BackgroundPBKDF2Hasher"]
    made = make_password(PASSWORD)
    assert made.startswith("pbkdf2_sha256$")  # Django's own name: older hashes stay valid
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: check_password(PASSWORD, made), range(4)))
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("password-hash")]
    assert len(threads) == 1
    if sys.platform == "linux":
        assert os.getpriority(os.PRIO_PROCESS, threads[0].native_id or 0) > os.getpriority(os.PRIO_PROCESS, 0)


# --- whose address counts --------------------------------------------------------------------------------------


@pytest.fixture
def proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1", "10.0.0.0/8"]


@pytest.mark.usefixtures("proxies")
@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "203.0.113.9, 192.0.2.1", "192.0.2.1"),  # the first one is what the client itself has sent
        ("127.0.0.1", "203.0.113.9, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("127.0.0.1", "nonsense, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.1, nonsense", "127.0.0.1"),
        ("127.0.0.1", "," * 10_000, "127.0.0.1"),
        ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxys(peer: str, forwarded_for: str, client: str) -> None:
    assert client_of(peer, forwarded_for) == client


def seen_by_the_site(peer: str, **headers: str) -> tuple[str, bool]:
    answer = Client(REMOTE_ADDR=peer).get("/no/such/page", headers=headers)
    return answer.wsgi_request.META["REMOTE_ADDR"], answer.wsgi_request.is_secure()


def test_what_others_than_trusted_proxies_say_of_an_address_or_scheme_is_ignored(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    said = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    settings.TRUSTED_PROXIES = []
    assert seen_by_the_site("127.0.0.1", **said) == ("127.0.0.1", False)
    settings.TRUSTED_PROXIES = ["198.51.100.0/24"]
    assert seen_by_the_site("127.0.0.1", **said) == ("127.0.0.1", False)
    assert seen_by_the_site("198.51.100.9", **said) == ("192.0.2.1", True)


def test_a_forged_address_does_not_make_more_guesses(admin: User) -> None:
    guesses = range(throttle.MAX_OF_NAME_AND_NETWORK + 1)
    data = {"username": "admin", "password": "wrong"}
    answers = [
        Client(REMOTE_ADDR="192.0.2.1").post(FORMS[0], data, headers={"X-Forwarded-For": f"203.0.113.{number}"})
        for number in guesses
    ]
    assert answers[-1].status_code == 429


def test_networks_are_what_one_client_has() -> None:
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert network_of("") == network_of("unix socket") == "unknown"
