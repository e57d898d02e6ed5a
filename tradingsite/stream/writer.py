"""Writes one reader's stream: its beginning, what the reader missed, then the events as they happen."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from broker.cache_families import QUOTES
from broker.clock import now
from broker.values import FeedState
from systemcache.errors import InvalidKeyPart, StoreUnavailable
from systemcache.fetching.fetch import peek
from systemcache.storage import event_log
from systemcache.storage.event_log import LoggedEvent, order_of
from tradingsite.stream import messages, meters
from tradingsite.stream.hub import FEED, QUOTE, Client, Hub, feed_text
from tradingsite.stream.messages import Message

T = TypeVar("T")
Put = Callable[[bytes], Awaitable[None]]

MAX_CHUNK = 16 * 1024  # bytes that are sent to a reader at once
COMMENT_INTERVAL = 10.0  # seconds
# Seconds between two writes to a reader, so that events that come close together share one: with many readers longer,
# since each write takes a fiftieth of a millisecond.
PAUSE, PAUSE_OF_READER, MAX_PAUSE = 0.004, 0.000_1, 0.04


class Writer:
    """`put` sends bytes, and returns when the reader can take more."""

    def __init__(self, client: Client, hub: Hub, put: Put, executor: Executor) -> None:
        self.client, self.hub, self.put = client, hub, put
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._comment_at = self._loop.time() + COMMENT_INTERVAL

    async def run(self) -> None:
        """Write until the stream ends; the client says why."""
        try:
            if self._is_connected():
                await self._begin()
                await self._write_events()
        except StoreUnavailable:
            self.client.end(meters.REDIS)
        if self.client.why == meters.REDIS:
            await self._say_down()

    def _is_connected(self) -> bool:
        if not self.hub.connected.is_set():
            self.client.end(meters.REDIS)
        return not self.client.ending.is_set()

    async def _say_down(self) -> None:
        opening = messages.opening("")
        state = feed_text(FeedState(state="down", since=now())) if self._follows(FEED) else b"\n"
        await self.put(opening + state)

    def _follows(self, kind: str) -> bool:
        return kind in self.client.subscription.kinds

    # --- the beginning ---------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        position = self.hub.position or ""
        last = self.client.subscription.last_event_id
        if not last:
            await self._open(position)
        elif not await self._replay(last):
            await self._reset(meters.UNKNOWN_ID, self.hub.position or position)

    async def _open(self, position: str, first: bytes = b"") -> None:
        """Send the position in the log, the feed's state, and the cached prices of the symbols."""
        head = messages.opening(position)
        unknown = self.client.subscription.unknown
        notes = messages.comment(f"unknown symbols: {', '.join(unknown)}") if unknown else b""
        await self._put_feed_state(notes + head + first)
        if self._follows(QUOTE) and self.client.subscription.instruments:
            prices = await self._in_thread(self._known_prices)
            for start in range(0, len(prices), 20):
                await self.put(b"".join(prices[start : start + 20]))

    async def _put_feed_state(self, before: bytes) -> None:
        """Send the feed's state if it is known; `before` may be fields that belong to the next event."""
        text = feed_text(self.hub.feed) if self.hub.feed and self._follows(FEED) else b""
        if before or text:
            await self.put(before + (text or (b"" if before.endswith(b"\n\n") else b"\n")))

    def _known_prices(self) -> list[bytes]:
        """Prices that the cache holds, without a call to the broker."""
        found = []
        for exchange, symbol in (self.client.subscription.instruments or {}).values():
            try:
                value = peek(QUOTES, {"exchange": exchange, "symbol": symbol})
            except InvalidKeyPart:  # a contract with such a name has no cached quote
                continue
            if value:
                found.append(messages.text(QUOTE, value.payload))
        return found

    async def _reset(self, reason: str, position: str) -> None:
        meters.RESETS.add(reason)
        await self._open(position, messages.reset(reason))

    async def _replay(self, last: str) -> bool:
        """Send what was logged after that id. False if some of it may be missing, or the id is unknown."""
        until = await self._in_thread(event_log.end)
        before = messages.opening("")
        while True:
            page = await self._in_thread(partial(event_log.after, last, until))
            if page is None:
                return False
            missed = [message for event in page.events if (message := self._message(event))]
            await self._put_messages(missed, before=before)
            before = b""
            if page.complete:
                break
            last = page.events[-1].id
        self.client.past = order_of(until)
        self.client.queue.drop_until(self.client.past)
        await self._put_feed_state(b"")
        return True

    def _message(self, event: LoggedEvent) -> Message | None:
        kind = self.hub.kind(event.kind)
        if kind is None or not self.client.admits(kind, event.key):
            return None
        return messages.of_event(event, kind)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._executor, work)

    # --- what happens ----------------------------------------------------------------------------------------

    async def _write_events(self) -> None:
        client = self.client
        while not client.ending.is_set():
            client.wake.clear()
            if client.reset_at:
                position, client.reset_at = client.reset_at, ""
                await self._reset(meters.GAP, position)
            sent = client.queue.take(MAX_CHUNK)
            await self._put_messages(sent, comment=self._comment_if_due())
            if sent:
                await asyncio.sleep(min(MAX_PAUSE, PAUSE + PAUSE_OF_READER * len(self.hub.clients())))
            elif not client.reset_at:
                await self._wait()

    async def _put_messages(self, some: list[Message], *, before: bytes = b"", comment: bytes = b"") -> None:
        text = b"".join([before, *(message.text for message in some), comment])
        if text:
            await self.put(text)
        for kind, number in Counter(message.kind for message in some).items():
            meters.SENT.add(kind, number)
        replaced, self.client.queue.replaced = self.client.queue.replaced, Counter()
        for kind, number in replaced.items():
            meters.REPLACED.add(kind, number)

    def _comment_if_due(self) -> bytes:
        if self._loop.time() < self._comment_at:
            return b""
        self._comment_at = self._loop.time() + COMMENT_INTERVAL
        return messages.COMMENT

    async def _wait(self) -> None:
        """Wait until there is something to do, or a comment is due."""
        try:
            async with asyncio.timeout_at(self._comment_at):
                await self.client.wake.wait()
        except TimeoutError:
            return
