"""What a crowd asks for: each caller is told its next request, and says what came of it."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from itertools import count, cycle
from pathlib import Path
from typing import Protocol

WRITES = 0.1  # of the requests of a mixed workload


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\nAccept: application/json\r\n"
    )
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Workload(Protocol):
    def next(self, caller: int) -> bytes | None:
        """A whole request; None when there is nothing left to ask for."""

    def answered(self, caller: int, body: bytes) -> bool:
        """Whether what the caller has just got is what a finished write has left."""


class Paths:
    """Addresses in turn, again and again or once."""

    def __init__(self, token: str, paths: Sequence[str], *, once: bool = False) -> None:
        requests = [request("GET", path, token) for path in paths]
        self._requests: Iterator[bytes] = iter(requests) if once else cycle(requests)

    def next(self, caller: int) -> bytes | None:
        return next(self._requests, None)

    def answered(self, caller: int, body: bytes) -> bool:
        return True


class Mixed:
    """Nine reads of the watchlist to a write. Each caller writes a row of its own, one number after the other, so that
    a read must show the number of the last write that had ended when it began, or a later one."""

    def __init__(self, token: str, listed: str, item: str, rows: Sequence[int]) -> None:
        self._token, self._item, self._rows = token, item, rows
        self._read = request("GET", listed, token)
        self._numbers = [count(1) for _ in rows]
        self._written = [0] * len(rows)  # the last number whose write has been answered
        self._asked: dict[int, tuple[int, int, bool]] = {}  # by caller: row, number, whether it is a write

    def next(self, caller: int) -> bytes:
        row = caller % len(self._rows)
        if random.random() < WRITES:
            number = next(self._numbers[row])
            self._asked[caller] = row, number, True
            body = json.dumps({"notes": str(number)}).encode()
            return request("PATCH", self._item.format(self._rows[row]), self._token, body)
        row = random.randrange(len(self._rows))
        self._asked[caller] = row, self._written[row], False
        return self._read

    def answered(self, caller: int, body: bytes) -> bool:
        row, number, is_write = self._asked[caller]
        if is_write:
            self._written[row] = number
            return True
        shown = re.search(rb'"id": ?%d,[^}]*"notes": ?"(\d*)"' % self._rows[row], body)
        return shown is not None and int(shown[1] or 0) >= number


def workload(token: str, words: Sequence[str]) -> Workload:
    """`PATH…`, `once:FILE` (a path a line) or `mixed LISTED ITEM ID…`, where {} in ITEM is an id."""
    if words[0] == "mixed":
        return Mixed(token, words[1], words[2], [int(word) for word in words[3:]])
    if words[0].startswith("once:"):
        return Paths(token, Path(words[0].removeprefix("once:")).read_text().split(), once=True)
    return Paths(token, words)
