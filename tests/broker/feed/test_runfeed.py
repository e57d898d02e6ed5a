"""Feed processes, the simulator's stream and a real Redis: what is read while all is well, and when it is not."""

import signal

import pytest
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker.feed import status
from broker.feed.meters import PACKETS, WRITES
from broker.feed.status import State
from broker.simulator import Simulator
from systemcache.stats import counters
from tests.broker.feed.conftest import StartFeed
from tests.broker.feed.reading import LIMIT_BUY, SYMBOLS, follows_orders, orders, quote_calls, quotes, state, states
from tests.support.waiting import eventually
from testservers.feed_process import FeedProcess
from testservers.redis_server import RedisServer
from testservers.web_server import manage

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

LONG = 60  # seconds: a TTL that outlasts any pause of a busy machine


@pytest.fixture
def lasting_quotes(settings: Settings) -> dict[str, str]:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "quotes": LONG}
    return {"CACHE_TTL_QUOTES": str(LONG)}


def meters_of(family: str) -> float:
    """How many values of the family all feeds have written."""
    return WRITES.values(counters.total_counts())[family]


def test_while_it_is_live_a_read_costs_no_call(
    start_feed: StartFeed, simulator: Simulator, trader: APIClient, lasting_quotes: dict[str, str]
) -> None:
    process = start_feed(**lasting_quotes)
    process.wait_until(lambda: state() is State.LIVE and states(trader) == {"live"})
    simulator.clear_calls()
    seen: set[str] = set()

    def has_moved() -> bool:
        rows = quotes(trader)
        assert {row["state"] for row in rows} == {"live"}
        seen.update(row["received_at"] for row in rows)
        return len(seen) > 10 * len(SYMBOLS)

    eventually(has_moved)
    assert quote_calls(simulator) == 0


@pytest.mark.usefixtures("feed")
def test_a_price_at_the_broker_is_the_sites_price(simulator: Simulator, trader: APIClient) -> None:
    simulator.set_price("RELIANCE", "1333.35")
    eventually(lambda: (row := quotes(trader)[0])["ltp"] == "1333.35" and row["state"] == "live")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_without_it_rest_takes_over_and_with_another_it_is_live_again(
    start_feed: StartFeed, feed: FeedProcess, trader: APIClient, number: signal.Signals
) -> None:
    eventually(lambda: states(trader) == {"live"})
    feed.send(number)
    eventually(lambda: states(trader) == {"polled"})
    start_feed()
    eventually(lambda: states(trader) == {"live"})


def test_of_two_one_leads_and_the_other_takes_over(start_feed: StartFeed, feed: FeedProcess) -> None:
    other = start_feed()
    other.wait_until(lambda: "waiting for the lead" in other.output)
    assert feed.leads
    feed.send(signal.SIGKILL)
    other.wait_until(lambda: other.leads and state() is State.LIVE)


def test_a_leader_that_wakes_up_writes_nothing(
    start_feed: StartFeed, feed: FeedProcess, simulator: Simulator, trader: APIClient
) -> None:
    other = start_feed()
    feed.send(signal.SIGSTOP)
    other.wait_until(lambda: other.leads and state() is State.LIVE)
    simulator.set_price("RELIANCE", "1333.35")
    eventually(lambda: quotes(trader)[0]["ltp"] == "1333.35")
    feed.send(signal.SIGCONT)
    feed.wait_until(lambda: "another process leads" in feed.output)
    assert other.leads
    eventually(lambda: (row := quotes(trader)[0])["ltp"] == "1333.35" and row["state"] == "live")
    assert len(simulator.stream.clients()) == 1


@pytest.mark.usefixtures("feed")
def test_a_mute_feed_is_noticed_and_said_and_rest_takes_over(simulator: Simulator, trader: APIClient) -> None:
    eventually(lambda: states(trader) == {"live"})
    simulator.fail("stream", "mute")
    eventually(lambda: state() is State.MUTE)
    eventually(lambda: states(trader) == {"polled"})
    assert {fact.name: fact.up for fact in status.facts()} == {"feed": False}
    simulator.clear_faults()
    eventually(lambda: state() is State.LIVE and states(trader) == {"live"})


@pytest.mark.usefixtures("feed")
def test_a_dropped_connection_is_made_again(simulator: Simulator, trader: APIClient) -> None:
    eventually(lambda: states(trader) == {"live"})
    simulator.fail("stream", "drop", times=1)
    eventually(lambda: state() is State.DOWN)
    eventually(lambda: state() is State.LIVE and states(trader) == {"live"})


