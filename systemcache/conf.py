"""This app's settings, read late so that an override in a test or a shell takes effect."""

from django.conf import settings


def ttl(name: str) -> int:
    """Seconds for which a family's values are fresh; checks.py sees to it that every family has a number."""
    return int(settings.CACHE_TTLS[name])


def prefix() -> str:
    """What stands before every key of this site, the broker account's client id included."""
    return str(settings.CACHE_PREFIX)


def load_wait() -> float:
    """Seconds for which a reader waits for another's load before it loads by itself."""
    return float(getattr(settings, "CACHE_LOAD_WAIT", 10.0))


def breaker_failures() -> int:
    """Failures in a row after which Redis is left alone."""
    return int(getattr(settings, "CACHE_BREAKER_FAILURES", 2))


def breaker_pause() -> float:
    """Seconds for which Redis is left alone before one call tries it again."""
    return float(getattr(settings, "CACHE_BREAKER_PAUSE", 5.0))
