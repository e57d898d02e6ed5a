"""What each new connection does before its first command: which server is it, may it be used, does its content hold?

A Redis that was restarted may have forgotten the last invalidations (its append-only file is a second behind, or
older), and so may a replica that was promoted. Both have another run id than the one under which the values were
stored: a new epoch begins then, and nothing that the server holds is trusted.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

from redis import RedisError, ResponseError

from systemcache import process_state
from systemcache.storage.key_names import GENERATION_TTL, MARKS_TTL, epoch_key, marks_key

MIN_VERSION = (6, 2)  # BLMOVE, and GT in ZADD
MIN_VERSION_WITHOUT_INFO = (7, 0)  # earlier ones keep scripts through a restart, and hand them on to replicas

IN_USE = "F"  # begins the random part of an epoch under which all processes have agreed on the server

# KEYS: epoch, marks. ARGV: the server's run id, a random token, the epoch's TTL (ms), the marks' TTL (s).
# The server's start is marked, once.
CHECK_EPOCH = """
local epoch = redis.call('MGET', KEYS[1])[1]
if epoch and string.sub(epoch, 1, string.len(ARGV[1]) + 1) == ARGV[1] .. '.' then return end
redis.call('UNLINK', KEYS[1]) -- a full Redis refuses a script whose first write may take memory
redis.call('SET', KEYS[1], ARGV[1] .. '.' .. ARGV[2], 'PX', ARGV[3])
if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then redis.call('UNLINK', KEYS[2]) end
redis.call('HSETNX', KEYS[2], 'Redis ' .. ARGV[1], redis.call('TIME')[1])
redis.call('EXPIRE', KEYS[2], ARGV[4])
"""

# KEYS: epoch. ARGV: the new epoch, its TTL (ms).
BEGIN_EPOCH = """
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
"""

UNKNOWN = b"unknown"
NONE = b""  # trusted: no server is


class UnsupportedServer(RedisError):
    """The server is too old, or tells too little of itself. The text says which."""


class AnotherServer(RedisError):
    """The server is not the one that the site's processes have agreed on (invalidation/fencing.py)."""

    def __init__(self) -> None:
        super().__init__("another Redis answers than the one that the site's processes use")


@dataclass(slots=True)
class Server:
    """The Redis to which this process connected last.

    `trusted`: the run id of the only server that new connections may be made to; None while any may.
    """

    run_id: bytes = UNKNOWN
    trusted: bytes | None = None
    without_info: bool = False

    def reset(self) -> None:
        """Connections that are open stay so, and with them what is known of their server."""
        self.trusted = None


server = process_state.register(Server())


def greet(connection: Any) -> None:
    """Raises AnotherServer, UnsupportedServer, or what the connection raises."""
    connection.on_connect()
    run_id = _run_id(connection)
    if server.trusted not in (None, run_id):
        raise AnotherServer
    args = [run_id, secrets.token_hex(8), GENERATION_TTL, MARKS_TTL]
    _ask(connection, "EVAL", CHECK_EPOCH, 2, epoch_key(), marks_key(), *args)
    server.run_id = run_id


def _run_id(connection: Any) -> bytes:
    try:
        info = bytes(_ask(connection, "INFO", "server"))
    except ResponseError:
        server.without_info = True
        return _run_id_without_info(connection)
    server.without_info = False
    if version := re.search(rb"redis_version:(\d+)\.(\d+)", info):
        _require(MIN_VERSION, version[1], version[2], "")
    match = re.search(rb"run_id:(\w+)", info)
    if not match:
        raise UnsupportedServer("INFO names no run id")
    return match[1]


def _run_id_without_info(connection: Any) -> bytes:
    """For a user without the right to INFO: a script that the server keeps in its memory stands for its run.

    From version 7 on a server forgets scripts when it ends, and hands none on to its replicas.
    """
    hello = iter(_ask(connection, "HELLO"))
    properties = dict(zip(hello, hello, strict=False)) if not isinstance(hello, dict) else hello
    version = properties.get(b"version", b"0.0").split(b".")
    _require(MIN_VERSION_WITHOUT_INFO, version[0], version[1], " where INFO is refused")
    epoch = _ask(connection, "MGET", epoch_key())[0] or b""
    run_id = epoch.partition(b".")[0]
    if run_id and _ask(connection, "SCRIPT", "EXISTS", script_hash(run_id))[0]:
        return bytes(run_id)
    run_id = secrets.token_hex(20).encode()
    _ask(connection, "SCRIPT", "LOAD", _script(run_id))
    return run_id


def _script(run_id: bytes) -> str:
    return f"return '{run_id.decode('ascii', 'replace')}'"


def script_hash(run_id: bytes) -> str:
    """Redis's name for the script that stands for a run."""
    return hashlib.sha1(_script(run_id).encode(), usedforsecurity=False).hexdigest()


def _require(needed: tuple[int, int], major: bytes, minor: bytes, where: str) -> None:
    if (int(major), int(minor)) < needed:
        raise UnsupportedServer(
            f"the server has version {int(major)}.{int(minor)}, and the site needs at least "
            f"{needed[0]}.{needed[1]}{where}"
        )


def _ask(connection: Any, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()
