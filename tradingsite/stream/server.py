"""The ASGI side of `/stream`: Django admits a reader in a thread, and the loop sends the events."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from typing import Any

from django.core import signals
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from systemcache import process_state
from tradingsite.stream import address, meters
from tradingsite.stream.hub import Client, Hub
from tradingsite.stream.places import places
from tradingsite.stream.views import AdmittedReader
from tradingsite.stream.watch import Watch
from tradingsite.stream.writer import Writer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

ADMISSION_THREADS = 8  # a reader whose symbols are looked up at the broker occupies one
REPLAY_THREADS = 4
STALL_TIMEOUT = 60.0  # seconds after which a reader that accepts nothing is considered gone
END_TIMEOUT = 1.0  # seconds for the last bytes of a stream that is cut off
CONNECT_PATIENCE = 2.0  # seconds for which a stream that begins waits for Redis


class Admission(BaseHandler):
    """Django's handler, synchronous with all of the site's middleware, on an ASGI scope."""

    def __init__(self) -> None:
        self.load_middleware()

    def respond(self, scope: dict[str, Any]) -> HttpResponseBase:
        """The response to a request, or the head of its stream. Runs in a thread."""
        signals.request_started.send(sender=type(self), scope=scope)
        set_script_prefix("")
        try:
            request: Any = ASGIRequest(scope, BytesIO())
        except UnicodeDecodeError:
            return HttpResponseBadRequest()
        request.is_at_stream_server = True
        response: HttpResponseBase = self.get_response(request)
        if getattr(request, "has_place", False) and not isinstance(response, AdmittedReader):
            places.release(request.user.pk)
        with suppress(DisallowedHost):  # that was the answer already
            address.allow_reading(request, response)
        response.close()  # gives the database's connection back
        return response


class StreamServer:
    """`/stream` of one process. It begins to work with its first request."""

    def __init__(self) -> None:
        self.hub = Hub()
        self._watch = Watch(self.hub)
        self._handler = Admission()
        self._admissions = ThreadPoolExecutor(ADMISSION_THREADS, "stream-admission")
        self._replays = ThreadPoolExecutor(REPLAY_THREADS, "stream-replay")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(self._admissions, self._handler.respond, scope)
        if not isinstance(response, AdmittedReader) or scope["method"] == "HEAD":
            await send(_head(response))
            body = b"" if scope["method"] == "HEAD" else getattr(response, "content", b"")
            await send({"type": "http.response.body", "body": body})
            return
        self.hub.start(loop)
        self._watch.start()
        client = Client(response.subscription)
        try:
            # Before the reader sees the head, so that it receives everything that happens from then on.
            self.hub.join(client)
            with suppress(TimeoutError):
                async with asyncio.timeout(CONNECT_PATIENCE):
                    await self.hub.connected.wait()
            await send(_head(response))
            await self._serve(client, receive, send)
        finally:
            self.hub.leave(client)
            places.release(response.subscription.rights.user_id)

    def stop(self) -> None:
        """End all streams: the process is about to end."""
        self.hub.stop()
        self._watch.stop()

    async def _serve(self, client: Client, receive: Receive, send: Send) -> None:
        meters.OPENED.add(client.subscription.credential.name)
        if self.hub.is_stopped:
            client.end(meters.STOPPED)
        try:
            await self._write_until_the_end(client, receive, send)
        finally:
            self.hub.leave(client)
            client.queue.clear()
            meters.ENDED.add(client.why)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT):
                await send({"type": "http.response.body", "body": b""})

    async def _write_until_the_end(self, client: Client, receive: Receive, send: Send) -> None:
        async def put(text: bytes) -> None:
            async with asyncio.timeout(STALL_TIMEOUT):
                await send({"type": "http.response.body", "body": text, "more_body": True})

        writer = asyncio.create_task(Writer(client, self.hub, put, self._replays).run())
        leaving = asyncio.create_task(_until_disconnected(receive))
        cut = asyncio.create_task(client.ending.wait())
        try:
            await asyncio.wait({writer, leaving, cut}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                client.end(meters.LEFT)
            elif client.why == meters.REDIS:  # it says so
                await asyncio.wait({writer}, timeout=END_TIMEOUT)
        finally:
            for task in (writer, leaving, cut):
                task.cancel()
            results = await asyncio.gather(writer, leaving, cut, return_exceptions=True)
        if isinstance(results[0], TimeoutError):
            client.end(meters.STALLED)
        elif isinstance(results[0], Exception):
            client.end(meters.FAILED)
            logger.error("stream: a stream has failed, its reader comes back", exc_info=results[0])
        client.end(meters.LEFT)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _head(response: HttpResponseBase) -> dict[str, Any]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.output(header="").strip().encode("ascii")) for cookie in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


class _Server:
    """The server of this process, created at the first request; tests create another."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.made: StreamServer | None = None

    def get(self) -> StreamServer:
        if self.made is None:
            self.made = StreamServer()
        return self.made


server = process_state.register(_Server())
