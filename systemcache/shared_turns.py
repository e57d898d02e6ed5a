"""The turns that Redis hands out, for all processes. Raises StoreUnavailable when it cannot be asked."""

from systemcache import conf, scripts
from systemcache.store import Client, guarded

MICROSECONDS = 1_000_000


def _turns_key(name: str) -> str:
    return f"turns:{conf.prefix()}:{name}"


@guarded
def take_turn(redis: Client, name: str, calls: int, window: float, longest: float) -> float:
    """Seconds until a turn that is the caller's now; negative: the next one is so far off, and `longest` is less."""
    words = [calls, round(window * MICROSECONDS), round(longest * MICROSECONDS)]
    return float(scripts.run(redis, scripts.TURN, [_turns_key(name)], words)) / MICROSECONDS


@guarded
def pause_turns(redis: Client, name: str, calls: int, window: float, seconds: float) -> None:
    """No turn for so many seconds; those given already stand."""
    words = [calls, round(window * MICROSECONDS), round(seconds * MICROSECONDS)]
    scripts.run(redis, scripts.PAUSE, [_turns_key(name)], words)


def _calls_key(name: str) -> str:
    return f"calls:{conf.prefix()}:{name}"


@guarded
def enter(redis: Client, name: str, token: str, calls: int, longest: float) -> float:
    """0 when fewer than `calls` count, and the caller's does from now on; else seconds after which to ask again.

    A call whose end is never told counts for `longest` seconds.
    """
    words = [token, calls, round(longest * MICROSECONDS)]
    return float(scripts.run(redis, scripts.ENTER, [_calls_key(name)], words)) / MICROSECONDS


@guarded
def leave(redis: Client, name: str, token: str, window: float) -> None:
    """The call has ended: it counts for one window more, since it may have arrived this late."""
    scripts.run(redis, scripts.LEAVE, [_calls_key(name)], [token, round(window * MICROSECONDS)])
