"""A flood in a process of its own: `python -m benchmarks.flooding PORT SECONDS TOKEN`, from hundreds of addresses.

32 wrong logins at once, again and again; 140 bodies that arrive a byte at a time; 1,000 connections that say nothing;
12 requests for a year of minutes by the token's user. Prints one line of JSON: how often each status was answered.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from time import perf_counter

LOGINS, SLOW_BODIES, IDLE, YEARS = 32, 140, 1_000, 12
CANDLES = "/api/broker/candles?symbol={}&interval=1m&from=2025-01-01&to=2025-12-31"
SYMBOLS = ("RELIANCE", "INFY", "TCS", "SBIN", "ITC", "LT")
COOKIE = 32 * "x"  # a CSRF token that any form may claim


class Flood:
    """Each attacker has an address of its own; all belong to the loopback network."""

    def __init__(self, port: int, seconds: float, token: str) -> None:
        self._port, self._token = port, token
        self._until = perf_counter() + seconds
        self._addresses = iter(f"127.{a}.{b}.{c}" for a in range(1, 9) for b in range(256) for c in range(1, 255))
        self.answers: Counter[str] = Counter()

    async def run(self) -> None:
        attacks: list[Callable[[], Awaitable[None]]] = [
            *[self._idle] * IDLE,
            *[self._slow_body] * SLOW_BODIES,
            *[self._wrong_logins] * LOGINS,
        ]
        years = [self._year(number) for number in range(YEARS)]
        await asyncio.gather(*(attack() for attack in attacks), *years)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, local_addr=(next(self._addresses), 0))

    async def _idle(self) -> None:
        while perf_counter() < self._until:
            reader, writer = await self._connect()
            await self._read(reader)  # until it is closed
            writer.close()
            self.answers["idle connections closed"] += 1

    async def _slow_body(self) -> None:
        while perf_counter() < self._until:
            reader, writer = await self._connect()
            writer.write(self._head("POST", "/admin/login/", "Content-Length: 100000", f"Cookie: csrftoken={COOKIE}"))
            answer = asyncio.create_task(reader.read(1000))
            while perf_counter() < self._until and not answer.done():
                writer.write(b"x")
                await asyncio.wait([answer], timeout=3)
            self._count("slow bodies", answer.result() if answer.done() else b"")
            answer.cancel()
            writer.close()

    async def _wrong_logins(self) -> None:
        number = 0
        reader, writer = await self._connect()
        while perf_counter() < self._until:
            number += 1
            form = f"csrfmiddlewaretoken={COOKIE}&username=user{number}-{id(writer)}&password=wrong".encode()
            kind = "Content-Type: application/x-www-form-urlencoded"
            length = f"Content-Length: {len(form)}"
            writer.write(self._head("POST", "/admin/login/", kind, length, f"Cookie: csrftoken={COOKIE}") + form)
            head = await self._answer(reader)
            self._count("logins", head)
            if not head or b"connection: close" in head.lower():
                writer.close()
                reader, writer = await self._connect()
            await asyncio.sleep(0.5)

    async def _year(self, number: int) -> None:
        reader, writer = await self._connect()
        while perf_counter() < self._until:
            path = CANDLES.format(SYMBOLS[number % len(SYMBOLS)])
            writer.write(self._head("GET", path, f"Authorization: Token {self._token}", "Accept: application/json"))
            head = await self._answer(reader)
            self._count("years of minutes", head)
            if not head:
                writer.close()
                reader, writer = await self._connect()
            if b" 200 " not in head:
                await asyncio.sleep(1)

    def _head(self, method: str, path: str, *headers: str) -> bytes:
        lines = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Origin: http://127.0.0.1", *headers)
        return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        """Its head, empty if the connection was closed before the answer's end; the body is read and left."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
            if b"content-length" in fields:
                await reader.readexactly(int(fields[b"content-length"]))
                return head
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readline()
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        return head

    async def _read(self, reader: asyncio.StreamReader) -> None:
        left = self._until - perf_counter()
        try:
            await asyncio.wait_for(reader.read(1), max(0.1, left))
        except (TimeoutError, ConnectionError):
            return

    def _count(self, what: str, head: bytes) -> None:
        words = head.split(b" ", 2)
        self.answers[f"{what}: {words[1].decode() if len(words) > 1 else 'closed or held'}"] += 1


if __name__ == "__main__":
    flood = Flood(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
    asyncio.run(flood.run())
    print(json.dumps(dict(flood.answers)))
