"""The event log, on a real Redis."""

import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.storage import event_log
from systemcache.storage.breaker import breaker
from systemcache.storage.event_log import LogReader, NewEvent
from systemcache.storage.key_names import events_key
from testservers.redis_server import RedisServer

ALL, LASTING, VERSIONS = (events_key(part) for part in ("all", "lasting", "versions"))
WAIT = 30.0  # seconds

pytestmark = pytest.mark.usefixtures("redis_store")


def order(number: int, rank: int = 0, version: str = "") -> NewEvent:
    return NewEvent("order", str(number), b'{"number":%d}' % number, rank=rank, version=version)


def price(number: int) -> NewEvent:
    return NewEvent("quote", f"NSEEQ:S{number}", b"{}", lasting=False)


@pytest.fixture
def reader() -> Iterator[LogReader]:
    following = LogReader(event_log.end())
    yield following
    following.close()


def keys_after(last: str, count: int = 1000) -> list[str] | None:
    page = event_log.after(last, event_log.end(), count)
    return None if page is None else [event.key for event in page.events]


# --- reading on ---------------------------------------------------------------------------------------------


def test_a_reader_gets_what_is_logged_after_it_came_in_order(reader: LogReader) -> None:
    event_log.append([order(1), price(2), order(3)])
    found = reader.read(WAIT)
    assert [(event.kind, event.key) for event in found.events] == [
        ("order", "1"),
        ("quote", "NSEEQ:S2"),
        ("order", "3"),
    ]
    assert found.events[0].data == b'{"number":1}'
    assert not found.gap
    assert [event.id for event in found.events] == sorted({event.id for event in found.events}, key=event_log.order_of)


def test_a_reader_is_woken_by_an_event(reader: LogReader) -> None:
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.extend(event.key for event in reader.read(WAIT).events))
    waiting.start()
    event_log.append([order(1)])
    waiting.join(WAIT)
    assert found == ["1"]


def test_without_events_a_read_ends_after_its_time(reader: LogReader) -> None:
    found = reader.read(0.01)
    assert (found.events, found.gap) == ([], False)


def test_a_reader_that_was_overtaken_is_told_of_the_gap(reader: LogReader) -> None:
    event_log.append([price(number) for number in range(event_log.MAX_EVENTS + 1_000)])
    assert reader.read(WAIT).gap


def test_a_log_that_was_removed_and_begun_again_is_a_gap(reader: LogReader, redis: Redis) -> None:
    redis.flushall()
    event_log.append([order(1)])
    assert reader.read(WAIT).gap


def test_a_log_that_somebody_has_removed_is_a_gap(reader: LogReader, redis: Redis) -> None:
    redis.flushall()
    assert reader.read(0.01).gap


def test_a_reader_whose_redis_is_gone_raises(redis_store: RedisServer) -> None:
    reader = LogReader(event_log.end())
    redis_store.kill()
    try:
        with pytest.raises(StoreUnavailable):
            reader.read(0.1)
    finally:
        redis_store.restart()


def test_a_reader_whose_redis_hangs_raises(redis_store: RedisServer) -> None:
    reader = LogReader(event_log.end())
    redis_store.pause()
    try:
        with pytest.raises(StoreUnavailable):
            reader.read(0.01)
    finally:
        redis_store.resume()


# --- coming back --------------------------------------------------------------------------------------------


def test_a_reader_that_comes_back_gets_all_that_was_logged_since() -> None:
    event_log.append([order(1)])
    last = event_log.end()
    event_log.append([order(2), price(3), order(4)])
    assert keys_after(last) == ["2", "NSEEQ:S3", "4"]


def test_what_was_logged_since_comes_in_pages() -> None:
    last = event_log.end()
    event_log.append([order(number) for number in range(5)])
    until, found = event_log.end(), list[str]()
    for _ in range(3):
        page = event_log.after(last, until, count=2)
        assert page is not None
        found += [event.key for event in page.events]
        last = page.events[-1].id
    assert found == ["0", "1", "2", "3", "4"]
    assert page is not None
    assert page.complete


def test_a_reader_that_comes_back_past_a_gap_is_told() -> None:
    event_log.append([order(1)])
    before = event_log.end()
    event_log.events_are_missing()
    event_log.mark_gap_if_due()
    event_log.append([order(2)])
    assert event_log.after(before, event_log.end()) is None


def test_a_reader_that_follows_is_told_of_a_gap_once(reader: LogReader) -> None:
    event_log.events_are_missing()
    event_log.mark_gap_if_due()
    event_log.mark_gap_if_due()
    event_log.append([order(1)])
    assert reader.read(1).gap
    assert not reader.read(0.01).gap


def test_nothing_was_logged_since_the_last_event() -> None:
    event_log.append([order(1)])
    assert keys_after(event_log.end()) == []


def test_prices_do_not_push_orders_out_of_reach() -> None:
    event_log.append([order(1)])
    last = event_log.end()
    event_log.append([order(2)])
    event_log.append([price(number) for number in range(event_log.MAX_EVENTS + 1_000)])
    event_log.append([order(3)])
    assert keys_after(last) == ["2", "3"]


def test_a_price_that_is_no_longer_kept_is_a_place_to_come_back_to() -> None:
    event_log.append([order(1), price(2)])
    last = event_log.end()
    event_log.append([order(3), *map(price, range(event_log.MAX_EVENTS + 1_000))])
    assert keys_after(last) == ["3"]


