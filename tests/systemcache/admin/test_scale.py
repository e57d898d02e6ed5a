"""However many keys Redis holds, a page asks for one page of them. In milliseconds: `make bench`."""

import pytest
from django.test import Client
from redis import Redis

from systemcache import conf
from systemcache.operations import key_browser

pytestmark = pytest.mark.django_db

HOME = "/admin/systemcache/cache/"
MANY, BATCH = 120_000, 10_000
SLACK = 2  # Redis looks at whole buckets: a step may bring somewhat more than it was asked for


@pytest.fixture
def crowded(redis: Redis) -> Redis:
    """A Redis with many prices and one list."""
    for start in range(0, MANY, BATCH):
        redis.mset({f"{conf.prefix()}:sample:price:S{n}": b"x" for n in range(start, start + BATCH)})
    redis.set(f"{conf.prefix()}:sample:list", b"x")
    return redis


class Used:
    """Redis's own count of the commands that a page takes."""

    def __init__(self, redis: Redis, client: Client, page: str) -> None:
        client.get(page)  # connects, and loads what is loaded once
        redis.config_resetstat()
        self.answer = client.get(page)
        stats = redis.info("commandstats")
        self.calls = {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}
        self.looks = self.calls.get("memory|usage", 0) / 2  # of a value and an old value


def test_the_overview_looks_at_no_key(viewer: Client, crowded: Redis) -> None:
    used = Used(crowded, viewer, HOME)
    assert used.answer.status_code == 200
    assert {"scan", "keys", "memory|usage", "mget", "get"} & used.calls.keys() == set()


def test_the_tree_is_reckoned_from_one_page(viewer: Client, crowded: Redis) -> None:
    used = Used(crowded, viewer, f"{HOME}keys/")
    found = used.answer.context["namespaces"]
    assert (used.calls["scan"], used.calls["dbsize"]) == (1, 1)
    assert found.sampled <= SLACK * key_browser.SAMPLE
    prices = next(share for share in found.groups["sample"] if share.family.name == "sample_price")
    assert 0.8 * MANY < prices.keys < 1.2 * MANY
    assert not prices.exact


def test_the_few_keys_that_a_family_can_name_are_counted_exactly(viewer: Client, crowded: Redis) -> None:
    used = Used(crowded, viewer, f"{HOME}keys/")
    shares = [share for group in used.answer.context["namespaces"].groups.values() for share in group]
    lists = next(share for share in shares if share.family.name == "sample_list")
    assert (lists.keys, lists.exact) == (1, True)
    assert used.calls["exists"] == sum(bool(share.family.every_key()) for share in shares)


def test_a_page_of_keys_is_one_page(viewer: Client, crowded: Redis) -> None:
    used = Used(crowded, viewer, f"{HOME}keys/?pattern=sample:*")
    assert used.calls["scan"] == 1
    assert key_browser.PAGE <= len(used.answer.context["rows"]) <= SLACK * key_browser.PAGE
    assert used.looks == len(used.answer.context["rows"])


def test_a_rare_key_is_looked_for_within_a_bound(viewer: Client, crowded: Redis) -> None:
    """Page by page, until it has been found; each page looks at so many keys at the most."""
    cursor, found, pages = "", [], 0
    while cursor != "0":
        used = Used(crowded, viewer, f"{HOME}keys/?pattern=sample:li*&cursor={cursor}")
        assert used.calls["scan"] <= key_browser.MAX_SCANNED / key_browser.MAX_SCAN_COUNT + 8
        assert used.answer.context["page"].scanned <= key_browser.MAX_SCANNED + key_browser.MAX_SCAN_COUNT
        found += [line.stored.key for line in used.answer.context["rows"]]
        cursor, pages = str(used.answer.context["page"].cursor), pages + 1
    assert found == ["sample:list"]
    assert 2 <= pages <= MANY / key_browser.MAX_SCANNED + 2


def test_all_pages_together_hold_every_key_once(crowded: Redis) -> None:
    pattern, cursor, seen = "sample:price:S11*", 0, list[str]()
    while True:
        page = key_browser.page(pattern, cursor)
        seen += [stored.key for stored in page.keys]
        if not (cursor := page.cursor):
            break
    assert sorted(seen) == sorted(f"sample:price:S{n}" for n in range(MANY) if str(n).startswith("11"))


def test_one_key_by_its_name_takes_no_scan(viewer: Client, crowded: Redis) -> None:
    used = Used(crowded, viewer, f"{HOME}keys/?pattern=sample:list")
    assert "scan" not in used.calls
    assert [line.stored.key for line in used.answer.context["rows"]] == ["sample:list"]


def test_the_largest_are_of_a_bounded_sample_that_says_so(viewer: Client, crowded: Redis) -> None:
    used = Used(crowded, viewer, f"{HOME}families/sample_price/")
    largest = used.answer.context["largest"]
    assert len(largest.keys) == key_browser.LARGEST_KEYS
    assert largest.examined <= SLACK * 3 * key_browser.PAGE
    assert used.calls["memory|usage"] == largest.examined + 2 * key_browser.LARGEST_KEYS
    assert not largest.complete
    assert "keys; there are more" in used.answer.content.decode()
