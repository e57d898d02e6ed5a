"""What the users of a crowd share: the site's address, the clock, what writes have made true, and what was seen."""

import asyncio
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, time
from typing import Any

from benchmarks.simulated_day.client import Answer, Broken, Connection
from benchmarks.simulated_day.ledger import Ledger

ELSEWHERE = 0.1  # share of requests over a new connection: any worker may answer
RESET = "reset"

Check = Callable[[Any], str]  # what is wrong with a body's content; "" for nothing


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: when it began (monotonic), what came, and what was wrong with it. `age`: of dated data, seconds.

    `old`: for how many seconds what it shows had been replaced when it began; 0 for never.
    """

    at: float
    seconds: float
    route: str
    path: str
    status: int
    code: str = ""
    state: str = ""
    wrong: str = ""
    old: float = 0.0
    age: float = -1.0


@dataclass
class World:
    port: int
    ends: float
    seen: list[Seen] = field(default_factory=list)
    watchlist: Ledger = field(default_factory=lambda: Ledger(whole=True))
    signals: Ledger = field(default_factory=lambda: Ledger(whole=False))
    settings: Ledger = field(default_factory=lambda: Ledger(whole=False))
    orders: Ledger = field(default_factory=lambda: Ledger(whole=True))
    placed: dict[str, str] = field(default_factory=dict)  # label of an order -> its number; "" while it is not known

    @property
    def over(self) -> bool:
        return monotonic() >= self.ends


class User(ABC):
    """Somebody with a token and a connection, who thinks between requests."""

    thinks = (0.2, 1.0)  # seconds

    def __init__(self, world: World, name: str, token: str) -> None:
        self.world, self.name = world, name
        self.random = random.Random(name)
        self._connection = Connection(world.port)
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Token {token}"} if token else {})
        self._known: dict[str, tuple[str, Any]] = {}  # ETag and content by path

    async def live(self, *deeds: tuple[int, Callable[[], Awaitable[None]]]) -> None:
        """Does what chance picks, by weight, until the day is over."""
        weights, acts = [weight for weight, _ in deeds], [act for _, act in deeds]
        await self.think()
        while not self.world.over:
            await self.random.choices(acts, weights)[0]()
            await self.think()
        self._connection.close()

    @abstractmethod
    async def run(self) -> None:
        """The user's whole day."""

    async def think(self) -> None:
        await asyncio.sleep(self.random.uniform(*self.thinks))

    async def get(self, route: str, path: str, check: Check | None = None, *expected: int, fresh: bool = False) -> Any:
        """The content, of an earlier answer when it has not changed; None when it did not come."""
        headers, known = dict(self._headers), self._known.get(path)
        if known and not fresh and self.random.random() < 0.4:
            headers["If-None-Match"] = known[0]
        started, answer = await self.ask(route, "GET", path, headers)
        if answer is None:
            return None
        if answer.status == 304 and known:
            self.note(started, route, path, answer, "" if not answer.body else "304 with a body")
            return known[1]
        content = self.judged(started, route, path, answer, check, expected or (200,))
        if content is not None and "etag" in answer.headers:
            self._known[path] = (answer.headers["etag"], content)
        return content

    async def send(
        self, route: str, method: str, path: str, body: object, *expected: int, **headers: str
    ) -> tuple[int, Any]:
        """Status and content; 0 and None when nothing came."""
        written = json.dumps(body).encode() if body is not None else b""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        started, answer = await self.ask(
            route, method, path, {**self._headers, "Content-Type": "application/json", **named}, written
        )
        if answer is None:
            return 0, None
        return answer.status, self.judged(started, route, path, answer, None, expected)

    async def ask(
        self, route: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[float, Answer | None]:
        if self.random.random() < ELSEWHERE:
            self._connection.close()
        started = monotonic()
        try:
            return started, await self._connection.ask(method, path, dict(headers), body)
        except Broken as error:
            self.world.seen.append(Seen(started, monotonic() - started, route, path, 0, RESET, wrong=str(error)))
            return started, None

    def judged(
        self, started: float, route: str, path: str, answer: Answer, check: Check | None, expected: tuple[int, ...]
    ) -> Any:
        """The content of an expected answer; None for an error, which is noted with its code."""
        try:
            content = json.loads(answer.body) if answer.body else None
        except ValueError:
            self.note(started, route, path, answer, "not JSON")
            return None
        if answer.status in expected and answer.status < 400:
            self.note(started, route, path, answer, check(content) if check else "", age=_age(content))
            return content
        code, wrong = _error(content)
        if answer.status < 500 and answer.status not in expected:
            wrong = wrong or f"{answer.status} {code}: {answer.body[:200]!r}"
        self.note(started, route, path, answer, wrong, code)
        return None

    def note(
        self, started: float, route: str, path: str, answer: Answer, wrong: str = "", code: str = "", age: float = -1.0
    ) -> None:
        state = answer.headers.get("x-cache", "")
        seconds = monotonic() - started
        self.world.seen.append(Seen(started, seconds, route, path, answer.status, code, state, wrong, 0.0, age))

    def compare(self, route: str, ledger: Ledger, shown: Mapping[object, int], floor: Any) -> None:
        """Notes what a read showed although a write had replaced it."""
        for what, since in ledger.older(shown, floor):
            self.world.seen.append(Seen(floor.at, 0.0, route, what, 200, "stale", wrong="", old=max(since, 0.001)))


def _error(content: Any) -> tuple[str, str]:
    """The code of an error, and what is wrong with its form."""
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict) or set(error) != {"code", "message", "detail"}:
        return "", f"an error of another form: {str(content)[:200]}"
    return str(error["code"]), ""


def _age(content: Any) -> float:
    """Of dated data that is not marked as old, in seconds; -1 for other data."""
    if not isinstance(content, dict) or "as_of" not in content or content.get("stale"):
        return -1.0
    return max(0.0, time() - datetime.fromisoformat(content["as_of"]).timestamp())


def dated(kind: type, *names: str) -> Check:
    """`data` beside its dates; rows of it have these names."""

    def check(content: Any) -> str:
        if not isinstance(content, dict) or not {"as_of", "stale", "data"} <= set(content):
            return f"not dated: {str(content)[:100]}"
        data = content["data"]
        if not isinstance(data, kind):
            return f"data is no {kind.__name__}"
        return _rows(data if isinstance(data, list) else [data], names)

    return check


def fields(*names: str) -> Check:
    def check(content: Any) -> str:
        return _rows([content], names)

    return check


def _rows(found: list[Any], names: tuple[str, ...]) -> str:
    bad = next((row for row in found if not isinstance(row, dict) or not set(names) <= set(row)), None)
    return "" if bad is None else f"a row of another form: {str(bad)[:100]}"
