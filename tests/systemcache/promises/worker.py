"""A process of the consistency harness: `python -m tests.systemcache.promises.worker ROLE BOARD SEED …`.

Runs until the board says stop, then tells in one line of JSON what it has seen.
"""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.systemcache.promises.setup import prepare

prepare()

from django.db import connections  # noqa: E402 - needs Django

from systemcache.storage.breaker import breaker  # noqa: E402
from tests.systemcache.promises import other_program as other_program_sql  # noqa: E402
from tests.systemcache.promises import over_http, world, writes  # noqa: E402
from tests.systemcache.promises.board import Board  # noqa: E402

THREADS = 3
SHOWN = 5  # complaints that are told in full
PAUSE = 0.02  # seconds between two writes at the most: readers are to have hits as well


def read(board: Board, next_read: Callable[[], Callable[[], Any]], count: int) -> dict[str, Any]:
    wrong: list[str] = []
    largest = 0.0
    while not board[world.STOP]:
        lag, more = world.complaints(next_read(), board)
        wrong, largest = wrong + more, max(largest, lag)
        board[count] += 1
    return {"stale": len(wrong), "examples": wrong[:SHOWN], "lag": largest}


def write(board: Board, next_write: Callable[[], None], chance: random.Random, count: int) -> dict[str, Any]:
    while not board[world.STOP]:
        next_write()
        board[count] += 1
        time.sleep(chance.uniform(0, PAUSE))
    return {"stale": 0, "examples": []}


def in_threads(works: list[Callable[[], dict[str, Any]]]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []

    def run(work: Callable[[], dict[str, Any]]) -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append({"stale": 0, "examples": [], "error": repr(error)})
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def reader(board: Board, chance: random.Random, count: int) -> list[Callable[[], dict[str, Any]]]:
    return [
        lambda at=count + turn: read(board, lambda: world.random_read(chance), at)  # type: ignore[misc]
        for turn in range(THREADS)
    ]


def writer(board: Board, chance: random.Random, count: int, lane: int) -> list[Callable[[], dict[str, Any]]]:
    own = world.Lane(board, lane)
    return [lambda: write(board, lambda: writes.one(own, chance), chance, count)]


def http_reader(board: Board, chance: random.Random, count: int, address: str, token: str) -> list[Any]:
    return [
        lambda at=count + turn: read(board, over_http.Site(address, token).random_read(chance), at)
        for turn in range(THREADS)
    ]


def http_writer(board: Board, chance: random.Random, count: int, lane: int, address: str, token: str) -> list[Any]:
    site = over_http.Site(address, token)
    return [lambda: write(board, site.writes(world.Lane(board, lane), chance), chance, count)]


def other_program(board: Board, chance: random.Random, count: int, bound: float) -> list[Any]:
    database = other_program_sql.Database(os.environ["DATABASE_URL"], chance)
    lane = world.OtherProgramsLane(board, bound)

    def work(ways: tuple[other_program_sql.Way, ...], at: int) -> dict[str, Any]:
        return write(board, lambda: chance.choice(ways)(database, lane), chance, at)

    return [partial(work, ways, count + turn) for turn, ways in enumerate(other_program_sql.WAYS)]


ROLES: dict[str, Callable[..., list[Callable[[], dict[str, Any]]]]] = {
    "reader": reader,
    "writer": writer,
    "http_reader": http_reader,
    "http_writer": http_writer,
    "other_program": other_program,
}


def main() -> None:
    order = json.loads(sys.argv[1])
    board, chance = Board(Path(order.pop("board"))), random.Random(order.pop("seed"))
    works = ROLES[order.pop("role")](board, chance, **order)
    results = in_threads(works)
    print(json.dumps({"results": results, "breaker": breaker.state}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
