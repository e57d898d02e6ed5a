"""Wires the broker floor up when Django starts."""

from django.apps import AppConfig


class BrokerConfig(AppConfig):
    name = "broker"

    def ready(self) -> None:
        from broker import cache_families, conf, endpoints
        from broker.meters import CALLS, ERRORS, REFUSALS, WAIT_SECONDS, WAITS
        from systemcache import families, meters

        families.register(*cache_families.ALL)
        for meter in (CALLS, ERRORS):
            meters.register(meter, endpoints.names())
        for meter in (WAITS, WAIT_SECONDS, REFUSALS):
            meters.register(meter, conf.limit_names())
