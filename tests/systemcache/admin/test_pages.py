"""The cache's pages in the admin: who sees what, what they change, and what the first one tells."""

import csv
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from redis import Redis

from systemcache import families
from systemcache.admin import history, overview
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import clear
from systemcache.models import ClearRecord
from systemcache.storage import key_names
from tests.systemcache.admin.reading import CLEAR, FAMILY, HOME, KEY, KEYS, PAGES, price, said, state, text
from tests.systemcache.samples import CHOSEN

pytestmark = pytest.mark.django_db


# --- who --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sample_redis")
@pytest.mark.parametrize("page", PAGES)
def test_a_user_who_may_look_sees_every_page(viewer: Client, page: str) -> None:
    assert viewer.get(page).status_code == 200


@pytest.mark.usefixtures("sample_redis")
@pytest.mark.parametrize("page", [*PAGES, CLEAR])
def test_nobody_else_does(outsider: Client, client: Client, page: str) -> None:
    assert outsider.get(page).status_code == 403
    assert client.get(page).headers["Location"].startswith("/admin/login/")


def test_the_section_stands_in_the_index_for_those_who_may_look(viewer: Client, outsider: Client) -> None:
    assert f'href="{HOME}"' in viewer.get("/admin/").content.decode()
    assert HOME not in outsider.get("/admin/").content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_who_may_only_look_sees_no_way_to_clear(
    viewer: Client, operator: Client, sample_redis: Redis, page: str
) -> None:
    shown = viewer.get(page).content.decode()
    assert "/clear/" not in shown
    assert "/refresh/" not in shown
    assert CLEAR in operator.get(page).content.decode()


@pytest.mark.parametrize("page", [CLEAR, f"{FAMILY}refresh/"])
def test_who_may_only_look_cannot_post(viewer: Client, sample_redis: Redis, page: str) -> None:
    for body in ({"pattern": "*"}, {"pattern": "*", "confirmed": "yes"}):
        assert viewer.post(page, body).status_code == 403
    assert sample_redis.exists(key_names.full_key("sample:price:A"))
    assert not ClearRecord.objects.exists()


def test_to_clear_one_must_be_able_to_look(make_user: Callable[..., User], sample_redis: Redis) -> None:
    half = Client()
    half.force_login(make_user("divya", "systemcache.clear_cache", is_staff=True))
    assert half.post(CLEAR, {"pattern": "*", "confirmed": "yes"}).status_code == 403
    assert sample_redis.exists(key_names.full_key("sample:price:A"))


# --- GET changes nothing ----------------------------------------------------------------------------------


def test_a_get_changes_nothing(operator: Client, sample_redis: Redis) -> None:
    before = state(sample_redis)
    counted = families.registered()
    for page in (*PAGES, CLEAR, f"{CLEAR}?family=sample_price", f"{CLEAR}?pattern=*&confirmed=yes"):
        assert operator.get(page).status_code == 200
    assert operator.get(f"{FAMILY}refresh/").status_code == 405
    assert state(sample_redis) == before
    assert families.registered() == counted
    assert not ClearRecord.objects.exists()


def test_a_look_is_no_read(operator: Client, sample_redis: Redis) -> None:
    def figures() -> dict[str, Any]:
        """Without those of who asks."""
        found = operator.get(HOME).context["stats"]["families"]
        return {name: counts for name, counts in found.items() if name not in ("user", "session")}

    before = figures()
    for page in PAGES:
        operator.get(page)
    assert figures() == before


# --- the overview -----------------------------------------------------------------------------------------


def test_the_overview_tells_rate_loads_and_memory(viewer: Client, sample_redis: Redis) -> None:
    for _ in range(3):
        price("A")
    fetch(CHOSEN, {"kind": "a"}, lambda: [1])
    answer = viewer.get(HOME)
    stats = answer.context["stats"]
    assert (stats["hits"], stats["misses"]) == (3, 4)
    assert "42.86 %" in text(answer)
    assert "3 hits, 4 misses" in text(answer)
    hour = answer.context["periods"][0]
    assert sum(point.counts.get("hits", 0) for point in hour.table) == 3
    assert hour.charts[0].description == "3 from the cache, 4 loaded in all."


def test_a_familys_page_tells_its_rules(viewer: Client, sample_redis: Redis) -> None:
    for family in families.registered():
        page = text(viewer.get(f"{HOME}families/{family.name}/"))
        assert (
            f"Strict {'yes: never a value that a write has replaced' if family.strict else 'no'} Refresh-ahead" in page
        )
        assert (
            f"Near copies {'yes: processes keep their own copies for a moment' if family.near else 'no'} Counts" in page
        )


def test_no_two_elements_of_a_page_have_one_name(viewer: Client, sample_redis: Redis) -> None:
    for page in PAGES:
        names = re.findall(r'\bid="([^"]*)"', viewer.get(page).content.decode())
        assert [name for name in set(names) if names.count(name) > 1 or not name] == [], page


