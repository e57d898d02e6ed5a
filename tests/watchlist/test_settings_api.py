"""/api/settings, as programs see it."""

from typing import Any

import pytest
from django.db import DatabaseError
from rest_framework.test import APIClient

from tests.support.committed import as_committed
from tests.watchlist.conftest import Commits
from watchlist import selectors, services
from watchlist.models import TradingSetting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("default_settings")]

ROUTE = "/api/settings"


@pytest.fixture(autouse=True)
def own_setting(db: None) -> None:
    """A setting of the operator's own, for a program of theirs: a switch."""
    TradingSetting.objects.create(key="notify", kind="boolean", value="false", description="A switch.")
    as_committed()


def values(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return {row["key"]: row["value"] for row in answer.json()["data"]}


def detail(answer: Any) -> Any:
    assert answer.status_code == 400, answer.content
    return answer.json()["error"]["detail"]


def test_the_site_begins_with_settings_of_the_right_kinds(owner: APIClient) -> None:
    answer = owner.get(ROUTE)
    assert values(answer) == {
        "max_daily_loss": "0.05",
        "max_positions": 10,
        "min_liquidity": 100_000,
        "min_price": "10",
        "notify": False,
        "signal_timeout": 300,
    }
    assert all(row["description"] and row["kind"] for row in answer.json()["data"])


def test_many_settings_are_changed_at_once(owner: APIClient) -> None:
    answer = owner.put(ROUTE, {"notify": True, "max_positions": 12, "max_daily_loss": 0.025, "min_price": "50.50"})
    after = values(answer)
    assert (after["notify"], after["max_positions"]) == (True, 12)
    assert (after["max_daily_loss"], after["min_price"]) == ("0.025", "50.50")


def test_of_many_settings_all_are_changed_or_none(owner: APIClient) -> None:
    refused = owner.put(ROUTE, {"max_positions": 12, "notify": "perhaps", "colour": "blue"})
    assert detail(refused)["notify"] == ["Give true or false."]
    assert detail(refused)["colour"][0].startswith("There is no such setting. Known are max_daily_loss, ")
    assert values(owner.get(ROUTE))["max_positions"] == 10


def test_if_one_of_many_settings_cannot_be_saved_none_is_changed(
    owner: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = TradingSetting.save

    def save_or_fail(setting: TradingSetting, *args: Any, **how: Any) -> None:
        if setting.key == "notify":
            raise DatabaseError("the disk is full")
        save(setting, *args, **how)

    monkeypatch.setattr(TradingSetting, "save", save_or_fail)
    with pytest.raises(DatabaseError):
        services.change_settings(values={"max_positions": 12, "notify": True})
    assert TradingSetting.objects.get(key="max_positions").value == "10"


def test_one_setting_is_read_and_changed(owner: APIClient) -> None:
    changed = owner.put(f"{ROUTE}/max_positions", {"value": 3})
    assert changed.status_code == 200
    assert (changed.json()["key"], changed.json()["kind"], changed.json()["value"]) == ("max_positions", "integer", 3)
    assert owner.get(f"{ROUTE}/max_positions").json() == changed.json()


@pytest.mark.parametrize("key", ["colour", "a" * 300, "NOTIFY"])
def test_an_unknown_setting_is_not_found(owner: APIClient, key: str) -> None:
    assert owner.get(f"{ROUTE}/{key}").status_code == 404
    assert owner.put(f"{ROUTE}/{key}", {"value": 1}).status_code == 404


def test_an_unknown_setting_is_refused_with_the_name_that_was_meant(owner: APIClient) -> None:
    refused = owner.put(ROUTE, {"max_position": 3})
    assert detail(refused) == {"max_position": ["There is no such setting. Did you mean max_positions?"]}


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        *(("max_positions", text) for text in ("abc", "", "1e9", "-1", "9" * 500)),
        *(("max_daily_loss", text) for text in ("abc", "", "-0.1", "NaN", "2")),
        ("notify", "perhaps"),
    ],
    ids=lambda text: text[:20],
)
def test_a_value_that_cannot_be_read_is_null_until_it_is_corrected(
    owner: APIClient, caplog: pytest.LogCaptureFixture, key: str, stored: str
) -> None:
    TradingSetting.objects.filter(key=key).update(value=stored)
    as_committed()
    read = values(owner.get(ROUTE))
    assert [name for name, value in read.items() if value is None] == [key]
    assert owner.get(f"{ROUTE}/{key}").json()["value"] is None
    assert selectors.typed_settings()[key] is None
    assert f"the setting {key} cannot be read" in caplog.text
    assert owner.put(f"{ROUTE}/{key}", {"value": "true" if key == "notify" else 1}).status_code == 200
    as_committed()
    assert None not in values(owner.get(ROUTE)).values()


