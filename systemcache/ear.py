"""What Redis tells a process unasked: which keys have changed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from systemcache import store
from systemcache.errors import StoreUnavailable

R = TypeVar("R")

INVALIDATIONS = "__redis__:invalidate"


@dataclass(frozen=True, slots=True)
class Told:
    """What Redis tells an ear: names of keys that have changed, that all have, or the sign it was asked for."""

    keys: Sequence[str] = ()
    everything: bool = False
    is_sign: bool = False


class Ear:
    """A connection of its own that is told of every change of keys with these beginnings (Redis: BCAST tracking).

    Its methods raise StoreUnavailable when the connection is lost; whoever had one then knows nothing any more.
    """

    def __init__(self, beginnings: Sequence[str]) -> None:
        self._connection = store.own_connection()
        self._guarded(self._subscribe, beginnings)

    def ask_for_a_sign(self) -> None:
        """A PING: when its answer comes, all that Redis had to tell before has come, too."""
        self._guarded(self._connection.send_command, "PING", check_health=False)

    def next(self, seconds: float) -> Told | None:
        """What Redis has told within the time; None for nothing."""
        return self._guarded(self._next, seconds)

    def close(self) -> None:
        self._connection.disconnect()

    def _subscribe(self, beginnings: Sequence[str]) -> None:
        self._connection.connect()
        self._connection.send_command("CLIENT", "ID")
        prefixes = [word for beginning in beginnings for word in ("PREFIX", beginning)]
        redirect = self._connection.read_response()
        self._connection.send_command("CLIENT", "TRACKING", "ON", "REDIRECT", redirect, "BCAST", *prefixes)
        self._connection.read_response()
        self._connection.send_command("SUBSCRIBE", INVALIDATIONS)
        self._connection.read_response()

    def _next(self, seconds: float) -> Told | None:
        if not self._connection.can_read(timeout=seconds):
            return None
        answer = self._connection.read_response()
        if answer[0] != b"message":
            return Told(is_sign=True)
        return Told(everything=answer[2] is None, keys=[name.decode() for name in answer[2] or ()])

    def _guarded(self, step: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        try:
            return step(*args, **kwargs)
        except store.LOST as error:
            self.close()
            raise StoreUnavailable(type(error).__name__) from error


def beginnings(templates: Iterable[str]) -> list[str]:
    """What keys begin with that near copies hang on: generations, the epoch, and the values of these templates."""
    literal = {store.full_key(template.partition("{")[0]) for template in templates} | {
        store.epoch_key(),
        store.generation_key(""),
    }
    # Redis refuses beginnings that begin with one another.
    return sorted(one for one in literal if not any(one != other and one.startswith(other) for other in literal))


def tag_of(name: str) -> str | None:
    """The tag whose generation a key holds; None for another key."""
    start = store.generation_key("")
    return name.removeprefix(start) if name.startswith(start) else None


def documented(name: str) -> str | None:
    """The documented key of a value's key in Redis; None for another key of ours, such as the epoch."""
    start = store.full_key("")
    return name.removeprefix(start) if name.startswith(start) else None
