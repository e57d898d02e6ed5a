"""Who uses the site while it fails: readers, writers, a trader, and followers of its events; all through the proxy."""

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from typing import Any

import requests

from testservers.event_reader import Event, EventReader

TIMEOUT = 100.0  # seconds for an answer; more than the proxy waits
SETTLES = 15.0  # seconds after which a write whose answer was lost has happened, or never will; longer than any fault
LIST = "/api/watchlist?active=all"
READ = (LIST, LIST, LIST, "/api/settings", "/api/broker/holdings", "/api/broker/quotes?symbols=INFY")
FOLLOWED = "watchlist,order,feed"
LAST_EVENTS = 3.0  # seconds for which followers follow when nobody writes any more
TRIES = 60  # of an order whose outcome is not known


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. `host`: the address of the one that answered; `stale`: seconds since what it shows was replaced."""

    at: float
    seconds: float
    host: str
    method: str
    path: str
    status: int
    code: str = ""
    state: str = ""
    stale: float = 0.0


@dataclass(slots=True)
class Row:
    """A watched symbol with one writer, whose versions count up."""

    item: int
    answered: list[tuple[int, float]]  # versions whose write was answered, and when
    begun: dict[int, float] = field(default_factory=dict)  # when those writes began: an event comes before the answer
    rests_until: float = 0.0


@dataclass
class Told:
    """What one follower of the events has received, and when it was told to read everything again."""

    events: list[Event] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


class Traffic:
    """Everybody, from `with` on. Times are seconds of the system's clock, as in the logs."""

    def __init__(
        self, url: str, token: str, seed: int, *, readers: int = 4, writers: int = 2, followers: int = 3
    ) -> None:
        self.url, self.token = url, token
        self.over, self.all_over = threading.Event(), threading.Event()
        self.seen: list[Seen] = []
        items = [row["id"] for row in Reader(self, 0).get(LIST).json()["data"]]
        self.rows = {item: Row(item, []) for item in items}
        self.placed: dict[str, tuple[str, float]] = {}  # an order's label -> its number, and when it was begun
        self.contradictions: list[str] = []
        self.told = [Told() for _ in range(followers)]
        clients: list[Client] = [Reader(self, seed + number) for number in range(readers)]
        clients += [Writer(self, seed + 100 + number, items[number::writers]) for number in range(writers)]
        clients += [Trader(self, seed + 200)]
        following = [Follower(self, seed + 300 + number, told) for number, told in enumerate(self.told)]
        self._threads = [threading.Thread(target=client.run_until_over, daemon=True) for client in clients]
        self._followers = [threading.Thread(target=client.run_until_over, daemon=True) for client in following]

    def __enter__(self) -> "Traffic":
        for thread in self._followers + self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(TIMEOUT)
        time.sleep(LAST_EVENTS)
        self.all_over.set()
        for thread in self._followers:
            thread.join(TIMEOUT)


