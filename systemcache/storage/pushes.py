"""Pushed values: a source sends them by itself, and the leader of that work stores them ahead of any read.

A push is bound by the same rules as a load. It is stored only while the generations are those under which the leader
looked at what it sends, so that it never undoes an invalidation; and a load that began before it is not stored over it,
because its lease is void from then on. A leader that was stopped and has lost its lock stores nothing.
"""

import secrets
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from redis import Redis

from systemcache import codec
from systemcache.storage import greeting, scripts
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import (
    GENERATION_TTL,
    LOAD_TAG,
    EntryRef,
    full_key,
    generation_key,
    generation_keys,
    leader_key,
    lease_key,
    signal_key,
    status_key,
)
from systemcache.storage.leader_lock import LeaderLock
from systemcache.storage.leases import CURRENT_GENERATIONS, SIGNAL_TTL, without_load_tag

VALUES_A_SCRIPT = 100  # Redis serves nobody else while it runs one

# KEYS: the leader, epoch, generations…, then for each value: value, lease, signal.
# ARGV: the leader's token, the generations under which it looked, how many generations there are, a random word, the
# generations' TTL (ms), the server's run id, the signal's TTL (ms), then for each value: entry, TTL (ms).
# Replies [1 (stored), 0 (something was invalidated since) or -1 (the caller does not lead), the generations of now].
PUSH = (
    CURRENT_GENERATIONS
    + """
local count = tonumber(ARGV[3])
local first = count + 2
local found = redis.call('MGET', unpack(KEYS, 1, first - 1))
if found[1] ~= ARGV[1] then return {-1, ''} end
local now = current_generations(found, 2, first - 1, ARGV[4], ARGV[5], ARGV[6])
if now ~= ARGV[2] then return {0, now} end
local argument = 8
for i = first, #KEYS, 3 do
    redis.call('SET', KEYS[i], ARGV[argument], 'PX', ARGV[argument + 1])
    if redis.call('UNLINK', KEYS[i + 1]) == 1 then
        redis.call('UNLINK', KEYS[i + 2])
        redis.call('RPUSH', KEYS[i + 2], '1')
        redis.call('PEXPIRE', KEYS[i + 2], ARGV[7])
    end
    argument = argument + 2
end
return {1, now}
"""
)

# KEYS: the leader, values…. ARGV: the leader's token.
WITHDRAW = """
if redis.call('MGET', KEYS[1])[1] ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 1
"""

# KEYS: the leader, the status. ARGV: the leader's token, the status, its TTL (ms).
SET_STATUS = """
if redis.call('MGET', KEYS[1])[1] ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
"""


class Outcome(IntEnum):
    NOT_LEADING = -1
    INVALIDATED = 0
    STORED = 1


class Pushed(NamedTuple):
    """What became of a push, and the generations of now: those to push under next."""

    outcome: Outcome
    generations: bytes


@redis_command
def push(
    redis: Redis,
    lock: LeaderLock,
    tags: tuple[str, ...],
    generations: bytes,
    values: Sequence[tuple[EntryRef, codec.Entry]],
) -> Pushed:
    """Store values that carry exactly these tags, in few round trips.

    `generations` are those that the last push replied with, before the caller looked at what it sends; empty before
    the first push, which stores nothing.
    """
    common = [leader_key(lock.work), *generation_keys(EntryRef("", tags)), generation_key(LOAD_TAG)]
    head = [lock.token, generations, len(common) - 1, secrets.token_hex(8), GENERATION_TTL]
    head += [greeting.server.run_id, SIGNAL_TTL]
    stored_generations = without_load_tag(generations)
    calls: list[scripts.Call] = []
    for start in range(0, len(values), VALUES_A_SCRIPT) or (0,):
        keys, args = list(common), list(head)
        for ref, entry in values[start : start + VALUES_A_SCRIPT]:
            keys += [full_key(ref.key), lease_key(ref.key), signal_key(ref.key)]
            stamped = codec.Entry(entry.created, entry.ttl, entry.payload, stored_generations)
            args += [codec.pack(stamped), int(1000 * entry.ttl)]
        calls.append((keys, args))
    replies = [Pushed(Outcome(state), words) for state, words in scripts.run_many(redis, PUSH, calls)]
    return min(replies, key=lambda reply: reply.outcome)


@redis_command
def withdraw(redis: Redis, lock: LeaderLock, refs: Sequence[EntryRef]) -> None:
    """Remove values at once, if the lock's holder still leads: what they say is not known to be true any more."""
    names = [full_key(ref.key) for ref in refs]
    batches = [names[start : start + VALUES_A_SCRIPT] for start in range(0, len(names), VALUES_A_SCRIPT)]
    scripts.run_many(redis, WITHDRAW, [([leader_key(lock.work), *batch], [lock.token]) for batch in batches])


@redis_command
def set_status(redis: Redis, lock: LeaderLock, status: bytes, seconds: float, *, name: str = "") -> bool:
    """Publish the leader's status for a moment, under the work's name or another; return whether the caller leads. If
    it does not, nothing is published.
    """
    keys = [leader_key(lock.work), status_key(name or lock.work)]
    return bool(scripts.run(redis, SET_STATUS, keys, [lock.token, status, int(1000 * seconds)]))


@redis_command
def status(redis: Redis, name: str) -> bytes | None:
    """Return the status that the leader of a work has published, by the work's name or another; None if there is no
    leader."""
    (found,) = redis.mget([status_key(name)])
    return found if isinstance(found, bytes) else None
