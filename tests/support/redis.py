"""The site's cache in this test process, on a Redis of the test's choice."""

from pytest_django.fixtures import Settings

PATIENT = 30.0  # seconds; on a busy machine Redis may need longer than the site grants it


def use_redis(settings: Settings, url: str, *, timeout: float = PATIENT) -> None:
    """Point the cache at a Redis. django-redis keeps a pool by its address: the same one keeps its first timeout."""
    cache = settings.CACHES["default"]
    options = cache["OPTIONS"]
    settings.CACHES = {
        "default": {
            **cache,
            "LOCATION": url,
            "OPTIONS": {
                **options,
                "SOCKET_TIMEOUT": timeout,
                "SOCKET_CONNECT_TIMEOUT": timeout,
                "CONNECTION_POOL_KWARGS": {**options["CONNECTION_POOL_KWARGS"], "timeout": timeout},
            },
        }
    }
