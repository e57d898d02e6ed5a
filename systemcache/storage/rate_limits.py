"""The calls that count against a rate limit and those that wait for it, over all processes.

One sorted set a limit. Its members' scores are the times (microseconds) at which they are forgotten:

    <token>                  a call that counts until then; a token is <owner>.<random>
    wait:<rank>:<ticket>:<token>
                             a waiting call, which is to ask again before; rank 0 is urgent and goes before 1, and
                             `ticket` is the time at which it asked first
    pause                    no call starts until then

Among calls of one rank the turn decides, then the ticket. A waiting call's turn is how many of its owner's calls count
or wait before it: owners with many calls wait behind owners with few.

All times are those of Redis's clock, so the clocks of the processes' machines do not matter.
"""

from redis import Redis

from systemcache.storage import scripts
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import calls_key

MICROSECONDS = 1_000_000
GRACE = 0.5  # seconds by which a waiting call may ask late without losing its place: its process may be dead

# ARGV: token, ticket or 0, calls in a window; the rank in the queue; then in microseconds: the window, for how long a
# call counts whose end is never reported, the longest wait, the grace.
# Replies the microseconds to wait (0: the call counts from now on) and the ticket.
#
# A call in flight counts until a window after its end, so at least until a window from now. This gives the earliest
# time at which each slot is free, and each call ahead fills a slot for another window. The key outlives its members by
# some seconds and no longer, so that calls are let through again soon after Redis's clock was set back.
ACQUIRE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local key, token, ticket = KEYS[1], ARGV[1], tonumber(ARGV[2])
local calls, window, counts_for = tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6])
if ticket == 0 then ticket = now end
local place = string.format('wait:%s:%016.0f:%s', ARGV[4], ticket, token)

redis.call('ZREM', key, place, token)
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
local slots, waiting, turns = {}, {place}, {}
local function take_turn(owner)
    turns[owner] = (turns[owner] or 0) + 1
    return turns[owner]
end
local members = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
    local member, forgotten_at = members[i], tonumber(members[i + 1])
    if member == 'pause' then
        for _ = 1, calls do table.insert(slots, forgotten_at) end
    elseif string.sub(member, 1, 5) == 'wait:' then
        table.insert(waiting, member)
    else
        table.insert(slots, math.min(forgotten_at, now + window))
        take_turn(string.match(member, '^[^.]*'))
    end
end
table.sort(waiting)
local before, own_turn = {}, nil
for _, member in ipairs(waiting) do
    local rank, owner = string.match(member, '^wait:(%d):%d+:([^.]*)')
    local turn = take_turn(owner)
    if member == place then own_turn = turn else table.insert(before, {rank, turn, member}) end
end
local ahead = 0
for _, other in ipairs(before) do
    local rank, turn, member = unpack(other)
    if rank ~= ARGV[4] then
        if rank < ARGV[4] then ahead = ahead + 1 end
    elseif turn < own_turn or (turn == own_turn and member < place) then
        ahead = ahead + 1
    end
end

if #slots + ahead < calls then
    redis.call('ZADD', key, string.format('%.0f', now + counts_for), token)
    redis.call('PEXPIRE', key, math.ceil(counts_for / 1000) + 10000)
    return {0, ticket}
end
table.sort(slots)
local free_at = slots[#slots - calls + ahead % calls + 1] or now
local wait = math.max(1, free_at + math.floor(ahead / calls) * window - now)
if wait <= tonumber(ARGV[7]) then redis.call('ZADD', key, string.format('%.0f', now + wait + ARGV[8]), place) end
return {wait, ticket}
"""

# ARGV: token, the window (microseconds).
# The member is removed first: a full Redis refuses a script whose first write may take memory. If it was the only one,
# the key is a new one and has to be given an end again.
RELEASE = """
local clock, ttl = redis.call('TIME'), redis.call('PTTL', KEYS[1])
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then
    redis.call('ZADD', KEYS[1], string.format('%.0f', clock[1] * 1000000 + clock[2] + ARGV[2]), ARGV[1])
    redis.call('PEXPIRE', KEYS[1], math.max(ttl, math.ceil(ARGV[2] / 1000) + 10000))
end
"""

# ARGV: the pause (microseconds). What is forgotten is removed first, for the same reason.
PAUSE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local ends = now + ARGV[1]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], 'GT', string.format('%.0f', ends), 'pause')
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), math.ceil(ARGV[1] / 1000) + 10000))
"""


@redis_command
def acquire(
    redis: Redis,
    limit: str,
    token: str,
    *,
    urgent: bool = False,
    ticket: int,
    calls: int,
    window: float,
    counts_for: float,
    max_wait: float,
) -> tuple[float, int]:
    """Seconds to wait, and the ticket to ask again with.

    0 seconds: a slot was free, and the call counts from now on. More than `max_wait`: it is not in the queue.
    """
    times = map(_microseconds, (window, counts_for, max_wait, GRACE))
    wait, ticket = scripts.run(redis, ACQUIRE, [calls_key(limit)], [token, ticket, calls, 0 if urgent else 1, *times])
    return wait / MICROSECONDS, ticket


@redis_command
def release(redis: Redis, limit: str, token: str, window: float) -> None:
    """Report that a call has ended: it counts for one more window, since it may have arrived this late."""
    scripts.run(redis, RELEASE, [calls_key(limit)], [token, _microseconds(window)])


@redis_command
def pause(redis: Redis, limit: str, seconds: float) -> None:
    """Let no call start within `seconds`, nor before the end of an earlier pause."""
    scripts.run(redis, PAUSE, [calls_key(limit)], [_microseconds(seconds)])


def _microseconds(seconds: float) -> int:
    return round(seconds * MICROSECONDS)
