"""The event log: two Redis Streams with common ids, from which clients that reconnect get what they missed.

`all` holds the latest events of every kind. Prices come by the hundred a second and are soon replaced, so `lasting`
holds the others once more: after ten thousand prices, a program that comes back still misses no order.

Beside them stands which version of each versioned row was logged last (`versions`): two processes that learn of the
same change log it once.

Where events may be missing stands a mark, an event of the kind "" with the key GAP: every reader that comes past it has
to read everything again. A new log begins with an event of the kind "", too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from redis import Redis, RedisError

from systemcache import clock, process_state
from systemcache.errors import StoreUnavailable
from systemcache.storage import connection, scripts
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import events_key

GAP = "gap"
MAX_EVENTS = 10_000  # that a stream keeps at least; Redis trims whole blocks
MAX_VERSIONS = 10_000  # beyond, they are forgotten, and the next full book is taken as known
TTL = 7 * 86_400  # seconds without an event
MAX_BATCH = 500  # events that are written, or read, in one step
RESPONSE_TIMEOUT = 1.0  # seconds for a reply, beyond those for which Redis was asked to wait
ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
READERS_TTL = 15  # seconds
NOTE = re.compile(rb"([0-9]{1,9}) ([0-9]{1,12})")

# KEYS: all, lasting, versions. ARGV: the length, the TTL (s), the number of versions, the book that these events are in
# full, or ''; then for each event its kind, key, data, whether it lasts, rank and version.
# A row with a version is logged if it is not the one that was logged last, and no older: its rank is not lower. The
# first full book says what there was before anybody followed it: it is noted, and not logged. Replies how many were
# logged. A key of another type is removed.
APPEND = """
local function require_type(key, type)
    local found = redis.call('TYPE', key).ok
    if found ~= type and found ~= 'none' then redis.call('UNLINK', key) end
end
require_type(KEYS[1], 'stream')
require_type(KEYS[2], 'stream')
require_type(KEYS[3], 'hash')
local function append(kind, key, data, lasting)
    local fields = {'k', kind, 's', key, 'd', data}
    local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(fields))
    if lasting then
        local added = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], id, unpack(fields))
        if type(added) == 'table' and added.err then -- its last id is higher: `all` was evicted, and the clock set back
            redis.call('UNLINK', KEYS[2])
            redis.call('XADD', KEYS[2], id, unpack(fields))
        end
    end
end
local function is_news(field, rank, version)
    local noted = redis.call('HGET', KEYS[3], field)
    if not noted then return true end
    local noted_rank, noted_version = string.match(noted, '^(%d+) (.*)$')
    if noted_version == version then return false end
    return tonumber(rank) >= tonumber(noted_rank or 0)
end
if redis.call('EXISTS', KEYS[1]) == 0 then append('', '', '', true) end -- so that there is a place to come back to
if redis.call('HLEN', KEYS[3]) > tonumber(ARGV[3]) then redis.call('UNLINK', KEYS[3]) end
local book, known = ARGV[4], true
if book ~= '' then known = redis.call('HSETNX', KEYS[3], '@' .. book, '1') == 0 end
local logged = 0
for i = 5, #ARGV, 6 do
    local kind, key, data, lasts, rank, version = unpack(ARGV, i, i + 5)
    local field = kind .. ':' .. key
    local news = version == '' or is_news(field, rank, version)
    if news and version ~= '' then redis.call('HSET', KEYS[3], field, rank .. ' ' .. version) end
    if news and known then
        append(kind, key, data, lasts == '1')
        logged = logged + 1
    end
end
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
return logged
"""


class NewEvent(NamedTuple):
    """An event that is to be logged; `data` is a line of JSON, `key` names the row within its kind.

    lasting: it is kept beside the prices.
    version, rank: see APPEND; rows without a version are always logged.
    """

    kind: str
    key: str
    data: bytes
    lasting: bool = True
    rank: int = 0
    version: str = ""


class LoggedEvent(NamedTuple):
    """An event of the log. One of the kind "" is sent to no client: a gap is there, or a new log begins."""

    id: str
    kind: str
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Events after a place in the log, oldest first; `complete` if there are no more."""

    events: list[LoggedEvent]
    complete: bool


