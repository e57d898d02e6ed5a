"""The names of all keys in Redis, and how long the auxiliary ones live."""

from collections.abc import Iterable
from dataclasses import dataclass

from systemcache import conf

GENERATION_TTL = 30 * 86_400_000  # milliseconds; longer than any value's
MARKS_TTL = 31 * 86_400  # seconds
LOAD_TAG = ""  # carried by no value but by all loads under way: invalidating it keeps them from storing


@dataclass(frozen=True, slots=True)
class EntryRef:
    """Refers to a cached value: its documented key, and the tags that it carries, its family's name among them.

    sealed: it is of a secret family (sealing.py).
    """

    key: str
    tags: tuple[str, ...]
    sealed: bool = False


def full_key(key: str) -> str:
    return f"{conf.prefix()}:{key}"


def epoch_key() -> str:
    return f"epoch:{conf.prefix()}"


def marks_key() -> str:
    return f"marks:{conf.prefix()}"


def generation_key(tag: str) -> str:
    return f"gen:{conf.prefix()}:{tag}"


def generation_keys(ref: EntryRef) -> list[str]:
    """What a value's validity depends on: the epoch, then the generations of its tags."""
    return [epoch_key(), *map(generation_key, ref.tags)]


def lease_key(key: str) -> str:
    return f"lease:{conf.prefix()}:{key}"


def stale_key(key: str) -> str:
    return f"old:{conf.prefix()}:{key}"


def signal_key(key: str) -> str:
    return f"wake:{conf.prefix()}:{key}"


def leader_key(work: str) -> str:
    return f"lead:{conf.prefix()}:{work}"


def stats_key() -> str:
    return f"stats:{conf.prefix()}"


def series_key(family: str, minutes: int, span: int) -> str:
    """Of counts in steps of so many minutes."""
    return (
        f"series:{conf.prefix()}:{family}:{span}"
        if minutes == 1
        else f"series:{conf.prefix()}:{family}:{minutes}m:{span}"
    )


def audit_key() -> str:
    return f"audit:{conf.prefix()}"


def violations_key() -> str:
    return f"violations:{conf.prefix()}"


def refresh_key(family: str) -> str:
    return f"refresh:{conf.prefix()}:{family}"


def recent_key(names: str) -> str:
    return f"recent:{conf.prefix()}:{names}"


def status_key(work: str) -> str:
    return f"status:{conf.prefix()}:{work}"


def calls_key(limit: str) -> str:
    return f"calls:{conf.prefix()}:{limit}"


def events_key(part: str) -> str:
    return f"events:{conf.prefix()}:{part}"


def tag_of(name: str) -> str | None:
    """The tag whose generation a key in Redis holds; None for another key."""
    start = generation_key("")
    return name.removeprefix(start) if name.startswith(start) else None


def logical_key(name: str) -> str | None:
    """The documented key of a value's key in Redis; None for another key, such as the epoch."""
    start = full_key("")
    return name.removeprefix(start) if name.startswith(start) else None


def tracked_prefixes(templates: Iterable[str]) -> list[str]:
    """The prefixes of all keys on which near copies depend: generations, the epoch, the values of these templates."""
    literal = {full_key(template.partition("{")[0]) for template in templates} | {epoch_key(), generation_key("")}
    # Redis refuses prefixes of which one begins with another.
    return sorted(one for one in literal if not any(one != other and one.startswith(other) for other in literal))
