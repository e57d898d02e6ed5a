"""Leases: one process of all loads a value, and stores it only if nothing that it shows was invalidated meanwhile.

Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), section 3.2.1, with generations in place of deletion.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis

from systemcache import codec, conf, process_state
from systemcache.errors import StoreUnavailable
from systemcache.storage import connection, greeting, scripts, sealing
from systemcache.storage.connection import redis_command
from systemcache.storage.entries import Lookup, unpack_if_valid
from systemcache.storage.key_names import (
    GENERATION_TTL,
    LOAD_TAG,
    EntryRef,
    full_key,
    generation_key,
    generation_keys,
    lease_key,
    signal_key,
    stale_key,
)

# Milliseconds for which the end of a load is signalled; a later waiter waits for one slice. Kept short because under
# many misses each signal takes the memory of a value.
SIGNAL_TTL = 500

# A function of the scripts that grant a right to store: the generations under KEYS[first], which is the epoch, to
# KEYS[last]. Those that are missing begin now, with a random word.
CURRENT_GENERATIONS = """
local function current_generations(found, first, last, word, ttl, run_id)
    local generations = {}
    for i = first, last do
        local known = found[i]
        if known and not string.find(known, '[^%w.]') then
            -- Not every time: near caches hear of each change of the key, and would discard the copies that need it.
            if redis.call('PTTL', KEYS[i]) * 2 < tonumber(ttl) then redis.call('PEXPIRE', KEYS[i], ttl) end
        else
            known = (i == first and run_id or i) .. '.' .. word
            redis.call('SET', KEYS[i], known, 'PX', ttl)
        end
        generations[i - first + 1] = known
    end
    return table.concat(generations, ',')
end
"""

# KEYS: value, lease, signal, stale value, epoch, generations…
# ARGV: token, the lease's TTL (ms), the generations' TTL (ms), the server's run id.
# Replies [granted, the value or else the stale value, generations]; granted is 1 (the lease is the caller's), 0
# (another caller loads) or -1 (the source has just failed and is cooling down). A lease taken under other generations
# is void, because its load began before a write ended. Asking twice with one token (the first reply was lost) counts
# as once.
ACQUIRE = (
    CURRENT_GENERATIONS
    + """
-- A full Redis refuses a script whose first write may take memory; if the first write cannot, it lets the rest pass.
redis.pcall('LTRIM', KEYS[3], 0, 0)
local found = redis.call('MGET', unpack(KEYS))
local now = current_generations(found, 5, #KEYS, ARGV[1], ARGV[3], ARGV[4])
local lease = found[2]
-- A lease that would last longer than any is granted for has seen Redis's clock go back: it is void.
local lasts = lease and redis.call('PTTL', KEYS[2]) <= tonumber(ARGV[2])
if lasts and string.match(lease, ' (.*)$') == now and string.match(lease, '^%S+') ~= ARGV[1] then
    return {string.sub(lease, 1, 1) == '!' and -1 or 0, found[1] or found[4], now}
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. now, 'PX', ARGV[2])
redis.call('UNLINK', KEYS[3])
return {1, found[1] or found[4], now}
"""
)

# KEYS: value, lease, signal, stale value, epoch, generations…
# ARGV: token, generations at the grant, the signal's TTL (ms), entry, its TTL as a value and as a stale value (ms; 0:
# none). Stores only while the lease is the caller's and nothing was invalidated since. Wakes the waiters anyway, unless
# another caller has the lease by now: they wait for that one, and a signal would keep them asking until it ended.
STORE = """
local found = redis.call('MGET', unpack(KEYS))
local generations = {}
for i = 5, #KEYS do generations[i - 4] = found[i] or '' end
local mine = found[2] == ARGV[1] .. ' ' .. ARGV[2]
local kept = 0
if mine and table.concat(generations, ',') == ARGV[2] then
    redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
    if tonumber(ARGV[6]) > 0 then redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[6]) end
    kept = 1
end
if mine or not found[2] then
    redis.call('UNLINK', KEYS[2], KEYS[3])
    redis.call('RPUSH', KEYS[3], '1')
    redis.call('PEXPIRE', KEYS[3], ARGV[3])
end
return kept
"""

# KEYS: lease, signal. ARGV: token, the signal's TTL (ms), the source's cool-down (ms).
RELEASE = """
local lease = redis.call('MGET', KEYS[1])[1]
if lease and string.match(lease, '^%S+') ~= ARGV[1] then return end
if lease and tonumber(ARGV[3]) > 0 then
    redis.call('SET', KEYS[1], '!' .. lease, 'PX', ARGV[3])
else
    redis.call('UNLINK', KEYS[1])
