"""System checks: a setting of the cache that would fail later is reported at the start."""

import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from systemcache import families


def families_have_ttls(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:
    return [
        Error(
            f"The family {family.name!r} has no TTL.",
            hint=f"Add {family.name!r} to CACHE_TTLS, in whole seconds above 0.",
            id="systemcache.E001",
        )
        for family in families.registered()
        if not _is_ttl(settings.CACHE_TTLS.get(family.name))
    ]


def prefix_is_plain(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:
    if re.fullmatch(r"[A-Za-z0-9_:-]+", settings.CACHE_PREFIX):
        return []
    return [
        Error(
            f"CACHE_PREFIX is {settings.CACHE_PREFIX!r}.",
            hint="Use letters, digits, colon, - and _ only.",
            id="systemcache.E002",
        )
    ]


def _is_ttl(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
