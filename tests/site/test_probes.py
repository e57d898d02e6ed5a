"""The probes: /livez depends on nothing, /readyz on the database alone; both answer at every address of the process."""

import threading
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django.fixtures import Settings

from systemcache.operations import health
from systemcache.storage.breaker import breaker


@pytest.fixture
def behind_tls(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["site.example"]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def probe(path: str, *, host: str = "testserver") -> tuple[int, str]:
    response = Client().get(path, headers={"host": host})
    assert response["Content-Type"].startswith("text/plain")
    assert response["Cache-Control"] == "no-store"
    return response.status_code, response.content.decode().strip()


@pytest.mark.usefixtures("behind_tls")
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "10.0.0.7:8000", "web", "site.example"])
def test_a_process_is_live_at_every_address_without_a_query(host: str, slash: str) -> None:
    assert probe(f"/livez{slash}", host=host) == (200, "live")  # a query fails here: the test has no database


@pytest.mark.usefixtures("behind_tls")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "10.0.0.7:8000"])
def test_a_process_is_ready_with_its_database_and_without_redis(host: str) -> None:
    breaker.failed("the test says so")
    assert probe("/readyz", host=host) == (200, "ready")
    assert probe("/readyz/", host=host) == (200, "ready")


@pytest.mark.django_db(transaction=True)
def test_without_its_database_a_process_is_live_and_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", fail)
    assert probe("/livez") == (200, "live")
    assert probe("/readyz") == (503, "not ready: the database does not answer")


def test_a_process_whose_database_hangs_is_not_ready_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    comes_back = threading.Event()
    monkeypatch.setattr(health, "DATABASE_TIMEOUT", 0.1)

    def hang(self: object) -> None:
        comes_back.wait(60)
        raise DatabaseError("gone")

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", hang)
    try:
        assert probe("/readyz") == (503, "not ready: the database does not answer")
    finally:
        comes_back.set()


@pytest.fixture
def unapplied() -> Iterator[None]:
    """The newest migration of watchlist is not applied."""
    recorder = MigrationRecorder(connection)
    name = max(name for app, name in recorder.applied_migrations() if app == "watchlist")
    recorder.record_unapplied("watchlist", name)
    yield
    recorder.record_applied("watchlist", name)


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_is_missing_makes_not_ready(unapplied: None) -> None:
    assert probe("/readyz") == (503, "not ready: a migration is not applied; run `manage.py migrate`")


@pytest.mark.django_db(transaction=True)
def test_a_newer_versions_migration_leaves_this_one_ready() -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("watchlist", "9999_of_the_next_version")
    try:
        assert probe("/readyz") == (200, "ready")
    finally:
        recorder.record_unapplied("watchlist", "9999_of_the_next_version")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_only_asks(path: str) -> None:
    assert Client().post(path).status_code == 405


def test_a_probe_may_ask_for_the_head_alone() -> None:
    assert Client().head("/livez").status_code == 200
