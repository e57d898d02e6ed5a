"""The same reads and writes as a program makes them: over HTTP, with a token."""

import http.client
import json
import random
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.systemcache.promises import world
from tests.systemcache.promises.world import Lane, Seen
from watchlist.schemas import SettingSchema, SignalSchema, WatchlistItemSchema


class Site:
    """One connection."""

    def __init__(self, address: str, token: str) -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        self._connection.request(method, path, json.dumps(body) if body else None, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status == 200, (method, path, response.status, answer[:200])
        return answer

    def get(self, path: str, row: type[Any]) -> list[Any]:
        return [msgspec.convert(item, row) for item in json.loads(self.ask("GET", path))["data"]]

    def random_read(self, chance: random.Random) -> Callable[[], Callable[[], Iterable[Seen]]]:
        ways: tuple[Callable[[], Iterable[Seen]], ...] = (
            lambda: world.of_settings(self.get("/api/settings", SettingSchema)),
            lambda: world.of_signals(self.get("/api/signals?limit=200", SignalSchema)),
            lambda: world.of_rows(self.get("/api/watchlist", WatchlistItemSchema)),
            lambda: world.of_window(self.get("/api/watchlist?category=short_term", WatchlistItemSchema)),
        )
        return lambda: chance.choice(ways)

    def writes(self, lane: Lane, chance: random.Random) -> Callable[[], None]:
        ids = {row.symbol: row.id for row in self.get("/api/watchlist", WatchlistItemSchema)}

        def notes(slot: str) -> None:
            path = f"/api/watchlist/{ids[lane.symbol(slot)]}"
            lane.write([slot], lambda number: self.ask("PATCH", path, {"notes": str(number)}))

        def setting() -> None:
            path = f"/api/settings/{lane.setting}"
            lane.write(["setting"], lambda number: self.ask("PUT", path, {"value": number}))

        ways = (setting, lambda: notes("row0"), lambda: notes("row1"))
        return lambda: chance.choice(ways)()
