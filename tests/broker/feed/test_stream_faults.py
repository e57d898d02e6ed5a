"""What the site says while the broker's stream misbehaves, each fault by itself, and that it recovers from it."""

import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
import pytest
from django.conf import settings
from paho.mqtt.enums import CallbackAPIVersion
from rest_framework.test import APIClient

from broker.feed import status
from broker.feed.status import State
from broker.feed.watchdog import FIRST_GAP
from broker.simulator import Simulator
from broker.simulator.prices.instruments import SHARES
from broker.simulator.stream.hub import is_in_half
from systemcache.storage.breaker import breaker
from tests.broker.feed.conftest import StartFeed
from tests.broker.feed.reading import LIMIT_BUY, follows_orders, orders, quotes, state, states
from tests.support.waiting import PATIENCE, eventually
from testservers.feed_process import FeedProcess
from testservers.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

# A ping is sent after 20 seconds and its answer awaited as long.
LONG = 3 * PATIENCE
MANY = tuple(share.symbol for share in SHARES[:24])


def is_live(trader: APIClient) -> bool:
    return state() is State.LIVE and states(trader) == {"live"}


def client_ids(simulator: Simulator) -> list[str]:
    return [client.client_id for client in simulator.stream.clients()]


@pytest.fixture
def live(feed: FeedProcess, trader: APIClient) -> FeedProcess:
    """A feed whose prices are read as live."""
    eventually(lambda: is_live(trader))
    return feed


@pytest.mark.usefixtures("live")
def test_a_stream_that_is_connected_and_answers_nothing_is_said_and_left(
    simulator: Simulator, trader: APIClient
) -> None:
    simulator.fail("stream", "stall")
    eventually(lambda: state() is State.MUTE)
    eventually(lambda: states(trader) == {"polled"})
    eventually(lambda: state() is State.DOWN, LONG)  # once its ping is not answered
    simulator.clear_faults()
    eventually(lambda: is_live(trader), LONG)


@pytest.mark.usefixtures("live")
def test_of_half_the_topics_the_prices_are_polled_and_the_others_stay_live(
    simulator: Simulator, trader: APIClient
) -> None:
    eventually(lambda: {row["state"] for row in quotes(trader, MANY)} == {"live"})
    ids = {row["symbol"]: f"prod/marketfeed/mw/v1/nseeq/{row['instrument_id']}" for row in quotes(trader, MANY)}
    muted = {symbol for symbol, topic in ids.items() if is_in_half(topic)}
    assert len(MANY) / 4 < len(muted) < len(MANY)
    simulator.fail("stream", "mute:half")

    def as_expected() -> bool:
        found = {row["symbol"]: row["state"] for row in quotes(trader, MANY)}
        return found == {symbol: "polled" if symbol in muted else "live" for symbol in ids}

    eventually(lambda: state() is State.PARTIAL and as_expected())
    simulator.clear_faults()
    eventually(lambda: is_live(trader))


@pytest.mark.usefixtures("live")
def test_a_server_that_answers_no_ping_is_left_and_found_again(simulator: Simulator, trader: APIClient) -> None:
    [before] = client_ids(simulator)
    for name in ("mute:mw", "mute:index", "no-pingresp"):
        simulator.fail("stream", name)
    eventually(lambda: client_ids(simulator) not in ([before], []), LONG)
    simulator.clear_faults()
    eventually(lambda: is_live(trader), LONG)


@pytest.mark.parametrize("code", [3, 4, 5])
@pytest.mark.usefixtures("live")
def test_a_connection_that_is_refused_is_tried_again(simulator: Simulator, trader: APIClient, code: int) -> None:
    """To the simulator the site logs in by itself, so a refused token is followed by another."""
    simulator.fail("stream", f"connack:{code}", times=2)
    simulator.stream.drop_connections()
    eventually(lambda: simulator.faults == ())
    eventually(lambda: is_live(trader))


@pytest.mark.usefixtures("live")
def test_another_client_with_its_id_takes_over_and_it_comes_back_with_a_new_one(
    simulator: Simulator, trader: APIClient
) -> None:
    [client_id] = client_ids(simulator)
    other = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False)
    other.username_pw_set(settings.IIFL_CLIENT_ID, f"OPENID~~{simulator.sessions.tokens()[-1]}~")
    host, _, port = simulator.stream_url.removeprefix("mqtt://").partition(":")
    other.connect(host, int(port))
    other.loop_start()
    try:
        eventually(lambda: len(client_ids(simulator)) == 2)
        eventually(lambda: is_live(trader))
        assert other.is_connected()
    finally:
        other.disconnect()
        other.loop_stop()


@pytest.mark.parametrize("seconds", [5, -5])
@pytest.mark.usefixtures("live")
def test_a_brokers_clock_that_is_off_changes_nothing_but_its_times(
    simulator: Simulator, trader: APIClient, seconds: int
) -> None:
    simulator.fail("stream", f"clock:{seconds}")
    simulator.set_price("RELIANCE", "1333.35")
    eventually(lambda: quotes(trader, ("RELIANCE",))[0]["ltp"] == "1333.35")
    simulator.set_price("RELIANCE", "1333.40")
    eventually(lambda: quotes(trader, ("RELIANCE",))[0]["ltp"] == "1333.40" and is_live(trader))


