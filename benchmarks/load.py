"""A crowd of callers in a process of its own: `python -m benchmarks.load PORT CONNECTIONS SECONDS TOKEN WORKLOAD…`.

Each connection sends its next request when it has its answer; told to try again later (`Retry-After`), it waits. Prints
one line of JSON: answers a second, milliseconds at the 50th and 99th percentile, how many answers were not 200 or 201,
and how many showed what a finished write had replaced.
"""

import asyncio
import json
import sys
from time import perf_counter

from benchmarks.workloads import Workload, workload


class Caller(asyncio.Protocol):
    """One connection: sends the next request when an answer is whole."""

    def __init__(self, number: int, work: Workload, until: float) -> None:
        self._number = number
        self._work = work
        self._until = until
        self._missing = -1  # bytes of the answer's body; -1 while its head is not whole
        self._data = b""
        self._failed = False
        self.times: list[float] = []
        self.failures = 0
        self.stale = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        request = self._work.next(self._number) if perf_counter() < self._until else None
        if request is None:
            self._transport.close()
            return
        self._sent = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._missing < 0:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            self._failed = not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201"))
            self._missing, self._data = _number(head, b"content-length"), rest
            self._pause = _number(head, b"retry-after", 0) if self._failed else 0
        if len(self._data) >= self._missing:
            self._answered()
            asyncio.get_running_loop().call_later(self._pause, self._ask) if self._pause else self._ask()

    def _answered(self) -> None:
        self.times.append(perf_counter() - self._sent)
        if self._failed:
            self.failures += 1
        elif not self._work.answered(self._number, self._data):
            self.stale += 1
        self._missing, self._data = -1, b""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def _number(head: bytes, wanted: bytes, default: int | None = None) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == wanted:
            return int(value)
    if default is None:
        raise ValueError(f"an answer without {wanted.decode()}: {head!r}")
    return default


async def _connect(caller: Caller, port: int) -> None:
    await asyncio.get_running_loop().create_connection(lambda: caller, "127.0.0.1", port)


async def crowd(port: int, connections: int, seconds: float, work: Workload) -> dict[str, float]:
    until = perf_counter() + seconds
    callers = [Caller(number, work, until) for number in range(connections)]
    started = perf_counter()
    for caller in callers:
        await _connect(caller, port)
    await asyncio.gather(*(caller.over for caller in callers))
    times = sorted(time for caller in callers for time in caller.times)
    return {
        "per_second": len(times) / (perf_counter() - started),
        "p50": 1000 * times[len(times) // 2],
        "p99": 1000 * times[len(times) * 99 // 100],
        "failures": sum(caller.failures for caller in callers),
        "stale": sum(caller.stale for caller in callers),
    }


if __name__ == "__main__":
    port, connections, seconds, token, *words = sys.argv[1:]
    print(json.dumps(asyncio.run(crowd(int(port), int(connections), float(seconds), workload(token, words)))))
