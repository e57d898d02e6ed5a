"""Failover and split brain, with real sentinels and processes: no error, nothing stale beyond the stated bound."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from redis import Redis, RedisError

from tests.support.programs import program
from tests.support.waiting import eventually
from tests.systemcache.failures.site import Site, running_site
from tests.systemcache.failures.traffic import Traffic, first_item, hits
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import RedisServer
from testservers.sentinel import PASSWORD, SentinelService

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelService]:
    program("redis-sentinel")
    with SentinelService(tmp_path_factory.mktemp("sentinel")) as service:
        yield service


@pytest.fixture
def watched_site(service: SentinelService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose Redis is the one that the sentinels name."""
    directory = tmp_path_factory.mktemp("site")
    with running_site(directory, REDIS_URL=service.url, REDIS_SENTINEL_PASSWORD=PASSWORD) as site:
        eventually(lambda: all(map(hits, site.both)))
        yield site


def is_replica(server: RedisServer) -> bool:
    with Redis.from_url(server.url) as admin, suppress(RedisError):  # it cuts its clients off when it becomes one
        return bool(admin.info("replication")["role"] == "slave")
    return False


@pytest.mark.parametrize("loss", ["killed", "hung", "planned"])
def test_after_a_failover_no_read_fails_or_is_stale_and_hits_come_back(
    service: SentinelService, watched_site: Site, loss: str
) -> None:
    item, former = first_item(watched_site.one), service.primary
    with Traffic(watched_site.one, watched_site.both, item) as traffic:
        eventually(lambda: traffic.written > 5)
        if loss == "killed":
            former.kill()
        elif loss == "hung":
            former.pause()
        else:
            with service.sentinels[0].client() as sentinel:
                sentinel.execute_command("SENTINEL", "FAILOVER", "site")
        service.wait_for_another_primary(former)
        if loss == "planned":
            eventually(lambda: is_replica(former))
        eventually(lambda: all(map(hits, watched_site.both)))
        stale, written = traffic.stale(), traffic.written
        eventually(lambda: traffic.written > written + 5)
    if loss == "hung":
        former.resume()
    assert traffic.failures() == []
    assert traffic.seen["one"].stale == 0
    if loss == "planned":  # the old primary lives on for a moment, and a process may still reach it: split brain
        assert traffic.stale() == stale
    else:
        assert traffic.stale() == 0


def test_without_any_sentinel_the_site_goes_on_with_the_primary_that_it_knows(
    service: SentinelService, watched_site: Site
) -> None:
    for sentinel in service.sentinels:
        sentinel.stop()
    item = first_item(watched_site.one)
    with Traffic(watched_site.one, watched_site.both, item) as traffic:
        eventually(lambda: traffic.written > 10)
        eventually(lambda: all(map(hits, watched_site.both)))
    assert traffic.failures() == []
    assert traffic.stale() == 0


def test_a_process_that_still_reaches_the_old_primary_stops_trusting_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Split brain: the writer reaches the promoted replica, a reader the old primary, which lives and takes writes."""
    make = tmp_path_factory.mktemp
    with (
        RedisServer(make("a")) as old,
        RedisServer(make("b")) as new,
        RedisProxy(old.port) as of_one,
        running_site(make("site"), REDIS_URL=of_one.url) as site,
        RedisProxy(old.port) as of_left,
    ):
        left = site.another("left", REDIS_URL=of_left.url)
        with Redis.from_url(new.url) as replica:
            replica.replicaof("127.0.0.1", old.port)
            item = first_item(site.one)
            eventually(lambda: hits(site.one) and hits(left))
            eventually(lambda: bool(replica.info("replication")["master_link_status"] == "up"))
            with Traffic(site.one, (site.one, left), item) as traffic:
                eventually(lambda: traffic.written > 5)
                replica.replicaof("NO", "ONE")
                of_one.repoint(new.port)
                of_one.cut()
                eventually(lambda: hits(site.one))
                eventually(lambda: left.ask("GET", "/api/settings").headers["X-Cache"] == "bypass")
                stale, written = traffic.seen["left"].stale, traffic.written
                eventually(lambda: traffic.written > written + 20)
                assert traffic.seen["left"].stale == stale, "it showed old values after it had stopped trusting"
                of_left.repoint(new.port)
                eventually(lambda: hits(left))
            left.stop()
    assert traffic.failures() == []
    assert traffic.seen["one"].stale == 0
    print(f"stale for {traffic.seen['left'].stale_for:.3f} s at the most, {stale} reads")
