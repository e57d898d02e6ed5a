"""Wires this floor up when Django starts."""

from django.apps import AppConfig
from django.core.checks import register


class SystemCacheConfig(AppConfig):
    name = "systemcache"
    verbose_name = "Cache and API access"

    def ready(self) -> None:
        from systemcache import cache_families, checks, families, orm
        from systemcache.models import ApiToken

        families.register(cache_families.TOKEN)
        orm.watch(ApiToken, cache_families.TOKEN)
        register(checks.families_have_ttls)
        register(checks.prefix_is_plain)
