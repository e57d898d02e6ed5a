"""The keys' pages: states, values, and what they keep to themselves."""

from decimal import Decimal
from typing import cast

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import codec
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import clear
from systemcache.storage import key_names
from tests.systemcache.admin.reading import CLEAR, DIGEST, HOME, KEY, KEYS, PAGES, price, text
from tests.systemcache.samples import GUARDED, LIST, Price

pytestmark = pytest.mark.django_db


def entry_at(redis: Redis, name: str) -> codec.Entry:
    return codec.unpack(cast(bytes, redis.get(name)))


def test_keys_are_listed_with_size_age_and_state(viewer: Client, sample_redis: Redis) -> None:
    lines = viewer.get(f"{KEYS}?pattern=sample:price:*").context["rows"]
    assert [(line.stored.key, line.stored.state) for line in lines] == [
        ("sample:price:A", "fresh"),
        ("sample:price:B", "fresh"),
    ]
    assert all(line.stored.size > 50 and 0 < line.expires_in <= 60 and 0 <= line.age < 60 for line in lines)


def test_a_key_shows_its_value_its_tags_and_the_namespaces_above_it(viewer: Client, sample_redis: Redis) -> None:
    answer = viewer.get(f"{KEY}?key=sample:price:A")
    assert '{ "symbol": "A", "amount": "1" }' in text(answer).replace("&quot;", '"')
    assert "sample_price , sample:A" in text(answer)
    assert answer.context["breadcrumbs"] == [("sample", "sample:*"), ("price", "sample:price:*")]


def test_a_value_is_shown_to_those_alone_who_have_its_familys_permission(
    viewer: Client, operator: Client, sample_redis: Redis
) -> None:
    fetch(GUARDED, {}, lambda: 4_711_893)
    page = viewer.get(f"{KEY}?key=sample:guarded")
    assert "Its value requires the permission systemcache.clear_cache ." in text(page)
    assert "4711893" not in page.content.decode()
    assert "4711893" in text(operator.get(f"{KEY}?key=sample:guarded"))


def test_what_is_stale_dropped_or_undecodable_is_called_so(viewer: Client, sample_redis: Redis) -> None:
    key = key_names.full_key("sample:price:A")
    data = cast(bytes, sample_redis.get(key))
    sample_redis.set(key_names.stale_key("sample:price:C"), data, ex=60)
    sample_redis.set(key_names.full_key("sample:price:D"), b"nonsense")
    sample_redis.rpush(key_names.full_key("sample:price:E"), "of another kind")
    sample_redis.set(key_names.full_key("unknown"), b"of nobody's")
    states = {line.stored.key: line.stored.state for line in viewer.get(f"{KEYS}?pattern=*").context["rows"]}
    assert states["sample:price:D"] == states["sample:price:E"] == "undecodable"
    assert (states["sample:price:B"], states["unknown"]) == ("fresh", "other")
    clear.invalidate("sample:A")
    assert viewer.get(f"{KEY}?key=sample:price:A").context["stored"].state == "invalidated"
    for key in states:
        assert viewer.get(KEY, {"key": key}).status_code == 200


def test_an_old_value_is_stale(viewer: Client, sample_redis: Redis, settings: Settings) -> None:
    settings.CACHE_STALE = {"sample_price": 300}
    price("F")
    sample_redis.delete(key_names.full_key("sample:price:F"))
    entry = entry_at(sample_redis, key_names.stale_key("sample:price:F"))
    past = codec.Entry(entry.created.replace(year=2020), entry.ttl, entry.payload, entry.generations)
    sample_redis.set(key_names.stale_key("sample:price:F"), codec.pack(past), ex=300)
    answer = viewer.get(f"{KEY}?key=sample:price:F")
    assert answer.context["stored"].state == "stale"
    assert "&quot;F&quot;" in answer.content.decode()
    assert "sample:price:F" in [line.stored.key for line in viewer.get(f"{KEYS}?pattern=sample:*").context["rows"]]


def test_a_value_of_another_type_is_undecodable_on_its_page(viewer: Client, sample_redis: Redis) -> None:
    entry = entry_at(sample_redis, key_names.full_key("sample:price:A"))
    other = codec.Entry(entry.created, entry.ttl, b'{"symbol": 1}', entry.generations)
    sample_redis.set(key_names.full_key("sample:price:A"), codec.pack(other))
    answer = viewer.get(f"{KEY}?key=sample:price:A")
    assert "undecodable" in text(answer)
    assert answer.context["value"].text == ""


def test_a_long_value_is_cut_and_says_by_how_much(viewer: Client, sample_redis: Redis) -> None:
    clear.invalidate("sample_list")
    fetch(LIST, {}, lambda: [Price("X" * 50, Decimal(i)) for i in range(2_000)])
    shown = viewer.get(f"{KEY}?key=sample:list").context["value"]
    assert len(shown.text) == 20_000
    assert shown.omitted > 100_000


def test_what_is_of_no_family_is_named_and_not_shown(viewer: Client, sample_redis: Redis) -> None:
    sample_redis.set(key_names.full_key("1:somebodys"), "private")
    answer = viewer.get(f"{KEY}?key=1:somebodys")
    assert answer.status_code == 200
    assert "private" not in answer.content.decode()


def test_a_key_that_is_not_there_is_a_404_that_says_so(viewer: Client, sample_redis: Redis) -> None:
    for key in ("sample:price:Z", "", "*", "\x00", "é", "x" * 5_000):
        answer = viewer.get(KEY, {"key": key})
        assert answer.status_code == 404
        assert "no such key" in text(answer)


@pytest.mark.parametrize("odd", ["*", DIGEST, f"{DIGEST}:more", "x y"])
def test_secrets_are_counted_and_never_shown(operator: Client, sample_redis: Redis, odd: str) -> None:
    sample_redis.set(key_names.full_key(f"sample:secret:{odd}"), b"hidden")
    pages = [*PAGES, f"{KEYS}?pattern=*", f"{KEYS}?pattern=sample:secret:*", f"{KEYS}?pattern=sample:secret:{DIGEST}"]
    for page in (*pages, f"{KEY}?key=sample:secret:{DIGEST}", f"{HOME}families/sample_secret/"):
        shown = operator.get(page).content.decode().replace(f'value="sample:secret:{DIGEST}"', "")
        assert "4711" not in shown
        if page != f"{KEY}?key=sample:secret:{DIGEST}" and f"pattern=sample:secret:{DIGEST}" not in page:
            assert DIGEST not in shown, page
    assert operator.get(f"{KEY}?key=sample:secret:{DIGEST}").status_code == 404
    confirm = operator.post(CLEAR, {"pattern": "sample:secret:*"})
    assert confirm.context["number"] >= 1
    assert DIGEST not in confirm.content.decode()
    shares = [share for group in operator.get(KEYS).context["namespaces"].groups.values() for share in group]
    assert next(share.keys for share in shares if share.family.name == "sample_secret") >= 1


@pytest.mark.parametrize("query", ["cursor=-1", "cursor=x", f"cursor={2**64}", f"pattern={'x' * 300}"])
def test_an_odd_query_is_a_sentence_in_the_form(viewer: Client, sample_redis: Redis, query: str) -> None:
    answer = viewer.get(f"{KEYS}?{query}")
    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_the_tree_counts_each_family(viewer: Client, sample_redis: Redis) -> None:
    groups = viewer.get(KEYS).context["namespaces"].groups
    counted = {share.family.name: (share.keys, share.exact) for share in groups["sample"]}
    assert counted["sample_price"] == (2, True)
    assert counted["sample_list"] == (1, True)