@pytest.mark.usefixtures("feed")
def test_a_price_without_a_divisor_is_never_shown(simulator: Simulator, trader: APIClient) -> None:
    eventually(lambda: states(trader) == {"live"})
    simulator.fail("stream", "divisor:0")
    eventually(lambda: states(trader) == {"polled"})
    simulator.clear_faults()
    eventually(lambda: states(trader) == {"live"})


@pytest.mark.usefixtures("feed")
def test_what_was_cleared_is_written_again(simulator: Simulator, trader: APIClient, redis: Redis) -> None:
    eventually(lambda: states(trader) == {"live"})
    for name in redis.scan_iter("gen:*:quotes"):
        redis.delete(name)
    eventually(lambda: states(trader) == {"live"})


@pytest.mark.usefixtures("feed")
def test_an_order_of_another_program_shows_at_once(simulator: Simulator, trader: APIClient) -> None:
    """Without a stream it would show when the book's five minutes are over: the market is closed by the calendar."""
    eventually(follows_orders)
    assert orders(trader)  # it is cached from here on
    order_id = simulator.place_order(LIMIT_BUY)["brokerOrderId"]
    eventually(lambda: order_id in orders(trader))
    simulator.change_order(str(order_id), price="2")
    eventually(lambda: orders(trader)[str(order_id)]["price"] == "2.00")
    simulator.cancel_order(str(order_id))
    eventually(lambda: orders(trader)[str(order_id)]["status"] == "cancelled")


@pytest.mark.usefixtures("feed")
def test_updates_that_were_lost_are_made_good(simulator: Simulator, trader: APIClient) -> None:
    eventually(follows_orders)
    assert orders(trader)  # it is cached from here on
    simulator.fail("stream", "connack:3")
    simulator.fail("stream", "drop", times=1)
    eventually(lambda: state() is State.DOWN)
    order_id = simulator.place_order(LIMIT_BUY)["brokerOrderId"]
    simulator.clear_faults()
    eventually(lambda: order_id in orders(trader))


@pytest.mark.usefixtures("feed")
def test_after_the_end_of_the_session_it_is_back_with_the_next_login(simulator: Simulator, trader: APIClient) -> None:
    """To the simulator the site logs in by itself."""
    simulator.sessions.close_all()
    eventually(lambda: state() is not State.LIVE)
    eventually(lambda: state() is State.LIVE and states(trader) == {"live"})


def test_with_a_real_account_it_waits_for_a_login_and_says_so(
    start_feed: StartFeed, simulator: Simulator, redis_store: RedisServer, database: str, settings: Settings
) -> None:
    account = {"IIFL_CLIENT_ID": "SIM0001", "IIFL_APP_KEY": "a-key", "IIFL_APP_SECRET": "simulator-secret"}
    feed = start_feed(**account)
    feed.wait_until(lambda: state() is State.LOGIN_REQUIRED)
    assert "Log in to the broker" in next(iter(status.facts())).detail
    environment = {
        "DATABASE_URL": database,
        "REDIS_URL": redis_store.url,
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "IIFL_BASE_URL": simulator.base_url,
        "IIFL_STREAM_URL": simulator.stream_url,
    }
    manage("brokerlogin", "--auth-code", "SIMULATED", environment=environment | account)
    feed.wait_until(lambda: state() is State.LIVE)
    simulator.sessions.close_all()  # the broker ends the session, as at midnight
    feed.wait_until(lambda: state() is State.LOGIN_REQUIRED)
    assert simulator.stream.clients() == ()


@pytest.mark.usefixtures("feed")
def test_depth_is_pushed_where_somebody_reads_it(trader: APIClient) -> None:
    def pushed() -> bool:
        assert trader.get("/api/broker/depth?symbol=RELIANCE").status_code == 200
        return meters_of("depth") > 0

    eventually(pushed)


@pytest.mark.usefixtures("feed")
def test_when_half_of_the_topics_are_mute_it_says_so(simulator: Simulator) -> None:
    received = PACKETS.values(counters.total_counts())["mw"]
    eventually(lambda: PACKETS.values(counters.total_counts())["mw"] > received + 200)
    simulator.fail("stream", "mute:half")
    eventually(lambda: state() is State.PARTIAL)
    told = status.read()
    assert told is not None
    assert told.silent >= 3
    simulator.clear_faults()
    eventually(lambda: state() is State.LIVE)


def test_without_a_stream_it_says_so(start_feed: StartFeed) -> None:
    process = start_feed(IIFL_STREAM_URL="off")
    assert process.exit_code() == 1
    assert "IIFL_STREAM_URL is off" in process.output
