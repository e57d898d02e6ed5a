"""A crowd of callers in a process of its own: `python -m benchmarks.load PORT CONNECTIONS SECONDS TOKEN PATH…`.

Each connection asks for the paths in turn, one request after the other. Prints one line of JSON: answers a second,
milliseconds at the 50th and 99th percentile, and how many answers were not 200.
"""

import asyncio
import json
import sys
from itertools import cycle
from time import perf_counter


class Caller(asyncio.Protocol):
    """One connection: sends the next request when an answer is whole."""

    def __init__(self, requests: list[bytes], first: int, until: float) -> None:
        self._requests = cycle(requests[first:] + requests[:first])
        self._until = until
        self._missing = -1  # bytes of the answer's body; -1 while its head is not whole
        self._data = b""
        self.times: list[float] = []
        self.failures = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP connection has
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._sent = perf_counter()
        if self._sent >= self._until:
            self._transport.close()
            return
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._missing < 0:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            self.failures += not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201"))
            self._missing, self._data = _length(head), rest
        if len(self._data) >= self._missing:
            self.times.append(perf_counter() - self._sent)
            self._missing, self._data = -1, b""
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"an answer without a length: {head!r}")


def request(path: str, token: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\nAccept: application/json\r\n\r\n"
    ).encode()


async def crowd(port: int, connections: int, seconds: float, requests: list[bytes]) -> dict[str, float]:
    loop, until = asyncio.get_running_loop(), perf_counter() + seconds
    callers = [Caller(requests, number * 97 % len(requests), until) for number in range(connections)]
    started = perf_counter()
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]  # mypy infers no lambda with a default
    await asyncio.gather(*(caller.over for caller in callers))
    times = sorted(time for caller in callers for time in caller.times)
    return {
        "per_second": len(times) / (perf_counter() - started),
        "p50": 1000 * times[len(times) // 2],
        "p99": 1000 * times[len(times) * 99 // 100],
        "failures": sum(caller.failures for caller in callers),
    }


if __name__ == "__main__":
    port, connections, seconds, token, *paths = sys.argv[1:]
    asked = [request(path, token) for path in paths]
    print(json.dumps(asyncio.run(crowd(int(port), int(connections), float(seconds), asked))))
