"""A simulator with a stream, and feed processes that follow it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from broker.feed.status import State
from broker.simulator import Simulator, SimulatorOptions, StreamOptions
from tests.broker.feed.reading import state
from testservers.feed_process import FeedProcess
from testservers.redis_server import RedisServer
from testservers.web_server import prepare

StartFeed = Callable[..., FeedProcess]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The feed processes' own, with ten watched symbols. Its calendar says that the market is closed."""
    address = f"sqlite:///{tmp_path_factory.mktemp('feed')}/site.sqlite3"
    prepare({"DATABASE_URL": address, "IIFL_STREAM_URL": "off"})
    return address


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulator]:
    """One whose market is open at any hour, and which the tests' own process calls too."""
    stream = StreamOptions(interval=0.05, rate=100)
    with Simulator(SimulatorOptions(port=0, limits=False, replay=True, stream=stream)) as running:
        settings.IIFL_BASE_URL, settings.IIFL_STREAM_URL = running.base_url, running.stream_url
        yield running


@pytest.fixture
def start_feed(
    simulator: Simulator, redis_store: RedisServer, database: str, tmp_path: Path, settings: Settings
) -> Iterator[StartFeed]:
    """Starts feed processes, which are stopped after the test."""
    environment = {
        "DATABASE_URL": database,
        "REDIS_URL": redis_store.url,
        "IIFL_BASE_URL": simulator.base_url,
        "IIFL_STREAM_URL": simulator.stream_url,
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
    }
    running: list[FeedProcess] = []

    def start(**more: str) -> FeedProcess:
        running.append(FeedProcess(tmp_path, environment | more, len(running)))
        return running[-1]

    yield start
    for process in running:
        process.stop()


@pytest.fixture
def feed(start_feed: StartFeed) -> FeedProcess:
    """One that leads, and is live."""
    process = start_feed()
    process.wait_until(lambda: state() is State.LIVE)
    return process
