"""Django in a process that a test starts: the site's own settings, patient with a busy machine."""

import logging
import os
from typing import Any

import django
from django.conf import settings


def prepare() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
    django.setup()
    from tests.systemcache.promises import naive, numbers

    # A machine that runs several test suites may keep anybody waiting: a timeout here would open the breaker, and what
    # then holds is another promise than the ones that are tested with these processes.
    options: dict[str, Any] = settings.CACHES["default"]["OPTIONS"]  # type: ignore[assignment]
    options["SOCKET_TIMEOUT"] = options["CONNECTION_POOL_KWARGS"]["timeout"] = 10
    settings.CACHE_RECOVERY_INTERVAL = float(os.environ.get("PROMISES_RECOVERY", "0"))
    logging.getLogger("systemcache").setLevel(logging.ERROR)
    numbers.install(settings)
    if os.environ.get("PROMISES_LEASES") == "off":
        naive.install()
    if pause := os.environ.get("PROMISES_PAUSE"):
        naive.slow_down_stores(float(pause))
