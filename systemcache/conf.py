"""This app's settings, read late so that an override in a test or a shell takes effect."""

from django.conf import settings


def ttl(name: str) -> int:
    """Seconds for which a family's values are fresh; checks.py sees to it that every family has a number."""
    return int(settings.CACHE_TTLS[name])


def stale_for(name: str) -> int:
    """Seconds past its TTL for which a value may be shown when its source fails; 0 for families without a setting."""
    return int(settings.CACHE_STALE.get(name, 0))


def prefix() -> str:
    """What stands before every key of this site, the broker account's client id included."""
    return str(settings.CACHE_PREFIX)


def wait_slice() -> float:
    """Seconds for which one blocking call waits for another process's load; below the socket's timeout."""
    return float(settings.CACHE_WAIT_SLICE)


def breaker_pause() -> float:
    """Seconds for which Redis is left alone after a failure before it is tried again."""
    return float(settings.CACHE_BREAKER_PAUSE)


def keeper_interval() -> float:
    """Seconds between two looks for invalidations that nobody carried out; 0 keeps the keeper from running."""
    return float(settings.CACHE_KEEPER_INTERVAL)


def stats_interval() -> float:
    """Seconds between two additions of a process's counts to those of all; 0 leaves that to whoever reads them."""
    return float(settings.CACHE_STATS_INTERVAL)


def hold() -> float:
    """Seconds for which a process holds a value while Redis is away, so that the source is not overrun."""
    return float(settings.CACHE_HOLD)


def cool_down() -> float:
    """Seconds for which a source that has failed for a key is not asked for it again."""
    return float(settings.CACHE_COOL_DOWN)


def listens() -> bool:
    """Whether processes keep near copies, which takes a thread that hears what was dropped."""
    return bool(settings.CACHE_NEAR)


def loads() -> int:
    """How many loads of values that are not strict a process has under way at once."""
    return int(settings.CACHE_LOADS)
