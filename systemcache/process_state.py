"""What this process remembers, in one register: a forked child forgets it all, and so does a test.

A child of a fork has none of its parent's threads, and would wait forever for a lock that one of them held. So whatever
keeps something in this process, a lock included, registers how it becomes as in a new process.
"""

import os
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Protocol, TypeVar


class Resettable(Protocol):
    def reset(self) -> None:
        """Reset to the state of a new process, with free locks."""


S = TypeVar("S", bound=Resettable)
_resets: list[Callable[[], None]] = []
_ends: set[tuple[int, Callable[[], None]]] = set()


def register(state: S) -> S:
    """Register an object that a module keeps; returns it."""
    _resets.append(state.reset)
    return state


def on_reset(function: Callable[[], None]) -> Callable[[], None]:
    """Register a function that resets a module's state. A decorator."""
    _resets.append(function)
    return function


def reset() -> None:
    """Forget everything that is registered."""
    for function in _resets:
        function()


def call_at_end(function: Callable[[], None]) -> None:
    """Call a function once when this process ends by itself. A forked child has to register its own.

    `atexit` is not enough: children that multiprocessing forks, such as Granian's workers, end without it.
    """
    if (os.getpid(), function) not in _ends:
        _ends.add((os.getpid(), function))
        Finalize(None, function, exitpriority=0)


os.register_at_fork(after_in_child=reset)
