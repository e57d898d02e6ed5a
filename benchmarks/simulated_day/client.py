"""HTTP for a crowd: one connection, one request at a time."""

import asyncio
from dataclasses import dataclass

LONGEST = 120.0  # seconds after which an answer is given up


class Broken(Exception):
    """The connection ended, or nothing came, before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of headers are in lower case; of several cookies all are kept, a line each."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    body: bytes


class Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """Raises Broken."""
        try:
            async with asyncio.timeout(LONGEST):
                return await self._asked(_written(method, path, headers, body))
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise Broken(f"{type(error).__name__}: {error}") from error

    async def _asked(self, request: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        answer = await _read(reader)
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


def _written(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in headers.items())]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _read(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [(name.lower(), text.strip()) for name, _, text in (line.partition(":") for line in lines if line)]
    headers = dict(pairs)
    status = int(first.split(" ", 2)[1])
    return Answer(
        status, headers, tuple(text for name, text in pairs if name == "set-cookie"), await _body(reader, headers)
    )


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    pieces = []
    while length := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(length))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)
