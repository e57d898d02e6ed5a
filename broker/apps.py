"""Registers the app's cache families, meters, warming steps and health checks at start-up."""

from django.apps import AppConfig


class BrokerConfig(AppConfig):
    name = "broker"

    def ready(self) -> None:
        from broker import cache_families, conf, events, health
        from broker.feed import status
        from broker.feed.meters import (
            BAD_PACKETS,
            BAD_REASONS,
            CONNECTION_EVENTS,
            CONNECTIONS,
            PACKETS,
            REFUSED,
            WRITES,
        )
        from broker.iifl import endpoints, rate_limiter
        from broker.iifl.meters import CALLS, ERRORS, REFUSALS, WAIT_SECONDS, WAITS
        from broker.models import BrokerSession, TradingDay, TradingSwitch
        from broker.stream.topics import Kind
        from systemcache import events as site_events
        from systemcache import families, timing
        from systemcache.invalidation import signals
        from systemcache.operations import health as site_health
        from systemcache.operations import warming
        from systemcache.stats import gauges, meters

        families.register(*cache_families.ALL)
        site_events.register(*events.ALL)
        signals.invalidate_on_write(TradingDay, cache_families.CALENDAR)
        signals.invalidate_on_write(BrokerSession, cache_families.ACCOUNT_STATE)
        signals.invalidate_on_write(TradingSwitch, cache_families.ACCOUNT_STATE)
        timing.register("limiter", "broker")
        for meter in (CALLS, ERRORS):
            meters.register(meter, endpoints.names())
        for meter in (WAITS, WAIT_SECONDS, REFUSALS):
            meters.register(meter, conf.limit_names())
        warming.add_wait_limiter(rate_limiter.max_wait)
        warming.register(
            "broker.warmers.account", "the account's holdings, positions, margins, orders, trades, profile and summary"
        )
        meters.register(PACKETS, tuple(map(str, Kind)))
        meters.register(BAD_PACKETS, BAD_REASONS)
        meters.register(WRITES, tuple(family.name for family in cache_families.ALL if family.pushed))
        meters.register(CONNECTIONS, CONNECTION_EVENTS)
        meters.register(REFUSED, tuple(map(str, Kind)))
        gauges.register(status.gauges)
        site_health.register(health.facts)
        site_health.register(status.facts, on_overview=True)
