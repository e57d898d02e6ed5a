"""API tokens: their scope, their end, their last use, and that they end with the password."""

import stat
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from systemcache.auth.identity import TokenIdentity
from systemcache.models import ApiToken
from tests.systemcache.near.warm_requests import is_short

pytestmark = pytest.mark.django_db(transaction=True)

SETTINGS = "/api/settings"
PASSWORD = "correct horse"


@pytest.fixture
def boss(make_user: Callable[..., User]) -> User:
    return make_user("boss", is_staff=True, is_superuser=True)


def program(user: User, scope: str = "trade", days: int | None = None) -> APIClient:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user, 'test', scope, days)}")
    return api


# --- scope -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "read", "write", "staff_only", "metrics"),
    [("read", 200, 403, 403, 403), ("trade", 200, 200, 200, 200), ("metrics", 403, 403, 403, 200)],
)
def test_a_token_does_what_its_scope_allows_even_an_administrators(
    boss: User, scope: str, read: int, write: int, staff_only: int, metrics: int
) -> None:
    api = program(boss, scope)
    for _ in range(3):  # by the view, and by the fast path
        assert api.get(SETTINGS).status_code == read
    assert api.put(f"{SETTINGS}/max_positions", {"value": 4}).status_code == write
    assert api.get("/api/system/cache/keys").status_code == staff_only
    assert api.get("/metrics").status_code == metrics
    assert ("facts" in api.get("/api/system/health").json()) == (staff_only == 200)


def test_a_metrics_token_reads_nothing_by_the_fast_path(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = program(boss)
    for _ in range(3):
        reader.get(SETTINGS)
    assert is_short(reader, SETTINGS, monkeypatch)
    refused = program(boss, "metrics").get(SETTINGS)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "token_scope")


def test_a_metrics_token_needs_no_staff(make_user: Callable[..., User]) -> None:
    assert program(make_user("prometheus"), "metrics").get("/metrics").status_code == 200


