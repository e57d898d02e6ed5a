"""Tokens, sessions and permissions that change: known from the cache, and gone at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache.invalidation import recovery
from systemcache.models import ApiToken, PendingInvalidation
from systemcache.storage.breaker import breaker
from tests.support.people import client_of
from tests.systemcache.near.warm_requests import HOLDINGS, warm

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("listener_thread")]

CHANGES: dict[str, tuple[Callable[[], object], int]] = {
    "the token is revoked": (lambda: ApiToken.objects.get().delete(), 401),
    "all tokens are revoked": (lambda: ApiToken.objects.all().delete(), 401),
    "the user is deactivated": (lambda: saved(User.objects.get(), is_active=False), 401),
    "the user is deactivated in bulk": (lambda: User.objects.update(is_active=False), 401),
    "the user is deleted": (lambda: User.objects.get().delete(), 401),
    "the permission is taken away": (lambda: User.objects.get().user_permissions.clear(), 403),
    "permissions are set again": (lambda: User.objects.get().user_permissions.set([]), 403),
    "permissions are unlinked": (lambda: User.user_permissions.through.objects.all().delete(), 403),
    "the permission is deleted": (lambda: view_account().delete(), 403),
    "the permission is renamed": (lambda: saved(view_account(), codename="other"), 403),
}


def view_account() -> Permission:
    return Permission.objects.get(codename="view_account")


def saved(row: Any, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


@pytest.mark.parametrize("name", CHANGES)
def test_a_right_that_is_taken_away_is_gone_at_once(program: APIClient, name: str) -> None:
    warm(program, HOLDINGS)
    change, status = CHANGES[name]
    change()
    assert program.get(HOLDINGS).status_code == status


@pytest.mark.parametrize("refusal", ["too few replicas", "became a replica"])
def test_a_token_revoked_while_redis_refuses_writes_is_refused_once_recovery_has_run(
    program: APIClient, redis: Redis, settings: Settings, refusal: str
) -> None:
    """Another process revokes it and cannot tell Redis, which goes on answering reads, PING and the listener."""
    settings.CACHE_BREAKER_PAUSE = 0
    warm(program, HOLDINGS)
    if refusal == "too few replicas":
        redis.config_set("min-replicas-to-write", 1)
    else:
        redis.replicaof("127.0.0.1", "1")
    try:
        connection.connection.execute("DELETE FROM systemcache_apitoken")  # past this process's watch
        assert [row.tags for row in PendingInvalidation.objects.all()] == [["token"]]
        assert program.get(HOLDINGS).status_code == 200
        recovery.run_once()
        assert [program.get(HOLDINGS).status_code for _ in range(3)] == [401, 401, 401]
    finally:
        redis.config_set("min-replicas-to-write", 0)
        redis.replicaof("NO", "ONE")
    recovery.run_once()
    assert program.get(HOLDINGS).status_code == 401
    assert not PendingInvalidation.objects.exists()


def test_no_copy_is_shown_while_the_breaker_is_open(program: APIClient) -> None:
    """Not even a value that nothing has invalidated: what the listener hears vouches for nothing then."""
    warm(program, HOLDINGS)
    breaker.failed()
    assert program.get(HOLDINGS)["X-Cache"] == "bypass"


def test_tokens_that_are_handed_on_are_anothers_at_once(program: APIClient, make_user: Callable[..., User]) -> None:
    heir = make_user("heir")
    warm(program, HOLDINGS)
    ApiToken.objects.update(user=heir)
    assert program.get(HOLDINGS).status_code == 403


def test_rights_by_groups_change_at_once(make_user: Callable[..., User], simulator: Simulator) -> None:
    user, group = make_user("member"), Group.objects.create(name="traders")
    right = Permission.objects.get(codename="view_account")
    api = client_of(user)
    steps: list[tuple[Callable[[], object], int]] = [
        (lambda: user.groups.add(group), 403),
        (lambda: group.permissions.add(right), 200),
        (lambda: user.groups.remove(group), 403),
        (lambda: group.user_set.add(user), 200),
        (lambda: group.delete(), 403),
        (lambda: saved(user, is_superuser=True), 200),
    ]
    for step, status in steps:
        step()
        for _ in range(3):
            assert api.get(HOLDINGS).status_code == status


def test_a_sessions_requests_need_no_sql(
    make_user: Callable[..., User],
    simulator: Simulator,
    client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client.force_login(make_user("person", "broker.view_account"))
    for _ in range(3):
        client.get(HOLDINGS)
    with django_assert_num_queries(0):
        assert client.get(HOLDINGS)["X-Cache"] == "hit"


@pytest.mark.parametrize(
    "how", ["log out", "deactivate", "change the password", "delete the session", "delete all sessions", "time"]
)
def test_a_session_that_has_ended_is_refused_at_once(
    make_user: Callable[..., User], simulator: Simulator, client: Client, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    user = make_user("person", "broker.view_account")
    client.force_login(user)
    session = client.session
    session.set_expiry(60)
    session.save()
    for _ in range(3):
        assert client.get(HOLDINGS).status_code == 200
    key = client.cookies["sessionid"].value
    if how == "log out":
        client.logout()
    elif how == "deactivate":
        saved(user, is_active=False)
    elif how == "change the password":
        user.set_password("another")
        user.save()
    elif how == "delete all sessions":
        Session.objects.all().delete()
    elif how == "time":
        later = timezone.now() + timedelta(seconds=61)
        monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    else:
        client.session.delete()
    client.cookies["sessionid"] = key
    assert client.get(HOLDINGS).status_code == 401


def test_a_session_does_not_end_without_a_record_of_what_is_to_be_invalidated(
    make_user: Callable[..., User], client: Client
) -> None:
    """They commit together: a process that is killed between them leaves nobody logged in."""
    client.force_login(make_user("person"))
    breaker.failed()  # nothing is dispatched
    client.session.delete()
    assert [row.tags for row in PendingInvalidation.objects.all()] == [["session"]]


def test_who_changes_her_password_stays_logged_in(make_user: Callable[..., User], client: Client) -> None:
    client.force_login(make_user("person", is_staff=True))
    form = {"old_password": "correct horse", "new_password1": "battery staple 9", "new_password2": "battery staple 9"}
    assert client.post("/admin/password_change/", form).status_code == 302
    assert client.get("/api/settings").status_code == 200
    assert User.objects.get().check_password("battery staple 9")


def test_no_session_key_is_in_redis(
    make_user: Callable[..., User],
    simulator: Simulator,
    client: Client,
    redis: Redis,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]],
) -> None:
    client.force_login(make_user("person", "broker.view_account"))
    client.get(HOLDINGS)
    key = client.cookies["sessionid"].value.encode()
    names = list(redis.scan_iter())
    assert any(b"auth:session:" in name for name in names)
    assert not any(key in name for name in names)
    assert not any(key in (redis.get(name) or b"") for name in names if redis.type(name) == b"string")
