"""Many cold callers in several processes: `python -m benchmarks.herd [ROUNDS]`, beside `make bench`."""

import sys
import tempfile
from pathlib import Path

from tests.servers.redis_server import RedisServer
from tests.systemcache.promises import herd
from tests.systemcache.promises.board import Board
from tests.systemcache.promises.processes import Puppet

PROCESSES, ROUNDS = 4, 20


def main(rounds: int = ROUNDS) -> None:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        board = Board(Path(folder) / "board")
        puppets = [Puppet(board, REDIS_URL=redis.url) for _ in range(PROCESSES)]
        try:
            found = herd.rounds([puppet.wait_until_ready() for puppet in puppets], rounds)
        finally:
            for puppet in puppets:
                puppet.stop()
    print(f"cold herd, {PROCESSES} processes x {herd.THREADS} callers, source 300 ms: {herd.figures(found)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
