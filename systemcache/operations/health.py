"""The health of the site's components, in a bounded time. Apps register their own checks in AppConfig.ready()."""

import logging
import threading
from collections.abc import Callable, Iterable

import msgspec
from django.db import DatabaseError, connection

from systemcache import process_state
from systemcache.codec import Moment
from systemcache.errors import StoreUnavailable
from systemcache.local.near_cache import copies
from systemcache.models import PendingInvalidation
from systemcache.storage import totals
from systemcache.storage.breaker import breaker
from systemcache.storage.connection import last_refusal

logger = logging.getLogger(__name__)

DATABASE_TIMEOUT = 3.0  # seconds


class ComponentHealth(msgspec.Struct, frozen=True):
    """The state of one component. `up` is None if it cannot be up or down; `at` is when its state began or will end."""

    name: str
    up: bool | None
    detail: str = ""
    at: Moment | None = None


HealthCheck = Callable[[], Iterable[ComponentHealth]]
_registry: list[HealthCheck] = []
_on_overview: list[HealthCheck] = []


class _DatabaseProbe:
    """Holds the lock of the one thread that may wait for the database."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Lock()


_probe = process_state.register(_DatabaseProbe())


def register(check: HealthCheck, *, on_overview: bool = False) -> None:
    """Add a check. It may query the database and Redis, and must not wait for anything else.

    on_overview: the cache's first page in the admin shows it, too; then it reads no family.
    """
    if check not in _registry:
        _registry.append(check)
        if on_overview:
            _on_overview.append(check)


def shown_on_overview() -> list[ComponentHealth]:
    return [component for check in _on_overview for component in check()]


def database_is_up() -> bool:
    """Whether the database answers within DATABASE_TIMEOUT."""
    return ask_database(query_database)


def ask_database(question: Callable[[], object]) -> bool:
    """Run some queries in a thread; whether they have succeeded within DATABASE_TIMEOUT.

    One thread at a time: if the database hangs, only one is left waiting for it.
    """
    lock = _probe.lock
    if not lock.acquire(timeout=DATABASE_TIMEOUT):
        return False
    finished = threading.Event()
    results: list[bool] = []

    def query() -> None:
        try:
            question()
            results.append(True)
        except DatabaseError:
            logger.debug("health: the database does not answer", exc_info=True)
        finally:
            connection.close()
            lock.release()
            finished.set()

    threading.Thread(target=query, name="health", daemon=True).start()
    return finished.wait(DATABASE_TIMEOUT) and results == [True]


def query_database() -> None:
    """Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def component_health() -> list[ComponentHealth]:
    """The health of every component. Call it only while the database is up."""
    components = [ComponentHealth("database", True, connection.display_name), *cache_health()]
    for check in _registry:
        try:
            components += check()
        except DatabaseError as error:
            components.append(ComponentHealth(check.__module__, False, type(error).__name__))
    return components


def cache_health() -> list[ComponentHealth]:
    """The health of Redis, of this process's breaker and of the outbox. It reads no cached value."""
    pending = PendingInvalidation.objects.count()
    detail = f"{pending} pending, not yet sent to Redis" if pending else ""
    components = [
        _redis_health(),
        ComponentHealth(
            "breaker", breaker.allows(), breaker.state if breaker.allows() else f"{breaker.state}: {breaker.why}"
        ),
        ComponentHealth("invalidations", not pending, detail),
    ]
    if copies.off:
        components.append(ComponentHealth("near_copies", None, copies.off))
    return components


def _redis_health() -> ComponentHealth:
    try:
        info = totals.info()
    except StoreUnavailable as error:
        return ComponentHealth("redis", False, f"{error} Answers come from their sources.")
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    of_limit = f" of {limit / 1e6:.0f} MB" if limit else ""
    faults = []
    if limit and used > limit and info.get("maxmemory_policy") == "noeviction":
        faults.append("it is full and stores nothing (raise maxmemory, or set maxmemory-policy to allkeys-lru)")
    if refusal := last_refusal():
        faults.append(f"it refuses a command: {refusal}")
    state = f"version {info.get('redis_version')}, {used / 1e6:.1f} MB{of_limit} used"
    return ComponentHealth("redis", not faults, "; ".join([state, *faults]))