end
redis.call('UNLINK', KEYS[2])
redis.call('RPUSH', KEYS[2], '1')
redis.call('PEXPIRE', KEYS[2], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to load a value, and to store it unless something that it shows is invalidated meanwhile."""

    ref: EntryRef
    token: str
    generations: bytes


@dataclass(frozen=True, slots=True)
class LeaseReply:
    """The lease; or None, because another caller loads or (`source_cooling_down`) the source has just failed.

    `entry` is what Redis holds: a value that was stored meanwhile, or a stale one in case the source fails.
    """

    lease: Lease | None
    source_cooling_down: bool
    entry: Lookup


class UnconfirmedLeases:
    """Leases that Redis may still hold for this process, because a reply was lost: released once Redis is back.

    A command that was not answered may have been carried out, or may be yet.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._refs: dict[str, EntryRef] = {}  # by token

    @contextmanager
    def remember(self, refs: Mapping[str, EntryRef]) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            self._refs.update(refs)
            raise

    def release(self) -> None:
        """Past the breaker. Raises StoreUnavailable."""
        for token, ref in list(self._refs.items()):
            connection.run_past_breaker(_release, ref, token, 0)
            del self._refs[token]


unconfirmed = process_state.register(UnconfirmedLeases())


def acquire(ref: EntryRef, seconds: float) -> LeaseReply:
    """Ask for the lease of a value, for `seconds` at the most."""
    return acquire_many([ref], seconds)[0]


def acquire_many(refs: Iterable[EntryRef], seconds: float) -> list[LeaseReply]:
    """Ask for the leases of several values together."""
    tokens = {secrets.token_hex(8): ref for ref in refs}
    with unconfirmed.remember(tokens):
        return _acquire(tokens, seconds)


@redis_command
def _acquire(redis: Redis, tokens: Mapping[str, EntryRef], seconds: float) -> list[LeaseReply]:
    args = [int(1000 * seconds), GENERATION_TTL, greeting.server.run_id]
    calls: list[scripts.Call] = [(_all_keys(ref), [token, *args]) for token, ref in tokens.items()]
    replies = scripts.run_many(redis, ACQUIRE, calls)
    return [_lease_reply(token, ref, *reply) for (token, ref), reply in zip(tokens.items(), replies, strict=True)]


def _lease_reply(token: str, ref: EntryRef, granted: int, data: bytes | None, generations: bytes) -> LeaseReply:
    lease = Lease(ref, token, generations) if granted == 1 else None
    return LeaseReply(lease, granted == -1, unpack_if_valid(ref, data, without_load_tag(generations)))


def store(lease: Lease, entry: codec.Entry, stale_for: float = 0) -> bool:
    """Store what was loaded under a lease, and wake the waiters; False if the lease is void by now.

    The value stays for its TTL, and as a stale value for `stale_for` seconds more.
    """
    return store_many([(lease, entry)], stale_for)[0]


def store_many(loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float = 0) -> list[bool]:
    """Store several values together."""
    with unconfirmed.remember({lease.token: lease.ref for lease, _ in loaded}):
        return _store(loaded, stale_for)


@redis_command
def _store(redis: Redis, loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float) -> list[bool]:
    calls = [_store_call(lease, entry, stale_for) for lease, entry in loaded]
    return [bool(stored) for stored in scripts.run_many(redis, STORE, calls)]


def _store_call(lease: Lease, entry: codec.Entry, stale_for: float) -> scripts.Call:
    stamped = codec.Entry(entry.created, entry.ttl, entry.payload, without_load_tag(lease.generations))
    data = sealing.pack(lease.ref, stamped)
    ttl, stale_ttl = int(1000 * entry.ttl), int(1000 * (entry.ttl + stale_for)) if stale_for else 0
    return _all_keys(lease.ref), [lease.token, lease.generations, SIGNAL_TTL, data, ttl, stale_ttl]


def release(lease: Lease, cool_down: float = 0) -> None:
    """Release a lease and wake the waiters; no process calls the source for `cool_down` seconds."""
    with unconfirmed.remember({lease.token: lease.ref}):
        redis_command(_release)(lease.ref, lease.token, cool_down)


def _release(redis: Redis, ref: EntryRef, token: str, cool_down: float) -> None:
    scripts.run(redis, RELEASE, [lease_key(ref.key), signal_key(ref.key)], [token, SIGNAL_TTL, int(1000 * cool_down)])


@redis_command
def wait(redis: Redis, ref: EntryRef) -> None:
    """Sleep until the load of a value has ended, or for one slice. The signal is passed on to the next waiter."""
    name = signal_key(ref.key)
    redis.blmove(name, name, conf.wait_slice())  # type: ignore[arg-type]  # Redis 6 and later takes fractions


def _all_keys(ref: EntryRef) -> list[str]:
    names = [full_key(ref.key), lease_key(ref.key), signal_key(ref.key), stale_key(ref.key)]
    return [*names, *generation_keys(ref), generation_key(LOAD_TAG)]


def without_load_tag(generations: bytes) -> bytes:
    """The generations that are stored with the value: the last one, of all loads, matters only during the load."""
    return generations.rpartition(b",")[0]
