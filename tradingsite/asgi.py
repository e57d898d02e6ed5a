"""The ASGI application: `/stream`, and the site itself, which is synchronous, for servers that speak only ASGI."""

import multiprocessing
import os
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

os.umask(0o077)  # what the site writes is for its user alone
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

site = get_asgi_application()

from systemcache import checks  # noqa: E402 - needs Django
from systemcache.invalidation import recovery  # noqa: E402 - needs Django
from systemcache.operations.processes import reporter  # noqa: E402 - needs Django
from systemcache.stats import time_series  # noqa: E402 - needs Django
from tradingsite.stream import address  # noqa: E402 - needs Django
from tradingsite.stream.server import server  # noqa: E402 - needs Django

checks.exit_on_errors()
reporter.kind = "stream"
time_series.mark_site_start()
recovery.start()  # the page of processes shows this one before its first read


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The site, to which no more of a body is passed on than MAX_BODY: Django would write the rest to a file.

    The middleware that refuses a declared length comes too late here, because Django reads a body before it.
    """
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["type"] == "http" and scope["path"].removesuffix("/") == address.PATH.removesuffix("/"):
        await server.get()(scope, receive, send)
        return
    received = 0

    async def receive_bounded() -> MutableMapping[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        return message if received <= settings.MAX_BODY else {"type": "http.disconnect"}

    await site(scope, receive_bounded, send)
    if received > settings.MAX_BODY:  # the site has answered nothing
        await send({"type": "http.response.start", "status": 413, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body"})


async def _live(receive: Receive, send: Send) -> None:
    """Report that the application has started; when the server stops, end the streams, for which it would wait."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _end_with_parent()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            server.get().stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _end_with_parent() -> None:
    """End this worker if its server is killed: it would keep the port, and its readers would not reconnect to the next
    server."""
    if parent := multiprocessing.parent_process():

        def wait() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=wait, name="parent-watch", daemon=True).start()