class Client(ABC):
    pause = (0.02, 0.1)  # seconds between two requests

    def __init__(self, traffic: Traffic, seed: int) -> None:
        self.traffic, self.chance = traffic, random.Random(seed)
        self.session = requests.Session()
        self.session.headers.update({"Authorization": f"Token {traffic.token}", "Accept": "application/json"})

    def run_until_over(self) -> None:
        while not self.over.wait(self.chance.uniform(*self.pause)):
            self.act()

    @property
    def over(self) -> threading.Event:
        return self.traffic.over

    @abstractmethod
    def act(self) -> None: ...

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.traffic.url + path, timeout=TIMEOUT)

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response | None:
        """The answer, which is noted; None if none came."""
        began = time.time()
        try:
            answer = self.session.request(
                method, self.traffic.url + path, json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            self.note(Seen(began, time.time() - began, "", method, path, 0, type(error).__name__))
            return None
        if not (method == "GET" and answer.ok):
            self.note(seen_of(began, method, path, answer))
        return answer

    def note(self, seen: Seen) -> None:
        self.traffic.seen.append(seen)


def seen_of(began: float, method: str, path: str, answer: requests.Response, stale: float = 0.0) -> Seen:
    host = answer.headers.get("X-Upstream", "").rpartition(" ")[2].partition(":")[0]
    state = answer.headers.get("X-Cache", "")
    return Seen(began, time.time() - began, host, method, path, answer.status_code, code_of(answer), state, stale)


def code_of(answer: requests.Response) -> str:
    """The error's code; `proxy` for an error of the proxy's own."""
    if answer.status_code < 400:
        return ""
    with suppress(ValueError, KeyError, TypeError):
        return str(answer.json()["error"]["code"])
    return "proxy"


class Reader(Client):
    def act(self) -> None:
        path = self.chance.choice(READ)
        floor = {row.item: row.answered[-1] for row in self.traffic.rows.values() if row.answered}
        began = time.time()
        answer = self.ask("GET", path)
        if answer is not None and answer.ok:
            stale = self._stale(answer.json()["data"], floor, began) if path == LIST else 0.0
            self.note(seen_of(began, "GET", path, answer, stale))

    def _stale(self, shown: Sequence[Mapping[str, Any]], floor: Mapping[int, tuple[int, float]], began: float) -> float:
        """For how long the oldest row that is shown had been replaced when the read began."""
        versions = {row["id"]: version_of(row) for row in shown}
        longest = 0.0
        for item, (version, _) in floor.items():
            if (found := versions.get(item, 0)) < version:
                replaced = next(at for number, at in self.traffic.rows[item].answered if number > found)
                longest = max(longest, began - replaced)
        return longest


def version_of(row: Mapping[str, Any]) -> int:
    return int(row["notes"][1:]) if row["notes"][:1] == "v" and row["notes"][1:].isdigit() else 0


class Writer(Client):
    pause = (0.05, 0.15)

    def __init__(self, traffic: Traffic, seed: int, items: Sequence[int]) -> None:
        super().__init__(traffic, seed)
        self._items, self._versions = items, count(1)

    def act(self) -> None:
        free = [self.traffic.rows[item] for item in self._items if self.traffic.rows[item].rests_until < time.time()]
        if not free:
            return
        row, version = self.chance.choice(free), next(self._versions)
        row.begun[version] = time.time()
        answer = self.ask("PATCH", f"/api/watchlist/{row.item}", {"notes": f"v{version}"})
        if answer is not None and answer.ok:
            row.answered.append((version, time.time()))
        else:
            row.rests_until = time.time() + SETTLES


class Trader(Client):
    """Places orders far from the market; repeats each, with its key, until it knows what became of it."""

    pause = (0.5, 1.0)

    def __init__(self, traffic: Traffic, seed: int) -> None:
        super().__init__(traffic, seed)
        self._numbers = count(1)

    def act(self) -> None:
        label = f"o{next(self._numbers)}"
        order = {"symbol": "INFY", "side": "BUY", "quantity": 1, "product": "INTRADAY", "order_type": "LIMIT"}
        order |= {"price": "900.00", "tag": label}
        repeat, began = self.chance.random() < 0.3, time.time()
        for _ in range(TRIES):
            answer = self.ask("POST", "/api/broker/orders", order, {"Idempotency-Key": label})
            if answer is not None and answer.status_code == 201:
                number = answer.json()["order_id"]
                first, _ = self.traffic.placed.setdefault(label, (number, began))
                if first != number:
                    self.traffic.contradictions.append(f"order {label} was answered as {first} and as {number}")
                if not repeat:
                    return
                repeat = False
            elif answer is not None and (answer.status_code < 500 and code_of(answer) != "order_under_way"):
                return
            if self.over.wait(0.5):
                return


class Follower(Client):
    """Comes back with the id of the last event whenever its stream ends."""

    pause = (0.3, 0.6)

    def __init__(self, traffic: Traffic, seed: int, told: Told) -> None:
        super().__init__(traffic, seed)
        self._told, self._last = told, ""

    def act(self) -> None:
        url = f"{self.traffic.url}/stream?events={FOLLOWED}"
        began = time.time()
        try:
            reader = EventReader(url, self.traffic.token, last_event_id=self._last)
        except (OSError, HTTPException, ValueError):
            return
        with reader:
            if reader.status != 200:
                code = reader.body.get("error", {}).get("code", "") if isinstance(reader.body, dict) else "proxy"
                self.note(Seen(began, time.time() - began, "", "GET", "/stream", reader.status, code))
                return
            known = 0
            if not self._last:
                self._told.gaps.append(time.time())
            while not (self.over.wait(0.05) or reader.ended):
                known = self._take(reader, known)
            self._take(reader, known)

    @property
    def over(self) -> threading.Event:
        return self.traffic.all_over

    def _take(self, reader: EventReader, known: int) -> int:
        new = reader.events[known:]
        for event in new:
            if event.name == "reset":
                self._told.gaps.append(time.time())
            elif event.name != "feed":
                self._told.events.append(event)
        self._last = reader.last_id
        return known + len(new)