@pytest.mark.usefixtures("redis_store")
def test_settings_come_from_the_cache_until_one_changes(owner: APIClient, commits: Commits) -> None:
    assert [owner.get(ROUTE)["X-Cache"] for _ in range(2)] == ["miss", "hit"]
    assert owner.get(f"{ROUTE}/notify")["X-Cache"] == "hit"
    with commits():
        owner.put(f"{ROUTE}/notify", {"value": True})
    assert values(owner.get(ROUTE))["notify"] is True
    assert selectors.typed_settings()["notify"] is True


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("notify", 1),
        ("notify", "yes"),
        ("notify", []),
        ("max_positions", True),
        ("max_positions", "ten"),
        ("max_positions", "१०"),
        ("max_positions", "1_0"),
        ("max_positions", -1),
        ("max_positions", 1.5),
        ("max_positions", 2**31),
        ("max_positions", 10**3000),
        ("max_positions", ""),
        ("max_positions", [1]),
        ("max_positions", {"a": 1}),
        ("max_positions", None),
        ("max_daily_loss", 1.01),
        ("max_daily_loss", "-0.1"),
        ("max_daily_loss", "NaN"),
        ("max_daily_loss", False),
        ("min_price", "Infinity"),
        ("min_price", "1e-999999"),
        ("min_price", "1e999999"),
        ("min_price", "1\0"),
        ("min_price", "१.५"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_value_of_the_wrong_kind_is_named(owner: APIClient, key: str, wrong: Any) -> None:
    assert list(detail(owner.put(f"{ROUTE}/{key}", {"value": wrong}))) == ["value"]
    assert list(detail(owner.put(ROUTE, {key: wrong}))) == [key]


@pytest.mark.parametrize("wrong", ["a\0b", "x" * 501, None, ["x"]], ids=lambda value: str(value)[:20])
def test_a_text_is_a_text(owner: APIClient, wrong: Any) -> None:
    TradingSetting.objects.create(key="note", kind="text")
    assert owner.put(f"{ROUTE}/note", {"value": "  as you like  "}).json()["value"] == "as you like"
    assert owner.put(f"{ROUTE}/note", {"value": ""}).json()["value"] == ""
    assert list(detail(owner.put(f"{ROUTE}/note", {"value": wrong}))) == ["value"]


def test_half_a_character_is_refused_and_not_quoted(owner: APIClient) -> None:
    TradingSetting.objects.create(key="note", kind="text")
    for body in ('{"note": "\\ud800"}', '{"\\ud800": 1}', '{"notify": "\\ud800"}', '{"\\u0000": 1}'):
        detail(owner.put(ROUTE, body, content_type="application/json"))


@pytest.mark.parametrize("body", ["[]", "3", '"x"', "null", "{}", '{"value"}'])
def test_a_body_that_says_nothing_is_refused(owner: APIClient, body: str) -> None:
    assert owner.put(ROUTE, body, content_type="application/json").status_code == 400
    assert owner.put(f"{ROUTE}/notify", body, content_type="application/json").status_code == 400


def test_only_those_with_the_permission_change_settings(anonymous: APIClient, stranger: APIClient) -> None:
    for path in (ROUTE, f"{ROUTE}/notify"):
        assert anonymous.get(path).status_code == 401
        assert anonymous.put(path, {"notify": True}).status_code == 401
        assert stranger.get(path).status_code == 200
        assert stranger.put(path, {"notify": True}).status_code == 403


def test_the_browsable_pages_open(owner: APIClient) -> None:
    for path in (ROUTE, f"{ROUTE}/notify"):
        assert owner.get(path, HTTP_ACCEPT="text/html").status_code == 200
