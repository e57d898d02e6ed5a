"""Wires the broker floor up when Django starts."""

from django.apps import AppConfig


class BrokerConfig(AppConfig):
    name = "broker"

    def ready(self) -> None:
        from broker import cache_families
        from systemcache import families

        families.register(*cache_families.ALL)
