"""How the site's parts are: what each floor registers in AppConfig.ready(), asked for in a bounded time."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec
from django.db import DatabaseError, connection

from systemcache import store, tally
from systemcache.errors import StoreUnavailable
from systemcache.models import PendingInvalidation

LONGEST = 3.0  # seconds that the database may take to answer


class Fact(msgspec.Struct, frozen=True):
    """The state of a part. `up`: None where that is no question; `at`: since or until when, or the last time."""

    name: str
    up: bool | None
    detail: str = ""
    at: datetime | None = None


Facts = Callable[[], Iterable[Fact]]
_registry: list[Facts] = []
_asking = threading.Lock()  # held by the one thread that waits for the database


def register(facts: Facts) -> None:
    """They may ask the database and Redis, and wait for nobody else."""
    if facts not in _registry:
        _registry.append(facts)


def database_is_up() -> bool:
    """Whether it answers within LONGEST. One question at a time is left waiting for a database that hangs."""
    if not _asking.acquire(timeout=LONGEST):
        return False
    answered = threading.Event()
    outcome: list[bool] = []

    def ask() -> None:
        try:
            outcome.append(_answers())
        finally:
            connection.close()
            _asking.release()
            answered.set()

    threading.Thread(target=ask, name="health", daemon=True).start()
    return answered.wait(LONGEST) and outcome == [True]


def _answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def facts() -> list[Fact]:
    """Of every part, while the database is up."""
    found = [Fact("database", True, connection.display_name), *_of_cache()]
    for registered in _registry:
        try:
            found += registered()
        except DatabaseError as error:
            found.append(Fact(registered.__module__, False, type(error).__name__))
    return found


def _of_cache() -> list[Fact]:
    waiting = PendingInvalidation.objects.count()
    detail = f"{waiting} writes are to be told to Redis yet" if waiting else ""
    return [
        _of_redis(),
        Fact("breaker", store.breaker.allows(), store.breaker.state),
        Fact("invalidations", not waiting, detail),
    ]


def _of_redis() -> Fact:
    try:
        info = tally.info()
    except StoreUnavailable as error:
        return Fact("redis", False, f"{error} Answers come from their sources.")
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    of_limit = f" of {limit / 1e6:.0f} MB" if limit else ""
    return Fact("redis", True, f"version {info.get('redis_version')}, {used / 1e6:.1f} MB{of_limit} used")
