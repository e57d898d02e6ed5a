"""Puppets, and a board that they load from; both as at the beginning for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from systemcache import families
from tests.systemcache.promises import numbers
from tests.systemcache.promises.board import Board
from tests.systemcache.promises.processes import Puppet
from tests.systemcache.promises.source import BoardSource
from testservers.redis_server import RedisServer


@pytest.fixture(autouse=True)
def number_families(settings: Settings) -> Iterator[None]:
    numbers.install(settings)
    yield
    for family in numbers.ALL:
        families.unregister(family)


@pytest.fixture(scope="session")
def common_board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return Board(Path(tmp_path_factory.mktemp("board") / "board"))


@pytest.fixture
def board(common_board: Board) -> Board:
    common_board.clear()
    return common_board


@pytest.fixture(scope="session")
def common_puppets(common_board: Board, redis_server: RedisServer) -> Iterator[list[Puppet]]:
    puppets = [Puppet(common_board, REDIS_URL=redis_server.url) for _ in range(4)]
    yield [puppet.wait_until_ready() for puppet in puppets]
    for puppet in puppets:
        puppet.stop()


@pytest.fixture
def puppets(common_puppets: list[Puppet], board: Board, redis_store: RedisServer) -> list[Puppet]:
    """Four processes that remember nothing, on an empty Redis."""
    for puppet in common_puppets:
        puppet.do("reset")
    return common_puppets


@pytest.fixture
def source(board: Board) -> BoardSource:
    return BoardSource(board)