def test_what_is_too_old_is_said_to_be() -> None:
    last = event_log.end()
    event_log.append([order(number) for number in range(event_log.MAX_EVENTS + 1_000)])
    assert keys_after(last) is None


@pytest.mark.parametrize(
    "unknown", ["", "0-0", "1-1", "99999999999999-0", "last", "1-x", "-1-0", "1" * 40 + "-0", "१-0"]
)
def test_an_id_that_was_never_given_is_said_to_be_unknown(unknown: str) -> None:
    event_log.append([order(1)])
    assert keys_after(unknown) is None


def test_an_id_beside_those_that_were_given_is_unknown() -> None:
    event_log.append([order(1)])
    milliseconds, _ = event_log.order_of(event_log.end())
    event_log.append([order(2)])
    assert keys_after(f"{milliseconds}-77") is None


def test_after_redis_has_lost_the_log_former_ids_are_unknown(redis: Redis) -> None:
    event_log.append([order(1)])
    last = event_log.end()
    redis.flushall()
    event_log.append([order(2)])
    assert keys_after(last) is None


def test_a_log_of_prices_that_was_evicted_loses_no_order(redis: Redis) -> None:
    event_log.append([order(1)])
    last = event_log.end()
    event_log.append([order(2)])
    redis.delete(ALL)
    event_log.append([order(3)])
    assert keys_after(last) == ["2", "", "3"]


def test_an_empty_log_begins_with_a_place_to_come_back_to() -> None:
    last = event_log.end()
    assert event_log.end() == last
    event_log.append([order(1)])
    assert keys_after(last) == ["1"]


# --- versions -----------------------------------------------------------------------------------------------


def logged(*events: NewEvent, book: str = "") -> int:
    return event_log.append(events, book=book)


def test_a_version_is_logged_once_however_many_processes_know_it() -> None:
    assert logged(order(1, version="open")) == 1
    assert logged(order(1, version="open"), order(2, version="open")) == 1
    assert logged(order(1, version="cancelled")) == 1


def test_an_earlier_state_that_is_read_late_is_not_logged() -> None:
    logged(order(1, version="filled 5", rank=5))
    assert logged(order(1, version="filled 3", rank=3)) == 0
    assert logged(order(1, version="filled 5, cheaper", rank=5)) == 1


def test_the_first_book_of_all_is_what_there_was_before() -> None:
    assert logged(order(1, version="open"), order(2, version="open"), book="orders") == 0
    assert logged(order(1, version="open"), order(2, version="filled"), order(3, version="open"), book="orders") == 2


def test_an_empty_first_book_makes_the_next_ones_orders_news() -> None:
    assert logged(book="orders") == 0
    assert logged(order(1, version="open"), book="orders") == 1


def test_a_large_book_is_one_step() -> None:
    rows = [order(number, version="open") for number in range(3 * event_log.MAX_BATCH)]
    assert logged(*rows, book="orders") == 0
    assert logged(*rows, book="orders") == 0


def test_forgotten_versions_are_taken_as_known_from_the_next_book(redis: Redis) -> None:
    logged(book="orders")
    redis.hset(VERSIONS, mapping={f"order:{number}": "0 x" for number in range(event_log.MAX_VERSIONS + 1)})
    assert logged(order(1, version="open"), book="orders") == 0
    assert redis.hlen(VERSIONS) == 2


def test_readers_are_counted_over_all_processes_while_they_say_so(redis: Redis) -> None:
    event_log.note_readers("a", 3)
    event_log.note_readers("b", 4)
    event_log.note_readers("a", 5)
    redis.hset(events_key("readers"), mapping={"ended": "7 1000000", "planted": "x"})
    assert event_log.readers() == 9
    assert redis.hlen(events_key("readers")) == 2
    assert redis.ttl(events_key("readers")) > 0


# --- the rest -----------------------------------------------------------------------------------------------


def test_the_log_is_bounded_and_ends_by_itself(redis: Redis) -> None:
    event_log.append([order(number, version="x") for number in range(event_log.MAX_EVENTS + 1_000)])
    for key in (ALL, LASTING):
        assert event_log.MAX_EVENTS <= redis.xlen(key) < event_log.MAX_EVENTS + 500
    for name in redis.keys("events:*"):
        assert 0 < redis.ttl(name) <= event_log.TTL


def test_keys_of_another_type_are_removed(redis: Redis) -> None:
    for part in ("all", "lasting", "versions"):
        redis.set(events_key(part), "planted")
    assert logged(order(1, version="open")) == 1
    assert keys_after("0-1") is None


def test_planted_entries_do_no_harm(redis: Redis) -> None:
    last = event_log.end()
    redis.xadd(ALL, {b"\xff": b"\xff"})
    redis.hset(VERSIONS, "order:1", "no rank")
    assert keys_after(last) == [""]
    assert logged(order(1, version="open")) == 1


def test_without_redis_every_function_says_so(redis_store: RedisServer) -> None:
    redis_store.kill()
    try:
        for use in (event_log.end, lambda: event_log.append([order(1)])):
            breaker.reset()
            with pytest.raises(StoreUnavailable):
                use()
    finally:
        redis_store.restart()
        breaker.reset()
