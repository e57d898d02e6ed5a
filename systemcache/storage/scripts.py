"""Runs Lua scripts, each of which Redis carries out as one step. A script stands beside the command that uses it.

The scripts read with MGET even where a single key matters: for a key of another type, which somebody may have planted
under our name, MGET answers nil where GET answers an error.
"""

from collections.abc import Sequence
from typing import Any

Call = tuple[list[str], list[Any]]  # a script's KEYS and ARGV

_scripts: dict[str, Any] = {}


def run(redis: Any, script: str, keys: list[str], args: list[Any]) -> Any:
    """Run a script by its hash (EVALSHA); its text travels only to a Redis that does not know it yet."""
    if script not in _scripts:
        _scripts[script] = redis.register_script(script)
    return _scripts[script](keys=keys, args=args, client=redis)


def run_many(redis: Any, script: str, calls: Sequence[Call]) -> list[Any]:
    """Run one script several times, in as few round trips as possible. Raises the first error of any of them."""
    if len(calls) == 1:
        return [run(redis, script, *calls[0])]
    pipeline = redis.pipeline(transaction=False)
    for keys, args in calls:
        run(pipeline, script, keys, args)
    replies: list[Any] = pipeline.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
