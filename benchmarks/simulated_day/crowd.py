"""The crowd, in a process of its own: it reads its order from stdin and writes what it saw to a file."""

import asyncio
import sys
from pathlib import Path

import msgspec

from benchmarks.simulated_day import browsers, readers, writers
from benchmarks.simulated_day.world import Seen, User, World

PLAIN: dict[str, type[User]] = {
    "dashboard": readers.Dashboard,
    "charts": readers.Charts,
    "searcher": readers.Searcher,
    "watcher": readers.Watcher,
    "operator": readers.Operator,
    "stranger": readers.Stranger,
    "outsider": readers.Outsider,
    "trader": writers.Trader,
    "browser": browsers.Browser,
}
NUMBERED = {"writer": writers.Writer, "settings_editor": writers.SettingsEditor}


class Order(msgspec.Struct):
    """What a crowd is told. `ends`: by the monotonic clock, which all processes of a machine share."""

    port: int
    ends: float
    people: list[dict[str, str]]
    file: str


class Report(msgspec.Struct):
    """What it saw. `placed`: the numbers of orders by their labels; "" for those whose fate it never learnt."""

    seen: list[Seen]
    placed: dict[str, str]


async def live(order: Order) -> Report:
    world = World(order.port, order.ends)
    await asyncio.gather(*(_user(world, **person).run() for person in order.people))
    return Report(world.seen, world.placed)


def _user(world: World, kind: str, name: str, token: str) -> User:
    if kind in NUMBERED:
        return NUMBERED[kind](world, name, token, int(name.removeprefix(kind)))
    return PLAIN[kind](world, name, token)


if __name__ == "__main__":
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    Path(told.file).write_bytes(msgspec.json.encode(asyncio.run(live(told))))