class _Gap:
    """Whether this process knows of events that are missing, and has not marked the log yet."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.is_due = False


_gap = process_state.register(_Gap())


def order_of(event_id: str) -> tuple[int, int]:
    """What sorts ids by age. Raises ValueError for a text that is no id."""
    if not ID.fullmatch(event_id):
        raise ValueError("not an event's id")
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)


def append(events: Sequence[NewEvent], *, book: str = "") -> int:
    """Log events in their order; return how many were logged. Raises StoreUnavailable.

    `book` names a full list of rows: the first one that is ever given is what there was before, and logs nothing.
    """
    if book:  # in one step, because its first part would be taken for the first book
        return _append(events, book)
    return sum(_append(events[start : start + MAX_BATCH], "") for start in range(0, len(events), MAX_BATCH))


@redis_command
def _append(redis: Redis, events: Sequence[NewEvent], book: str) -> int:
    args: list[Any] = [MAX_EVENTS, TTL, MAX_VERSIONS, book]
    for event in events:
        args += [event.kind, event.key, event.data, int(event.lasting), event.rank, event.version]
    return int(scripts.run(redis, APPEND, _keys(), args))


def events_are_missing() -> None:
    """Have the log marked as soon as Redis takes it: mark_gap_if_due."""
    _gap.is_due = True


def mark_gap_if_due() -> None:
    """Called by the recovery thread after each of its rounds."""
    if _gap.is_due:
        _gap.is_due = False
        try:
            _append([NewEvent("", GAP, b"")], "")
        except StoreUnavailable:
            _gap.is_due = True


def _keys() -> list[str]:
    return [events_key(part) for part in ("all", "lasting", "versions")]


def end() -> str:
    """The id of the last event; a log that is empty begins now. Raises StoreUnavailable."""
    _append([], "")
    return _last_id()


@redis_command
def _last_id(redis: Redis) -> str:
    newest: Any = redis.xrevrange(events_key("all"), count=1)
    if not newest:
        raise RedisError("the event log has vanished")
    return _id(newest)


@redis_command
def after(redis: Redis, last: str, until: str, count: int = MAX_BATCH) -> Page | None:
    """The events after `last`, until and including `until`; None if some may be missing, or `last` is unknown.

    Events that are older than all of `all` come without prices. Raises StoreUnavailable.
    """
    if not (ID.fullmatch(last) and ID.fullmatch(until)):
        return None
    if order_of(last) >= order_of(until):
        return Page([], complete=True) if order_of(last) == order_of(until) else None
    pipeline = redis.pipeline(transaction=False)
    for key in (events_key("all"), events_key("lasting")):
        pipeline.xrange(key, f"({last}", until, count=count)
        # Asked for last: if the event is still there, none after it has gone.
        pipeline.xrange(key, last, last, count=1)
        pipeline.xrange(key, count=1)
    newer, is_in_all, first, lasting, is_in_lasting, first_lasting = pipeline.execute()
    if is_in_all:
        return _page(newer, count)
    covers = first_lasting and order_of(_id(first_lasting)) <= order_of(last)
    is_older = not first or order_of(last) < order_of(_id(first))
    return _page(lasting, count) if is_in_lasting or (covers and is_older) else None


def _id(entries: Any) -> str:
    return str(entries[0][0].decode())


def _page(entries: Any, count: int) -> Page | None:
    events = [_event(event_id, fields) for event_id, fields in entries]
    if any((event.kind, event.key) == ("", GAP) for event in events):
        return None
    return Page(events, complete=len(events) < count)


def _event(event_id: bytes, fields: dict[bytes, bytes]) -> LoggedEvent:
    return LoggedEvent(
        event_id.decode(),
        fields.get(b"k", b"").decode(errors="replace"),
        fields.get(b"s", b"").decode(errors="replace"),
        fields.get(b"d", b""),
    )


@dataclass(frozen=True, slots=True)
class News:
    """What was logged meanwhile; `gap` if events may be missing before them."""

    events: list[LoggedEvent]
    gap: bool


class LogReader:
    """Follows the log on a connection of its own. Its methods raise StoreUnavailable when the connection is lost."""

    def __init__(self, position: str) -> None:
        """Read on after the event with this id."""
        self.position = position
        self._connection = connection.dedicated_connection()
        self._closed = connection.times_closed()
        try:
            self._connection.connect()
        except connection.CONNECTION_ERRORS as error:
            self._give_up(error)

    def read(self, seconds: float) -> News:
        """Wait for events, `seconds` at most."""
        try:
            events = self._read(seconds)
            # If the last one is still there, none after it has gone. It can only have gone when more came than fit
            # into a batch, or when somebody has removed the log; then a new one begins.
            is_marked = any(not event.kind for event in events)
            gap = is_marked or (len(events) in (0, MAX_BATCH) and not self._has_position())
        except connection.CONNECTION_ERRORS as error:
            self._give_up(error)
        if connection.times_closed() != self._closed:
            self._give_up(RedisError("the pool's connections were closed"))
        if events:
            self.position = events[-1].id
        return News(events, gap)

    def close(self) -> None:
        self._connection.disconnect()

    def _read(self, seconds: float) -> list[LoggedEvent]:
        stream, block = events_key("all"), max(1, int(1000 * seconds))
        words = ("XREAD", "COUNT", MAX_BATCH, "BLOCK", block, "STREAMS", stream, self.position)
        reply = self._ask(seconds, *words)
        return [_event(event_id, _pairs(fields)) for event_id, fields in (reply[0][1] if reply else ())]

    def _has_position(self) -> bool:
        return bool(self._ask(0, "XRANGE", events_key("all"), self.position, self.position))

    def _ask(self, seconds: float, *words: object) -> Any:
        self._connection.send_command(*words, check_health=False)
        if not self._connection.can_read(timeout=seconds + RESPONSE_TIMEOUT):
            raise RedisError("no reply")
        return self._connection.read_response()

    def _give_up(self, error: Exception) -> NoReturn:
        self.close()
        raise StoreUnavailable(connection.reason_of(error)) from error


def _pairs(fields: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=False))


@redis_command
def note_readers(redis: Redis, process: str, number: int) -> None:
    """Note for a moment how many readers a process has."""
    key = events_key("readers")
    pipeline = redis.pipeline(transaction=False)
    pipeline.hset(key, process, f"{number} {clock.timestamp():.0f}")
    pipeline.expire(key, READERS_TTL)
    pipeline.execute()


@redis_command
def readers(redis: Redis) -> int:
    """How many readers all processes have noted a moment ago; what older processes have noted is forgotten."""
    found: Any = redis.hgetall(events_key("readers"))
    fresh: dict[bytes, int] = {}
    for process, text in found.items():
        note = NOTE.fullmatch(text)
        if note and clock.timestamp() - int(note[2]) < READERS_TTL:
            fresh[process] = int(note[1])
    if old := found.keys() - fresh.keys():
        redis.hdel(events_key("readers"), *old)
    return sum(fresh.values())
