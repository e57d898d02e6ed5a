"""The steps that Redis takes as one, in Lua. KEYS and ARGV of each are said in store.py, which calls them.

MGET reads even where a single key matters: unlike GET it answers nil, not an error, for a key of another kind that
somebody planted under our name.
"""

from collections.abc import Sequence
from typing import Any

Call = tuple[list[str], list[Any]]  # a script's KEYS and ARGV

# KEYS: epoch, marks. ARGV: the server's run id, a random token, the epoch's life (ms), the marks' (s).
# A Redis that was restarted may have forgotten what was dropped last (its append-only file is a second behind, or
# older): whatever it held under another run id is not trusted any more. That it is new is marked, once.
GREET = """
local epoch = redis.call('MGET', KEYS[1])[1]
if not epoch or string.sub(epoch, 1, string.len(ARGV[1]) + 1) ~= ARGV[1] .. '.' then
    redis.call('SET', KEYS[1], ARGV[1] .. '.' .. ARGV[2], 'PX', ARGV[3])
    if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then redis.call('UNLINK', KEYS[2]) end
    redis.call('HSETNX', KEYS[2], 'Redis ' .. ARGV[1], redis.call('TIME')[1])
    redis.call('EXPIRE', KEYS[2], ARGV[4])
end
"""

# KEYS: value, lease, signal, old value, epoch, generations…
# ARGV: token, lease's life (ms), generations' life (ms), the server's run id.
# Answers [granted, value or else the old one, generations]; granted is 1 (the lease is the caller's), 0 (another
# loads), -1 (the source has just failed and is left alone). A lease taken under other generations is void: its load
# began before a write ended. Asking twice with one token (the first answer was lost) is asking once.
ACQUIRE = """
-- A full Redis refuses a script whose first write may take memory, and lets the rest of one pass whose first cannot.
redis.pcall('LTRIM', KEYS[3], 0, 0)
local found = redis.call('MGET', unpack(KEYS))
local generations = {}
for i = 5, #KEYS do
    if found[i] and not string.find(found[i], '[^%w.]') then
        -- Not each time: whoever keeps near copies is told of every change, and forgets what hangs on the key.
        if redis.call('PTTL', KEYS[i]) * 2 < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
    else
        found[i] = (i == 5 and ARGV[4] or i) .. '.' .. ARGV[1]
        redis.call('SET', KEYS[i], found[i], 'PX', ARGV[3])
    end
    generations[i - 4] = found[i]
end
local now = table.concat(generations, ',')
local lease = found[2]
if lease and string.match(lease, ' (.*)$') == now and string.match(lease, '^%S+') ~= ARGV[1] then
    return {string.sub(lease, 1, 1) == '!' and -1 or 0, found[1] or found[4], now}
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. now, 'PX', ARGV[2])
redis.call('UNLINK', KEYS[3])
return {1, found[1] or found[4], now}
"""

# KEYS: value, lease, signal, old value, epoch, generations…
# ARGV: token, generations at the grant, signal's life (ms), entry, its life as a value, as an old one (ms; 0: none).
# Stores only while the lease is the caller's and nothing was dropped since. Wakes the waiters anyway, unless another
# has the lease by now: they wait for that one, and a signal would keep them asking until it ended.
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

# KEYS: lease, signal. ARGV: token, signal's life (ms), the source's rest (ms).
ABANDON = """
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

# KEYS: the turns given last, newest first (microseconds of Redis's clock).
# ARGV: turns in a window, the window, the longest wait (microseconds).
# Answers in how many microseconds the caller's turn is; below zero: it would be in as many, which is too long, and none
# was given.
TURN = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local turn = now
local oldest = tonumber(redis.call('LINDEX', KEYS[1], ARGV[1] - 1) or 0)
if oldest and oldest + ARGV[2] > now then turn = oldest + ARGV[2] end
if turn - now > tonumber(ARGV[3]) then return now - turn end
redis.call('LPUSH', KEYS[1], string.format('%.0f', turn))
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil((turn - now + ARGV[2]) / 1000))
return turn - now
"""

