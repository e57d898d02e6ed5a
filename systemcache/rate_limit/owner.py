"""For whom this thread works: users share a limit evenly, however many calls one of them makes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NOBODY = "site"  # work of the site itself: warming, commands
_current: ContextVar[Callable[[], str]] = ContextVar("owner", default=lambda: NOBODY)


@contextmanager
def working_for(name: Callable[[], str]) -> Iterator[None]:
    """Inside, this thread and its copies work for the owner that `name` returns (letters and digits)."""
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    return _current.get()()