def test_a_view_knows_the_token(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr("systemcache.api.views.counters.snapshot", dict)
    monkeypatch.setattr(
        "systemcache.api.views.StatsView.check_permissions", lambda _, request: seen.append(request.auth)
    )
    program(boss).get("/api/system/cache/stats")
    [token] = seen
    assert isinstance(token, TokenIdentity)
    assert (token.id, token.name) == (ApiToken.objects.get().pk, "test")


# --- end and last use --------------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    def move(by: timedelta) -> None:
        moment = timezone.now() + by
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    return move


def test_a_token_ends_on_its_day_though_the_cache_knows_it(
    boss: User, later: Callable[[timedelta], None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api = program(boss, days=1)
    for _ in range(3):
        assert api.get(SETTINGS).status_code == 200
    later(timedelta(days=1, seconds=1))
    with django_assert_num_queries(0):
        refused = api.get(SETTINGS)
    assert (refused.status_code, refused.json()["error"]["message"]) == (401, "The token has expired.")


def test_the_last_use_is_written_at_most_once_an_hour_and_costs_a_hit_nothing(
    boss: User,
    later: Callable[[timedelta], None],
    django_assert_num_queries: DjangoAssertNumQueries,
    settings: Settings,
) -> None:
    api = program(boss)
    assert ApiToken.objects.get().last_used_at is None
    api.get(SETTINGS)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    api.get(SETTINGS)
    with django_assert_num_queries(0):
        assert api.get(SETTINGS)["X-Cache"] == "hit"
    later(timedelta(minutes=59))
    api.put(f"{SETTINGS}/max_positions", {"value": 4})  # asks the database for the token
    assert ApiToken.objects.get().last_used_at == first
    later(timedelta(minutes=2))
    api.put(f"{SETTINGS}/max_positions", {"value": 5})
    assert ApiToken.objects.get().last_used_at > first  # type: ignore[operator]


# --- the password ------------------------------------------------------------------------------------------


def by_save(user: User) -> None:
    user.set_password("battery staple 9")
    user.save()


def by_the_password_alone(user: User) -> None:
    user.set_password("battery staple 9")
    user.save(update_fields=["password"])


def in_bulk(user: User) -> None:
    User.objects.filter(pk=user.pk).update(password=make_password("battery staple 9"))


def by_none(user: User) -> None:
    user.set_unusable_password()
    user.save()


def on_the_page(user: User) -> None:
    browser = Client()
    browser.force_login(user)
    form = {"old_password": PASSWORD, "new_password1": "battery staple 9", "new_password2": "battery staple 9"}
    assert browser.post("/admin/password_change/", form).status_code == 302


@pytest.mark.parametrize("change", [by_save, by_the_password_alone, in_bulk, by_none, on_the_page])
def test_a_token_ends_with_its_users_password(boss: User, change: Callable[[User], None]) -> None:
    api = program(boss)
    assert api.get(SETTINGS).status_code == 200
    change(boss)
    refused = api.get(SETTINGS)
    assert (refused.status_code, "password" in refused.json()["error"]["message"]) == (401, True)
    assert program(User.objects.get()).get(SETTINGS).status_code == 200  # a new one is good


def test_a_login_that_hashes_the_same_password_anew_ends_no_token(boss: User, settings: Settings) -> None:
    """As the first login after an upgrade of Django does."""
    api = program(boss)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    before = User.objects.get().password
    assert Client().login(username="boss", password=PASSWORD)
    assert User.objects.get().password != before
    assert api.put(f"{SETTINGS}/max_positions", {"value": 4}).status_code == 200


def test_a_login_that_hashes_anew_revives_no_ended_token(boss: User, settings: Settings) -> None:
    api = program(boss)
    in_bulk(boss)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    assert Client().login(username="boss", password="battery staple 9")
    assert api.put(f"{SETTINGS}/max_positions", {"value": 4}).status_code == 401


# --- createtoken -------------------------------------------------------------------------------------------


def created(*arguments: str) -> str:
    out = StringIO()
    call_command("createtoken", "boss", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.mark.usefixtures("boss")
def test_createtoken_makes_a_token_of_a_scope_and_an_end() -> None:
    token = created("--scope", "read", "--days", "30")
    row = ApiToken.objects.get(digest=ApiToken.digest_of(token))
    assert row.scope == "read"
    assert row.expires_at is not None
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.usefixtures("boss")
def test_createtoken_without_more_makes_one_that_may_do_what_its_user_may() -> None:
    created()
    row = ApiToken.objects.get()
    assert (row.scope, row.expires_at) == ("trade", None)


@pytest.mark.usefixtures("boss")
def test_createtoken_writes_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "metrics_token"
    shown = created("--scope", "metrics", "--out", str(file))
    token = file.read_text().strip()
    assert ApiToken.objects.get().digest == ApiToken.digest_of(token)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in shown


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("there", ["a file", "a link", "a link to nothing", "no folder"])
def test_createtoken_overwrites_nothing_follows_no_link_and_makes_no_token_then(tmp_path: Path, there: str) -> None:
    target, file = tmp_path / "target", tmp_path / "token"
    if there == "a file":
        file.write_text("mine")
    elif there == "a link":
        target.write_text("mine")
        file.symlink_to(target)
    elif there == "a link to nothing":
        file.symlink_to(target)
    else:
        file = tmp_path / "nowhere" / "token"
    with pytest.raises(CommandError, match="token"):
        created("--out", str(file))
    assert not ApiToken.objects.exists()
    assert not target.exists() or target.read_text() == "mine"
    assert there != "a file" or file.read_text() == "mine"


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("arguments", [("--days", "0"), ("--days", "-1"), ("--days", "99999999"), ("--name", "")])
def test_createtoken_refuses_what_makes_no_sense(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=arguments[0]):
        created(*arguments)
    assert not ApiToken.objects.exists()