# KEYS and the first ARGV as in TURN. ARGV: turns in a window, the window, the pause (microseconds).
# All of a window's turns are taken, so that the next one comes when the pause is over.
PAUSE = """
local clock = redis.call('TIME')
local taken = clock[1] * 1000000 + clock[2] + ARGV[3] - ARGV[2]
for _ = 1, ARGV[1] do redis.call('LPUSH', KEYS[1], string.format('%.0f', taken)) end
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil((ARGV[3] + 0) / 1000) + 1)
"""

# KEYS: the calls that count now, by token, with the time until which they do (microseconds of Redis's clock).
# ARGV: token, calls in a window, how long one counts whose end nobody tells (microseconds).
# Answers 0 (the caller's counts from now on, and may go) or in how many microseconds it may ask again.
ENTER = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return math.max(1, tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]) - now)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000) + 1000)
return 0
"""

# KEYS as in ENTER. ARGV: token, the window (microseconds).
LEAVE = """
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', clock[1] * 1000000 + clock[2] + ARGV[2]), ARGV[1])
"""

# KEYS: counts, then a hash of some minutes for each family that the batch has counts of.
# ARGV: the writer, the batch's number, now (s), the lives of counts and of minutes (s), then for each count: the number
# of its key among KEYS, the field, how much.
# Adds a batch once: its number stands beside the counts, so that what survives or is evicted does so together. Noting
# that comes first: a Redis that is full or read-only refuses there, before anything is added. Writers that have been
# silent for a day are forgotten when a new one comes. What cannot be counted on makes way.
ADD = """
local function made_hash(key)
    if redis.call('TYPE', key).ok ~= 'hash' then redis.call('UNLINK', key) end
end
made_hash(KEYS[1])
local mark = '@' .. ARGV[1]
local last = redis.call('HGET', KEYS[1], mark)
if last and tonumber(string.match(last, '^%d+') or 0) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], mark, ARGV[2] .. ' ' .. ARGV[3])
if not last then
    local all = redis.call('HGETALL', KEYS[1])
    for i = 1, #all, 2 do
        local seen = string.sub(all[i], 1, 1) == '@' and tonumber(string.match(all[i + 1], ' (%d+)$') or 0)
        if seen and seen < ARGV[3] - 86400 then redis.call('HDEL', KEYS[1], all[i]) end
    end
end
for i = 2, #KEYS do made_hash(KEYS[i]) end
for i = 6, #ARGV, 3 do
    local key = KEYS[tonumber(ARGV[i])]
    local added = redis.pcall('HINCRBYFLOAT', key, ARGV[i + 1], ARGV[i + 2])
    if type(added) == 'table' and added.err then redis.call('HSET', key, ARGV[i + 1], ARGV[i + 2]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
for i = 2, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[5]) end
return 1
"""

# KEYS: marks. ARGV: what to mark, its life (s). Marks it once, and forgets those that are older than that.
MARK = """
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('UNLINK', KEYS[1]) end
local now = redis.call('TIME')[1]
redis.call('HSETNX', KEYS[1], ARGV[1], now)
redis.call('EXPIRE', KEYS[1], ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    if (tonumber(all[i + 1]) or 0) < now - ARGV[2] then redis.call('HDEL', KEYS[1], all[i]) end
end
"""

# KEYS: who leads. ARGV: the caller's token, the lead's life (ms). Answers 1 when the lead is the caller's.
LEAD = """
local leader = redis.call('MGET', KEYS[1])[1]
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS and ARGV as in LEAD, without the life.
RESIGN = """
if redis.call('MGET', KEYS[1])[1] == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
"""

_scripts: dict[str, Any] = {}


def run(redis: Any, script: str, names: list[str], words: list[Any]) -> Any:
    """By the script's hash: EVALSHA, and the text itself only for a Redis that does not know it yet."""
    if script not in _scripts:
        _scripts[script] = redis.register_script(script)
    return _scripts[script](keys=names, args=words, client=redis)


def run_many(redis: Any, script: str, calls: Sequence[Call]) -> list[Any]:
    """One script several times, in as few round trips as can be; the first error of any is raised."""
    if len(calls) == 1:
        return [run(redis, script, *calls[0])]
    pipeline = redis.pipeline(transaction=False)
    for names, words in calls:
        run(pipeline, script, names, words)
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers
