"""Wires the broker floor up when Django starts."""

from django.apps import AppConfig


class BrokerConfig(AppConfig):
    name = "broker"

    def ready(self) -> None:
        from broker import cache_families, conf, endpoints, health, limits
        from broker.meters import CALLS, ERRORS, REFUSALS, WAIT_SECONDS, WAITS
        from systemcache import families, meters, warming
        from systemcache import health as site_health

        families.register(*cache_families.ALL)
        for meter in (CALLS, ERRORS):
            meters.register(meter, endpoints.names())
        for meter in (WAITS, WAIT_SECONDS, REFUSALS):
            meters.register(meter, conf.limit_names())
        warming.surround(limits.patience)
        warming.register("broker.warmers.account")
        site_health.register(health.facts)
