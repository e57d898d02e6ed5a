"""Wires this floor up when Django starts."""

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_delete, post_save


class SystemCacheConfig(AppConfig):
    name = "systemcache"
    verbose_name = "Cache and API access"

    def ready(self) -> None:
        from systemcache import cache_families, checks, families, tokens
        from systemcache.models import ApiToken

        families.register(cache_families.TOKEN)
        register(checks.families_have_ttls)
        register(checks.prefix_is_plain)
        for signal in (post_save, post_delete):
            signal.connect(tokens.token_changed, sender=ApiToken, dispatch_uid="systemcache.token_changed")
