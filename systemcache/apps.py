"""Wires this floor up when Django starts."""

from django.apps import AppConfig


class SystemCacheConfig(AppConfig):
    name = "systemcache"
    verbose_name = "Cache and API access"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.contrib.auth.models import Group, Permission
        from django.contrib.contenttypes.models import ContentType
        from django.contrib.sessions.models import Session
        from django.db.backends.signals import connection_created
        from django.db.models.signals import post_migrate, pre_migrate, pre_save

        from systemcache import checks, events, families, timing
        from systemcache.auth.cache_families import ALL, SESSION, TOKEN, USER
        from systemcache.auth.rehash import keep_tokens_through_rehash
        from systemcache.invalidation import recovery, signals, statements
        from systemcache.models import ApiToken
        from systemcache.operations.processes import reporter
        from systemcache.stats import meters
        from systemcache.storage import event_log

        families.register(*ALL)
        user = get_user_model()
        for model, ignored, shown_in in (
            (ApiToken, {"last_used_at"}, (TOKEN,)),
            (user, {"last_login"}, (TOKEN, USER)),
            (Group, (), (TOKEN, USER)),
            (Permission, {"name"}, (TOKEN, USER)),
            (ContentType, (), (TOKEN, USER)),
        ):
            # The absence of a token or user is never cached, so a new row invalidates nothing.
            signals.invalidate_on_write(model, *shown_in, ignored=ignored, shows_absence=False)
        for link in (user.groups.through, user.user_permissions.through, Group.permissions.through):
            signals.invalidate_on_write(link, TOKEN, USER)
        # An expired session is refused by its own time, so the deletion of many of them empties nothing.
        signals.invalidate_on_write(
            Session, SESSION, shows_absence=False, shown_while='"expire_date" > CURRENT_TIMESTAMP'
        )
        pre_save.connect(keep_tokens_through_rehash, sender=user, dispatch_uid="systemcache.rehash")
        pre_migrate.connect(signals.before_migrate, sender=self)
        post_migrate.connect(signals.after_migrate, sender=self)
        connection_created.connect(statements.watch)
        connection_created.connect(timing.time_queries)
        for meter in (events.PUBLISHED, events.LOST):
            meters.register(meter)
        recovery.after_each_round(reporter.report_if_due)
        recovery.after_each_round(event_log.mark_gap_if_due)
        checks.register()
