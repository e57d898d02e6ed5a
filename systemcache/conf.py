"""This app's settings, read on each access so that an override in a test or a shell takes effect."""

from django.conf import settings

from systemcache.errors import MissingTTL


def ttl(name: str) -> int:
    """Seconds for which a family's values are fresh. Raises MissingTTL, which a system check reports at the start."""
    try:
        return int(settings.CACHE_TTLS[name])
    except KeyError:
        raise MissingTTL(name) from None


def stale_for(name: str) -> int:
    """Seconds past its TTL for which a value may be served if its source fails; 0 for families without a setting."""
    return int(settings.CACHE_STALE.get(name, 0))


def secret_keys() -> list[str]:
    """What seals the entries of secret families, and what may have sealed one that is still there."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def prefix() -> str:
    """The prefix of every key of this site; it contains the account's client id."""
    return str(settings.CACHE_PREFIX)


def wait_slice() -> float:
    """Seconds of one blocking wait for another process's load; must be below the socket timeout."""
    return float(settings.CACHE_WAIT_SLICE)


def breaker_pause() -> float:
    """Seconds for which the circuit breaker stays open after Redis fails, before it is probed."""
    return float(settings.CACHE_BREAKER_PAUSE)


def recovery_interval() -> float:
    """Seconds between two searches for pending invalidations; 0 disables the recovery thread."""
    return float(settings.CACHE_RECOVERY_INTERVAL)


def stats_interval() -> float:
    """Seconds between two flushes of a process's counts to Redis; 0 flushes only when statistics are read."""
    return float(settings.CACHE_STATS_INTERVAL)


def degraded_hold() -> float:
    """Seconds for which a process keeps a value while Redis is down, to protect the source."""
    return float(settings.CACHE_DEGRADED_HOLD)


def cool_down() -> float:
    """Seconds after a failed load of a key in which it is not loaded again."""
    return float(settings.CACHE_COOL_DOWN)


def near_copies_enabled() -> bool:
    """Whether processes keep near copies, which requires a thread that listens for invalidations."""
    return bool(settings.CACHE_NEAR)


def audit_every() -> int:
    """One in so many hits of our own tables is compared with the database, by chance; 0: none."""
    return int(settings.CACHE_AUDIT_EVERY)


def version() -> str:
    """The version of the site, of which two may run side by side during a deploy."""
    return str(settings.VERSION)


def near_trust() -> float:
    """How long (seconds) near copies are used after the last proof that every invalidation has been received."""
    return int(settings.CACHE_NEAR_TRUST) / 1000


def max_loads() -> int:
    """How many loads of families that are not strict may run at once in a process."""
    return int(settings.CACHE_MAX_LOADS)


def bare_lists() -> bool:
    """Whether lists of our own tables are answered as in 0.3, without the envelope. Deprecated, until 0.5."""
    return bool(settings.API_BARE_LISTS)
