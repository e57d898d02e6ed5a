"""A program that reads Server-Sent Events, by the rules of the HTML standard, in a thread of its own."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

TIMEOUT = 30.0  # seconds without a line; a comment comes every ten


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is the place in the log after this event; `received` counts the seconds of the monotonic clock."""

    name: str
    text: str
    id: str
    own_id: bool
    received: float = field(default=0.0, compare=False)

    @property
    def data(self) -> Any:
        return json.loads(self.text)


def events_of(lines: Iterable[str], note: Callable[[str, str], None], last_id: str = "") -> Iterator[Event]:
    """The events in the lines of a stream. `note` gets each field, and comments under the name ""."""
    name, data, own_id = "", list[str](), False
    for line in lines:
        if not line:
            if data:
                yield Event(name or "message", "\n".join(data), last_id, own_id, time.monotonic())
            name, data, own_id = "", [], False
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "id":
            last_id, own_id = value, True
        elif key == "event":
            name = value
        elif key == "data":
            data.append(value)
        note(key, value if key != "id" else last_id)


class EventReader:
    """Reads until the stream ends, or `close`. What it has read may be looked at any time."""

    def __init__(
        self, url: str, token: str = "", *, last_event_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        sent = {"Accept": "text/event-stream", **(headers or {})}
        if token:
            sent["Authorization"] = f"Token {token}"
        if last_event_id:
            sent["Last-Event-ID"] = last_event_id
        self.events: list[Event] = []
        self.comments: list[tuple[float, str]] = []
        self.fields: dict[str, str] = {}
        self.last_id = last_event_id
        self.ended_at: float | None = None
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        self._connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=sent)
        self._socket = self._connection.sock  # a response that ends with its connection takes it away
        self._response = self._connection.getresponse()
        self.status = self._response.status
        self.headers = self._response.headers
        self.body: Any = None if self.status == HTTPStatus.OK else json.loads(self._response.read())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    def named(self, *names: str) -> list[Event]:
        return [event for event in list(self.events) if event.name in names]

    def rows(self, *names: str) -> list[Any]:
        return [event.data for event in self.named(*names)]

    def close(self) -> None:
        """End the connection; the thread ends by that."""
        with suppress(OSError):
            self._socket.shutdown(SHUT_RDWR)
        self._thread.join(TIMEOUT)
        self._connection.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError, HTTPException):
            for event in events_of(self._lines(), self._note, self.last_id):
                self.events.append(event)
        self.ended_at = time.monotonic()

    def _lines(self) -> Iterator[str]:
        while line := self._response.readline():
            yield line.decode().rstrip("\n")

    def _note(self, name: str, value: str) -> None:
        if name == "id":
            self.last_id = value
        if name:
            self.fields[name] = value
        else:
            self.comments.append((time.monotonic(), value))
