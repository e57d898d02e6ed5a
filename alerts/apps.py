"""Registers the app's cache families, their invalidation, and what the feed calls, at start-up."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"
    verbose_name = "Price alerts"

    def ready(self) -> None:
        from alerts.cache_families import ALERTS, RECENT_ALERTS, WATCHED_ALERTS
        from alerts.delivery.events import ALERT
        from alerts.meters import DELIVERED, FAILED, FIRED
        from alerts.models import AlertDelivery, Channel, Kind, PriceAlert
        from broker.feed import listeners
        from broker.subscriptions import sources
        from systemcache import events, families
        from systemcache.invalidation import signals
        from systemcache.stats import meters

        events.register(ALERT)
        meters.register(FIRED, tuple(Kind.values))
        for meter in (DELIVERED, FAILED):
            meters.register(meter, tuple(Channel.values))
        families.register(ALERTS, RECENT_ALERTS, WATCHED_ALERTS)
        sources.register("alerts.subscriptions.active_alerts")
        listeners.register("alerts.watcher.on_quotes")
        signals.invalidate_on_write(PriceAlert, ALERTS, RECENT_ALERTS, WATCHED_ALERTS)
        signals.invalidate_on_write(AlertDelivery, ALERTS, ignored=("due_at", "ended_at"))
