"""Publishing: what the log has afterwards, and that nobody fails for it."""

import logging
from collections.abc import Iterator

import msgspec
import pytest
from django.db import transaction

from systemcache import events
from systemcache.events import Event, Kind
from systemcache.stats import counters
from systemcache.storage import event_log
from systemcache.storage.breaker import breaker
from testservers.redis_server import RedisServer


class Row(msgspec.Struct, frozen=True):
    name: str


SAMPLE = Kind("sample", Row, "A sample")


@pytest.fixture(autouse=True)
def sample_kind() -> Iterator[None]:
    events.register(SAMPLE)
    yield
    events.unregister(SAMPLE)


@pytest.fixture
def start(redis_store: RedisServer) -> str:
    return event_log.end()


def logged(start: str) -> list[tuple[str, str, bytes]]:
    page = event_log.after(start, event_log.end())
    assert page is not None
    return [(event.kind, event.key, event.data) for event in page.events]


@pytest.fixture
def outage(redis_store: RedisServer) -> Iterator[None]:
    redis_store.kill()
    yield
    redis_store.restart()
    breaker.reset()


def test_data_is_one_line_of_the_rest_apis_json(start: str) -> None:
    events.publish("sample", Row("two\nlines"), key="1")
    assert logged(start) == [("sample", "1", b'{"name":"two\\nlines"}')]


def test_an_unknown_kind_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        events.publish("sampel", Row("x"))


def test_two_kinds_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'sample'"):
        events.register(Kind("sample", Row, "Another"))


@pytest.mark.django_db(transaction=True)
def test_a_write_is_told_when_it_has_committed(start: str) -> None:
    with transaction.atomic():
        events.publish_on_commit(lambda: [Event("sample", Row("committed"))])
        assert logged(start) == []
    assert [data for *_, data in logged(start)] == [b'{"name":"committed"}']


@pytest.mark.django_db(transaction=True)
def test_a_write_that_is_rolled_back_is_never_told(start: str) -> None:
    with transaction.atomic():
        events.publish_on_commit(lambda: [Event("sample", Row("rolled back"))])
        transaction.set_rollback(True)
    assert logged(start) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_store")
def test_what_cannot_be_told_fails_no_write(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> list[Event]:
        raise LookupError

    with caplog.at_level(logging.ERROR, "systemcache"):
        events.publish_on_commit(fail)
    assert "publishing a committed write failed" in caplog.text


@pytest.mark.usefixtures("outage")
def test_without_redis_nobody_fails_and_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "systemcache.events"):
        for _ in range(3):
            assert not events.publish_all([Event("sample", Row("lost"))])
    assert [record.name for record in caplog.records].count("systemcache.events") == 1
    assert counters.unsent_counts()["~events_lost"] == {"sample": 3}


def test_after_an_event_was_lost_all_readers_are_told(start: str) -> None:
    breaker.failed("Redis is away")
    assert not events.publish_all([Event("sample", Row("lost"))])
    event_log.mark_gap_if_due()  # the breaker is still open
    breaker.reset()
    events.publish_all([Event("sample", Row("kept"))])
    event_log.mark_gap_if_due()
    assert event_log.after(start, event_log.end()) is None


def test_published_events_are_counted_by_kind(start: str) -> None:
    events.publish_all([Event("sample", Row("a")), Event("sample", Row("b"))])
    assert counters.unsent_counts()["~events_published"] == {"sample": 2}
