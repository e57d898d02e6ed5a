"""The top layer as a Django app, so that Django finds its commands, templates and static files."""

from django.apps import AppConfig


class TradingSiteConfig(AppConfig):
    name = "tradingsite"
    verbose_name = "Logins"  # in the admin, which shows nothing else of this app

    def ready(self) -> None:
        from django.apps import apps
        from django.db.models.signals import post_migrate

        from systemcache.stats import gauges
        from tradingsite import checks, groups
        from tradingsite.stream import gauges as stream_gauges
        from tradingsite.stream import meters

        checks.register()
        meters.register()
        gauges.register(stream_gauges.gauges)
        post_migrate.connect(groups.make_missing, sender=apps.get_app_config(groups.LAST_APP))
