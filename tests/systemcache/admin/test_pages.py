"""The cache's pages in the admin: who sees what, what they change, and what they keep to themselves."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import codec, families, invalidation, store, warming
from systemcache.admin import overview
from systemcache.fetch import fetch
from systemcache.models import ClearRecord
from systemcache.warming import Step
from tests.servers.redis_server import RedisServer
from tests.systemcache.samples import CHOSEN, LIST, PRICE, SECRET, Price

pytestmark = pytest.mark.django_db

HOME = "/admin/systemcache/cache/"
FAMILY, KEYS, KEY, CLEAR = f"{HOME}families/sample_price/", f"{HOME}keys/", f"{HOME}key/", f"{HOME}clear/"
PAGES = [
    HOME,
    FAMILY,
    f"{HOME}families/sample_secret/",
    KEYS,
    f"{KEYS}?pattern=sample:*",
    f"{KEYS}?pattern=sample:price:A",
    f"{KEY}?key=sample:price:A",
]
DIGEST = "5ec0ed"


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def price(symbol: str, amount: int = 1) -> None:
    fetch(PRICE, {"symbol": symbol}, lambda: Price(symbol, Decimal(amount)))


@pytest.fixture
def redis(redis_store: RedisServer) -> Redis:
    """A Redis with two prices, a list, and a secret."""
    for symbol in ("A", "B"):
        price(symbol)
    fetch(LIST, {}, lambda: [Price("L", Decimal(2))])
    fetch(SECRET, {"sha256": DIGEST}, lambda: 4711)
    return Redis.from_url(redis_store.url)


def entry_at(redis: Redis, name: str) -> codec.Entry:
    return codec.unpack(cast(bytes, redis.get(name)))


# --- who --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("page", PAGES)
def test_who_may_look_sees_every_page(viewer: Client, page: str) -> None:
    assert viewer.get(page).status_code == 200


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("page", [*PAGES, CLEAR])
def test_nobody_else_does(outsider: Client, client: Client, page: str) -> None:
    assert outsider.get(page).status_code == 403
    assert client.get(page).headers["Location"].startswith("/admin/login/")


def test_the_section_stands_in_the_index_for_those_who_may_look(viewer: Client, outsider: Client) -> None:
    assert f'href="{HOME}"' in viewer.get("/admin/").content.decode()
    assert HOME not in outsider.get("/admin/").content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_who_may_only_look_sees_no_way_to_clear(viewer: Client, keeper: Client, redis: Redis, page: str) -> None:
    shown = viewer.get(page).content.decode()
    assert "/clear/" not in shown
    assert "/refresh/" not in shown
    assert CLEAR in keeper.get(page).content.decode()


@pytest.mark.parametrize("page", [CLEAR, f"{FAMILY}refresh/"])
def test_who_may_only_look_cannot_post(viewer: Client, redis: Redis, page: str) -> None:
    for body in ({"pattern": "*"}, {"pattern": "*", "confirmed": "yes"}):
        assert viewer.post(page, body).status_code == 403
    assert redis.exists(store.full_key("sample:price:A"))
    assert not ClearRecord.objects.exists()


def test_to_clear_one_must_be_able_to_look(make_user: Callable[..., User], redis: Redis) -> None:
    half = Client()
    half.force_login(make_user("divya", "systemcache.clear_cache", is_staff=True))
    assert half.post(CLEAR, {"pattern": "*", "confirmed": "yes"}).status_code == 403
    assert redis.exists(store.full_key("sample:price:A"))


# --- GET changes nothing ----------------------------------------------------------------------------------


def state(redis: Redis) -> dict[bytes, bytes]:
    """Everything in Redis but the statistics, to which the pages themselves add nothing."""
    found = cast("list[bytes]", redis.keys("*"))
    names = [name for name in found if not name.startswith((b"stats:", b"series:", b"marks:"))]
    return {name: cast(bytes, redis.dump(name)) for name in names}


def test_a_get_changes_nothing(keeper: Client, redis: Redis) -> None:
    before = state(redis)
    counted = families.registered()
    for page in (*PAGES, CLEAR, f"{CLEAR}?family=sample_price", f"{CLEAR}?pattern=*&confirmed=yes"):
        assert keeper.get(page).status_code == 200
    assert keeper.get(f"{FAMILY}refresh/").status_code == 405
    assert state(redis) == before
    assert families.registered() == counted
    assert not ClearRecord.objects.exists()


def test_a_look_is_no_read(keeper: Client, redis: Redis) -> None:
    def figures() -> dict[str, Any]:
        """Without those of who asks."""
        found = keeper.get(HOME).context["stats"]["families"]
        return {name: counts for name, counts in found.items() if name not in ("user", "session")}

    before = figures()
    for page in PAGES:
        keeper.get(page)
    assert figures() == before


# --- keys -------------------------------------------------------------------------------------------------


def test_keys_are_listed_with_size_age_and_state(viewer: Client, redis: Redis) -> None:
    lines = viewer.get(f"{KEYS}?pattern=sample:price:*").context["lines"]
    assert [(line.stored.key, line.stored.state) for line in lines] == [
        ("sample:price:A", "fresh"),
        ("sample:price:B", "fresh"),
    ]
    assert all(line.stored.size > 50 and 0 < line.life <= 60 and 0 <= line.age < 60 for line in lines)


def test_a_key_shows_its_value_its_tags_and_the_namespaces_above_it(viewer: Client, redis: Redis) -> None:
    answer = viewer.get(f"{KEY}?key=sample:price:A")
    assert '{ "symbol": "A", "amount": "1" }' in text(answer).replace("&quot;", '"')
    assert "sample_price , sample:A" in text(answer)
    assert answer.context["branches"] == [("sample", "sample:*"), ("price", "sample:price:*")]


def test_what_is_stale_dropped_or_undecodable_is_called_so(viewer: Client, redis: Redis) -> None:
    key = store.full_key("sample:price:A")
    data = cast(bytes, redis.get(key))
    redis.set(store.old_key("sample:price:C"), data, ex=60)
    redis.set(store.full_key("sample:price:D"), b"nonsense")
    redis.rpush(store.full_key("sample:price:E"), "of another kind")
    redis.set(store.full_key("unknown"), b"of nobody's")
    states = {line.stored.key: line.stored.state for line in viewer.get(f"{KEYS}?pattern=*").context["lines"]}
    assert states["sample:price:D"] == states["sample:price:E"] == "undecodable"
    assert (states["sample:price:B"], states["unknown"]) == ("fresh", "other")
    invalidation.drop("sample:A")
    assert viewer.get(f"{KEY}?key=sample:price:A").context["stored"].state == "dropped"
    for key in states:
        assert viewer.get(KEY, {"key": key}).status_code == 200


def test_an_old_value_is_stale(viewer: Client, redis: Redis, settings: Settings) -> None:
    settings.CACHE_STALE = {"sample_price": 300}
    price("F")
    redis.delete(store.full_key("sample:price:F"))
    entry = entry_at(redis, store.old_key("sample:price:F"))
    past = codec.Entry(entry.created.replace(year=2020), entry.ttl, entry.payload, entry.generations)
    redis.set(store.old_key("sample:price:F"), codec.pack(past), ex=300)
    answer = viewer.get(f"{KEY}?key=sample:price:F")
    assert answer.context["stored"].state == "stale"
    assert "&quot;F&quot;" in answer.content.decode()
    assert "sample:price:F" in [line.stored.key for line in viewer.get(f"{KEYS}?pattern=sample:*").context["lines"]]


def test_a_value_of_another_type_is_undecodable_on_its_page(viewer: Client, redis: Redis) -> None:
    entry = entry_at(redis, store.full_key("sample:price:A"))
    other = codec.Entry(entry.created, entry.ttl, b'{"symbol": 1}', entry.generations)
    redis.set(store.full_key("sample:price:A"), codec.pack(other))
    answer = viewer.get(f"{KEY}?key=sample:price:A")
    assert "undecodable" in text(answer)
    assert answer.context["value"].text == ""


def test_a_long_value_is_cut_and_says_by_how_much(viewer: Client, redis: Redis) -> None:
    invalidation.drop("sample_list")
    fetch(LIST, {}, lambda: [Price("X" * 50, Decimal(i)) for i in range(2_000)])
    shown = viewer.get(f"{KEY}?key=sample:list").context["value"]
    assert len(shown.text) == 20_000
    assert shown.rest > 100_000


def test_what_is_of_no_family_is_named_and_not_shown(viewer: Client, redis: Redis) -> None:
    redis.set(store.full_key("1:somebodys"), "private")
    answer = viewer.get(f"{KEY}?key=1:somebodys")
    assert answer.status_code == 200
    assert "private" not in answer.content.decode()


def test_a_key_that_is_not_there_is_a_404_that_says_so(viewer: Client, redis: Redis) -> None:
    for key in ("sample:price:Z", "", "*", "\x00", "é", "x" * 5_000):
        answer = viewer.get(KEY, {"key": key})
        assert answer.status_code == 404
        assert "no such key" in text(answer)


@pytest.mark.parametrize("odd", ["*", DIGEST, f"{DIGEST}:more", "x y"])
def test_secrets_are_counted_and_never_shown(keeper: Client, redis: Redis, odd: str) -> None:
    redis.set(store.full_key(f"sample:secret:{odd}"), b"hidden")
    pages = [*PAGES, f"{KEYS}?pattern=*", f"{KEYS}?pattern=sample:secret:*", f"{KEYS}?pattern=sample:secret:{DIGEST}"]
    for page in (*pages, f"{KEY}?key=sample:secret:{DIGEST}", f"{HOME}families/sample_secret/"):
        shown = keeper.get(page).content.decode().replace(f'value="sample:secret:{DIGEST}"', "")
        assert "4711" not in shown
        if page != f"{KEY}?key=sample:secret:{DIGEST}" and f"pattern=sample:secret:{DIGEST}" not in page:
            assert DIGEST not in shown, page
    assert keeper.get(f"{KEY}?key=sample:secret:{DIGEST}").status_code == 404
    confirm = keeper.post(CLEAR, {"pattern": "sample:secret:*"})
    assert confirm.context["number"] >= 1
    assert DIGEST not in confirm.content.decode()
    shares = [share for group in keeper.get(KEYS).context["namespaces"].groups.values() for share in group]
    assert next(share.keys for share in shares if share.family.name == "sample_secret") >= 1


@pytest.mark.parametrize("query", ["cursor=-1", "cursor=x", f"cursor={2**64}", f"pattern={'x' * 300}"])
def test_an_odd_query_is_a_sentence_in_the_form(viewer: Client, redis: Redis, query: str) -> None:
    answer = viewer.get(f"{KEYS}?{query}")
    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_the_tree_counts_each_family(viewer: Client, redis: Redis) -> None:
    groups = viewer.get(KEYS).context["namespaces"].groups
    counted = {share.family.name: (share.keys, share.exact) for share in groups["sample"]}
    assert counted["sample_price"] == (2, True)
    assert counted["sample_list"] == (1, True)


# --- clearing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "number"), [({"pattern": "sample:price:*"}, 2), ({"family": "sample_list"}, 1), ({"tag": "sample:A"}, 1)]
)
def test_a_clear_counts_asks_drops_and_is_on_record(
    keeper: Client, redis: Redis, chosen: dict[str, str], number: int
) -> None:
    before = state(redis)
    question = keeper.post(CLEAR, chosen)
    assert question.context["number"] == number
    assert state(redis) == before
    assert not ClearRecord.objects.exists()
    done = keeper.post(CLEAR, {**chosen, "confirmed": "yes"}, follow=True)
    assert f"{number} value" in " ".join(map(str, done.context["messages"]))
    record = ClearRecord.objects.get()
    assert (record.by, record.keys) == ("asha", number)
    assert keeper.post(CLEAR, chosen).context["number"] == 0


@pytest.mark.parametrize(
    "chosen", [{}, {"pattern": "*", "family": "sample_list"}, {"family": "nonsense"}, {"tag": "nonsense:A"}]
)
def test_an_unclear_clear_is_asked_about_again(keeper: Client, redis: Redis, chosen: dict[str, str]) -> None:
    before = state(redis)
    answer = keeper.post(CLEAR, {**chosen, "confirmed": "yes"})
    assert answer.context["form"].errors
    assert "errorlist" in answer.content.decode()
    assert state(redis) == before


def test_the_form_takes_what_a_link_names(keeper: Client, redis: Redis) -> None:
    assert 'value="sample:A"' in keeper.get(f"{CLEAR}?tag=sample:A").content.decode()


def test_a_clear_needs_the_forms_own_token(redis: Redis, make_user: Callable[..., User]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_user("esha", "systemcache.view_cache", "systemcache.clear_cache", is_staff=True))
    assert strict.post(CLEAR, {"pattern": "*", "confirmed": "yes"}).status_code == 403
    assert redis.exists(store.full_key("sample:price:A"))


# --- refreshing -------------------------------------------------------------------------------------------


@pytest.fixture
def warmer(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    steps: list[Step] = []
    monkeypatch.setattr(warming, "_warmers", [lambda: steps])
    return steps


class Refused(Exception):
    status_code = 503


def said(answer: Any) -> str:
    return " ".join(map(str, answer.context["messages"]))


def test_a_refresh_drops_and_loads_what_is_kept_warm(keeper: Client, redis: Redis, warmer: list[Step]) -> None:
    warmer.append(Step("sample_price", "A", lambda: fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(9)))))
    answer = keeper.post(f"{FAMILY}refresh/", follow=True)
    assert said(answer) == "2 dropped, 1 reads done anew."
    assert b'"9"' in (redis.get(store.full_key("sample:price:A")) or b"")
    assert not redis.exists(store.full_key("sample:price:B"))
    assert ClearRecord.objects.get().what == "family sample_price"


def test_a_refresh_of_what_nobody_keeps_warm_drops(keeper: Client, redis: Redis, warmer: list[Step]) -> None:
    answer = keeper.post(f"{FAMILY}refresh/", follow=True)
    assert said(answer) == "2 dropped; the next read of each loads it anew."


def test_a_refresh_whose_source_fails_says_why(keeper: Client, redis: Redis, warmer: list[Step]) -> None:
    def fail() -> Price:
        raise Refused("The broker is closed.")

    warmer.append(Step("sample_price", "price of A", lambda: fetch(PRICE, {"symbol": "A"}, fail)))
    assert "price of A: The broker is closed." in said(keeper.post(f"{FAMILY}refresh/", follow=True))


def test_a_family_that_nobody_has_is_not_found(keeper: Client, redis: Redis) -> None:
    assert keeper.get(f"{HOME}families/nonsense/").status_code == 404
    assert keeper.post(f"{HOME}families/nonsense/refresh/").status_code == 404


# --- the overview -----------------------------------------------------------------------------------------


def test_the_overview_tells_rate_loads_and_memory(viewer: Client, redis: Redis) -> None:
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
    assert hour.charts[0].text == "3 from the cache, 4 loaded in all."


def test_no_two_elements_of_a_page_have_one_name(viewer: Client, redis: Redis) -> None:
    for page in PAGES:
        names = re.findall(r'\bid="([^"]*)"', viewer.get(page).content.decode())
        assert [name for name in set(names) if names.count(name) > 1 or not name] == [], page


def test_the_last_day_is_put_together_once_a_minute(viewer: Client, redis: Redis) -> None:
    def reads() -> tuple[float, ...]:
        periods = viewer.get(HOME).context["periods"]
        return tuple(sum(point.counts.get("hits", 0) for point in period.table) for period in periods)

    assert reads() == (0, 0)
    price("A")
    assert reads() == (1, 0)
    overview.forget()
    assert reads() == (1, 1)


def test_a_clear_shows_as_a_mark_and_among_the_last(keeper: Client, redis: Redis) -> None:
    invalidation.clear(invalidation.target(pattern="sample:price:A"), by="asha")
    answer = keeper.get(HOME)
    marks = answer.context["periods"][0].charts[0].lines
    assert [line.mark.what for line in marks if line.mark.kind == "clear"] == ["sample:price:A by asha"]
    assert "by asha" in text(answer)


def test_who_may_not_see_the_record_is_not_told_of_clears_by_name(viewer: Client, redis: Redis) -> None:
    invalidation.clear(invalidation.target(pattern="sample:price:A"), by="asha")
    assert "Last clears" not in text(viewer.get(HOME))


# --- without Redis ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [HOME, FAMILY, KEYS, f"{KEYS}?pattern=*", f"{KEYS}?pattern=a", f"{KEY}?key=a", CLEAR])
def test_without_redis_every_page_opens(keeper: Client, page: str) -> None:
    answer = keeper.get(page)
    assert answer.status_code == 200
    if page != CLEAR:
        assert "Redis cannot be reached" in text(answer)


def test_without_redis_a_clear_and_a_refresh_say_so(keeper: Client) -> None:
    for body in ({"pattern": "*"}, {"pattern": "*", "confirmed": "yes"}):
        answer = keeper.post(CLEAR, body)
        assert answer.status_code == 200
        assert "Redis cannot be reached" in text(answer)
    answer = keeper.post(f"{FAMILY}refresh/", follow=True)
    assert "Nothing was dropped" in said(answer)
    assert not ClearRecord.objects.exists()


# --- the record -------------------------------------------------------------------------------------------


def test_the_record_tells_who_what_and_how_many(keeper: Client) -> None:
    ClearRecord.objects.create(by="asha", what="api:*", keys=12_345, seconds=0.1234)
    shown = text(keeper.get("/admin/systemcache/clearrecord/"))
    assert "api:*" in shown
    assert "12,345" in shown
    assert "0.123 s" in shown
