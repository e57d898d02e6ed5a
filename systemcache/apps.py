"""Wires this floor up when Django starts."""

from django.apps import AppConfig
from django.core.checks import Tags, register


class SystemCacheConfig(AppConfig):
    name = "systemcache"
    verbose_name = "Cache and API access"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.contrib.auth.models import Group, Permission
        from django.contrib.sessions.models import Session
        from django.db.backends.signals import connection_created

        from systemcache import checks, families, orm, timing
        from systemcache.cache_families import ALL, SESSION, TOKEN, USER
        from systemcache.models import ApiToken

        families.register(*ALL)
        orm.watch(ApiToken, TOKEN)
        user = get_user_model()
        orm.watch_foreign(user, TOKEN, USER, links=(user.groups.through, user.user_permissions.through))
        orm.watch_foreign(Group, TOKEN, USER, links=(Group.permissions.through,))
        orm.watch_rows(Permission, TOKEN, USER)  # `migrate` makes them in bulk, maybe before it makes our tables
        orm.watch_foreign(Session, SESSION)
        connection_created.connect(timing.time_queries)
        register(checks.families_have_ttls, Tags.caches)
        register(checks.prefix_is_plain, Tags.caches)