@pytest.mark.parametrize("name", ["garbage", "short", "long", "divisor:0"])
@pytest.mark.usefixtures("live")
def test_a_spoilt_payload_never_becomes_a_price(simulator: Simulator, trader: APIClient, name: str) -> None:
    simulator.set_price("RELIANCE", "1333.35")
    eventually(lambda: quotes(trader, ("RELIANCE",))[0]["ltp"] == "1333.35")
    simulator.fail("stream", name)
    published = simulator.stream.published()

    def enough() -> bool:
        [row] = quotes(trader, ("RELIANCE",))
        assert row["ltp"] == "1333.35"
        return simulator.stream.published() > published + 500

    eventually(enough)
    simulator.clear_faults()
    eventually(lambda: is_live(trader))


@pytest.mark.usefixtures("live")
def test_a_burst_of_ten_thousand_packets_is_taken_and_the_newest_price_shown(
    simulator: Simulator, trader: APIClient
) -> None:
    eventually(follows_orders)
    simulator.fail("stream", "burst:10000")
    simulator.set_price("RELIANCE", "1333.35")
    order_id = simulator.place_order(LIMIT_BUY)["brokerOrderId"]
    eventually(lambda: order_id in orders(trader))
    eventually(lambda: quotes(trader, ("RELIANCE",))[0]["ltp"] == "1333.35" and is_live(trader))
    assert simulator.faults == ()
    assert {client.discarded for client in simulator.stream.clients()} == {0}


@pytest.mark.parametrize("names", [("duplicate",), ("reorder",), ("duplicate", "reorder")])
@pytest.mark.usefixtures("live")
def test_updates_that_come_twice_or_in_another_order_end_in_the_right_book(
    simulator: Simulator, trader: APIClient, names: tuple[str, ...]
) -> None:
    eventually(follows_orders)
    for name in names:
        simulator.fail("stream", name, rate=0.5)
    numbers = [str(simulator.place_order(LIMIT_BUY)["brokerOrderId"]) for _ in range(3)]
    simulator.change_order(numbers[0], quantity="7")
    simulator.fill_order(numbers[1], 5, "1")
    simulator.cancel_order(numbers[2])
    expected = {numbers[0]: ("open", 7), numbers[1]: ("complete", 5), numbers[2]: ("cancelled", 5)}

    def told() -> dict[str, tuple[str, int]]:
        return {number: (row["status"], row["quantity"]) for number, row in orders(trader).items()}

    eventually(lambda: expected.items() <= told().items())


@pytest.mark.parametrize("name", ["suback:500", "suback:after-data", "drop:mid-packet"])
@pytest.mark.usefixtures("live")
def test_it_recovers_from_a_connection_that_begins_or_ends_oddly(
    simulator: Simulator, trader: APIClient, name: str
) -> None:
    [before] = client_ids(simulator)
    simulator.fail("stream", name, times=1)
    if name.startswith("suback"):
        simulator.stream.drop_connections()
    eventually(lambda: client_ids(simulator) not in ([before], []))
    eventually(lambda: simulator.faults == () and is_live(trader))


@pytest.mark.parametrize(
    ("begin", "end"),
    [(RedisServer.kill, RedisServer.restart), (RedisServer.pause, RedisServer.resume)],
    ids=["killed", "hung"],
)
def test_while_redis_is_away_each_read_is_answered_by_rest_and_then_it_is_live_again(
    live: FeedProcess,
    simulator: Simulator,
    trader: APIClient,
    redis_store: RedisServer,
    begin: Callable[[RedisServer], None],
    end: Callable[[RedisServer], None],
) -> None:
    begin(redis_store)
    over = time.monotonic() + 3.0  # longer than the leader's lock lasts
    try:
        simulator.set_price("RELIANCE", "1333.35")
        eventually(lambda: shows_polled(trader, "1333.35"))
        while time.monotonic() < over:
            assert states(trader) == {"polled"}
    finally:
        end(redis_store)
        breaker.reset()  # no thread of this process looks whether Redis is back
    eventually(lambda: is_live(trader))
    simulator.set_price("RELIANCE", "1333.40")
    eventually(lambda: quotes(trader, ("RELIANCE",))[0]["ltp"] == "1333.40")
    assert not live.ended


def shows_polled(trader: APIClient, price: str) -> bool:
    [row] = quotes(trader, ("RELIANCE",))  # each is a 200
    return (row["ltp"], row["state"]) == (price, "polled")


def test_a_redis_that_has_lost_everything_is_filled_again(
    live: FeedProcess, simulator: Simulator, trader: APIClient, redis_store: RedisServer
) -> None:
    redis_store.restart(empty=True)
    eventually(lambda: is_live(trader))
    simulator.set_price("RELIANCE", "1333.35")
    eventually(lambda: quotes(trader, ("RELIANCE",))[0]["ltp"] == "1333.35")
    assert not live.ended


def test_a_closed_market_is_no_mute_feed_and_an_opened_one_is_live(
    simulator: Simulator, trader: APIClient, start_feed: StartFeed
) -> None:
    simulator.stream.set_market_status(7)
    simulator.fail("stream", "mute:mw")
    simulator.fail("stream", "mute:index")
    process = start_feed()
    process.wait_until(lambda: state() is State.CLOSED)
    seen, end = set(), time.monotonic() + FIRST_GAP + 5  # by then an open market's silence would be said
    while time.monotonic() < end:
        seen.add(state())
        assert all(fact.up for fact in status.facts())
        time.sleep(0.2)
    assert seen == {State.CLOSED}
    simulator.clear_faults()
    simulator.stream.set_market_status(2)
    eventually(lambda: is_live(trader))