def test_the_last_day_is_put_together_once_a_minute(viewer: Client, sample_redis: Redis) -> None:
    def reads() -> tuple[float, ...]:
        periods = viewer.get(HOME).context["periods"]
        return tuple(sum(point.counts.get("hits", 0) for point in period.table) for period in periods)

    assert reads() == (0, 0)
    price("A")
    assert reads() == (1, 0)
    overview.history_cache.reset()
    assert reads() == (1, 1)


def test_a_week_and_a_month_can_be_chosen_and_saved_on_both_pages(viewer: Client, sample_redis: Redis) -> None:
    price("A")
    for page in (HOME, FAMILY):
        for query, key, name, days in (
            ("", "day", "Last day", 1),
            ("?period=week", "week", "Last week", 7),
            ("?period=month", "month", "Last 30 days", 30),
            ("?period=century", "day", "Last day", 1),
        ):
            answer = viewer.get(page + query)
            chosen = answer.context["periods"][1]
            assert (chosen.name, chosen.choice.key) == (name, key)
            assert re.findall(r'aria-current="true">([^<]+)<', answer.content.decode()) == [name]
            assert sum(point.counts.get("hits", 0) for point in chosen.table) >= 1
            assert len(chosen.table) == (24 if days == 1 else days)
            assert f"?table=history&amp;period={key}&amp;format=csv" in answer.content.decode()


@pytest.mark.parametrize(("period", "step"), [("day", 15), ("week", 120), ("month", 480)])
def test_a_period_is_saved_in_the_steps_of_its_chart(
    viewer: Client, sample_redis: Redis, period: str, step: int
) -> None:
    for _ in range(3):
        price("A")
    for page, name in ((HOME, "history"), (FAMILY, "sample_price")):
        address = f"{page}?table=history&period={period}&format="
        answer = viewer.get(address + "csv")
        assert f'filename="{name}-{period}.csv"' in answer["Content-Disposition"]
        lines = list(csv.DictReader(StringIO(answer.content.decode())))
        rows = json.loads(viewer.get(address + "json").content)
        assert [{column: str(value) for column, value in row.items()} for row in rows] == lines
        assert list(rows[0]) == ["from", *history.COLUMNS]
        assert sum(row["hits"] for row in rows) == 3
        assert sum(row["loads"] for row in rows) == (3 if page == HOME else 2)
        begins = [datetime.fromisoformat(row["from"]) for row in rows]
        assert begins[0].utcoffset() == timedelta(hours=5, minutes=30)
        assert {after - before for before, after in pairwise(begins)} == {timedelta(minutes=step)}
        assert len(rows) == 96 if period == "day" else (begins[0].hour, begins[0].minute) == (0, 0)


def test_without_redis_no_history_is_saved(viewer: Client) -> None:
    assert viewer.get(f"{HOME}?table=history&format=csv").status_code == 503


def test_a_clear_shows_as_a_mark_and_among_the_last(operator: Client, sample_redis: Redis) -> None:
    clear.clear(clear.target(pattern="sample:price:A"), by="asha")
    answer = operator.get(HOME)
    marks = answer.context["periods"][0].charts[0].mark_lines
    assert [line.mark.what for line in marks if line.mark.kind == "clear"] == ["sample:price:A by asha"]
    assert "by asha" in text(answer)


def test_a_user_without_permission_for_the_record_does_not_see_clears_by_name(
    viewer: Client, sample_redis: Redis
) -> None:
    clear.clear(clear.target(pattern="sample:price:A"), by="asha")
    assert "Last clears" not in text(viewer.get(HOME))


# --- without Redis ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [HOME, FAMILY, KEYS, f"{KEYS}?pattern=*", f"{KEYS}?pattern=a", f"{KEY}?key=a", CLEAR])
def test_without_redis_every_page_opens(operator: Client, page: str) -> None:
    answer = operator.get(page)
    assert answer.status_code == 200
    if page != CLEAR:
        assert "Redis cannot be used" in text(answer)


def test_without_redis_a_clear_and_a_refresh_say_so(operator: Client) -> None:
    for body in ({"pattern": "*"}, {"pattern": "*", "confirmed": "yes"}):
        answer = operator.post(CLEAR, body)
        assert answer.status_code == 200
        assert "Redis cannot be used" in text(answer)
    answer = operator.post(f"{FAMILY}refresh/", follow=True)
    assert "Redis cannot be used" in said(answer)
    assert not ClearRecord.objects.exists()


# --- the record -------------------------------------------------------------------------------------------


def test_the_record_tells_who_what_and_how_many(operator: Client) -> None:
    ClearRecord.objects.create(by="asha", what="api:*", keys=12_345, seconds=0.1234)
    shown = text(operator.get("/admin/systemcache/clearrecord/"))
    assert "api:*" in shown
    assert "12,345" in shown
    assert "0.123 s" in shown
