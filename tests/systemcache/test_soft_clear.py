"""A soft clear: each value is loaded again by one caller, and the old one is shown, marked, if its source fails."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from systemcache import clock, codec
from systemcache.codec import Entry
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import clear
from systemcache.models import ClearRecord
from systemcache.storage import leases
from systemcache.storage.key_names import EntryRef
from tests.support.commands import output_of
from tests.support.source import Source
from tests.systemcache.samples import PRICE, Price

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

KEY = "iifl:SIM0001:sample:price:A"


@pytest.fixture(autouse=True)
def stale_for(settings: Settings) -> None:
    settings.CACHE_STALE = {**settings.CACHE_STALE, "sample_price": 600}


def read(source: Source | Price) -> tuple[int, str]:
    found = fetch(PRICE, {"symbol": "A"}, source if isinstance(source, Source) else Source(source))
    return int(found.value.amount), found.state


def price(amount: int) -> Price:
    return Price("A", Decimal(amount))


def soften(**what: str) -> int:
    return clear.clear(clear.target(**what), by="test", soft=True).keys


@pytest.mark.parametrize("what", [{"pattern": "sample:price:*"}, {"family": "sample_price"}, {"tag": "sample:A"}])
def test_the_next_caller_gets_a_new_value(what: dict[str, str]) -> None:
    assert (read(price(1)), read(price(2))) == ((1, "miss"), (1, "hit"))
    assert soften(**what) == 1
    assert (read(price(3)), read(price(4))) == ((3, "miss"), (3, "hit"))
    assert ClearRecord.objects.get().what.endswith("(softly)")


def test_if_the_source_fails_the_old_value_is_shown_marked_stale() -> None:
    read(price(1))
    soften(family="sample_price")
    assert read(Source(ValueError("the source is away"))) == (1, "stale")


def test_after_an_ordinary_clear_it_is_not() -> None:
    read(price(1))
    clear.clear(clear.target(family="sample_price"), by="test")
    with pytest.raises(ValueError, match="away"):
        read(Source(ValueError("the source is away")))


def test_one_caller_loads() -> None:
    read(price(1))
    soften(family="sample_price")
    source = Source(price(2))
    with ThreadPoolExecutor(8) as callers:
        assert {found[0] for found in callers.map(lambda _: read(source), range(8))} == {2}
    assert source.calls == 1


def test_a_load_that_was_under_way_does_not_put_the_old_value_back() -> None:
    read(price(1))
    lease = leases.acquire(EntryRef("sample:price:A", ("sample_price", "sample:A")), 30).lease
    assert lease
    soften(family="sample_price")
    assert not leases.store(lease, Entry(clock.now(), 60, codec.encode(price(2))))
    assert (read(price(3)), read(price(4))) == ((3, "miss"), (3, "hit"))


def test_a_value_that_is_invalidated_after_it_is_never_shown_again() -> None:
    read(price(1))
    soften(family="sample_price")
    clear.invalidate("sample_price")
    with pytest.raises(ValueError, match="away"):
        read(Source(ValueError("the source is away")))


def test_bytes_that_are_no_entry_are_removed(redis: Redis) -> None:
    redis.set(KEY, b"rubbish")
    assert soften(pattern="sample:price:*") == 1
    assert not redis.exists(KEY)


def test_program_command_and_page_offer_it(staff: APIClient, admin_client: Client) -> None:
    read(price(1))
    answer = staff.post("/api/system/cache/clear?family=sample_price&soft=true")
    assert answer.json()["keys"] == 1
    assert read(price(2)) == (2, "miss")
    assert output_of("clearcache", "--family", "sample_price", "--soft") == "1 keys cleared\n"
    read(price(3))
    form = {"family": "sample_price", "soft": "on", "confirmed": "yes"}
    admin_client.post("/admin/systemcache/cache/clear/", form)
    assert [record.what for record in ClearRecord.objects.all()] == ["family sample_price (softly)"] * 3
