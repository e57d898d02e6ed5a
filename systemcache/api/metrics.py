"""/metrics: the statistics of all processes in Prometheus text format."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from rest_framework.request import Request

from systemcache import families
from systemcache.api.permissions import CanReadMetrics
from systemcache.audit import findings
from systemcache.errors import StoreUnavailable
from systemcache.per_view.validation import StrictView
from systemcache.stats import counters, gauges, histogram, meters
from systemcache.storage import totals
from systemcache.storage.breaker import STATES, breaker
from systemcache.storage.totals import Counts

COUNTERS = {
    "hits": ("cache_hits", "Reads answered by Redis"),
    "near_hits": ("cache_near_hits", "Reads answered by a near copy in the process"),
    "misses": ("cache_misses", "Reads that the cache could not answer"),
    "stale": ("cache_stale", "Stale values served because their source failed"),
    "bypasses": ("cache_bypasses", "Reads that bypassed the cache"),
    "load_errors": ("cache_load_errors", "Loads that failed"),
    "waits": ("cache_waits", "Misses answered by another caller's load"),
    "lease_waits": ("cache_lease_waits", "Blocking waits for another process's load"),
    "refused": ("cache_refused", "Loads not stored because their value was invalidated meanwhile"),
    "undecodable": ("cache_undecodable", "Stored entries that failed to decode"),
    "site_reads": ("cache_site_reads", "Reads by the site itself, such as warming; none of the other reads"),
}
AUDIT_COUNTERS = {
    "checks": ("cache_audit_checks", "Answers that the auditor has compared with their source"),
    "violations": ("cache_audit_violations", "Stale answers that it has found"),
    "undecided": ("cache_audit_undecided", "Answers that it could not judge"),
    "refreshes": ("cache_audit_refreshes", "Values that were compared when they were refreshed anyway"),
    "changes": ("cache_audit_changes", "Those that had changed"),
}
# Metric name, name in Redis's INFO, help.
GAUGES = (
    ("cache_redis_memory_bytes", "used_memory", "Memory used by Redis"),
    ("cache_redis_max_memory_bytes", "maxmemory", "Redis memory limit; 0 without a limit"),
    ("cache_redis_clients", "connected_clients", "Connections to Redis"),
    ("cache_redis_uptime_seconds", "uptime_in_seconds", "Seconds since Redis started"),
)


class StatsCollector(Collector):
    """Reads the statistics of all processes once.

    While Redis is down no counts are exported: the counts of one process would look like a counter reset, and the first
    scrape after it like a burst.
    """

    def collect(self) -> Iterator[Metric]:
        try:
            counts, info = counters.total_counts(), totals.info()
            audited = findings.rows(counts)
        except StoreUnavailable:
            yield _gauge("cache_redis_up", "Whether Redis answers", 0)
        else:
            yield _gauge("cache_redis_up", "Whether Redis answers", 1)
            yield from _redis_metrics(info)
            yield from _family_metrics(counts)
            yield from _meter_metrics(counts)
            yield from _audit_metrics(audited)
            yield from _app_gauges()
        yield _breaker_metric()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _redis_metrics(info: dict[str, Any]) -> Iterator[Metric]:
    for name, field, text in GAUGES:
        yield _gauge(name, text, float(info.get(field, 0)))
    evicted = float(info.get("evicted_keys", 0))
    yield CounterMetricFamily("cache_redis_evicted_keys", "Keys evicted by Redis", value=evicted)


def _breaker_metric() -> Metric:
    """The breaker of the process that answers; each process has its own."""
    states = GaugeMetricFamily(
        "cache_breaker_state",
        "1 for the current state of the circuit breaker for Redis, in the process that answers",
        labels=["state"],
    )
    current = breaker.state
    for state in STATES:
        states.add_metric([state], int(state == current))
    return states


def _family_metrics(counts: Counts) -> Iterator[Metric]:
    names = [family.name for family in families.registered()]
    for event, (name, text) in COUNTERS.items():
        yield _counter(name, text, "family", ((family, counts.get(family, {}).get(event, 0)) for family in names))
    times = HistogramMetricFamily("cache_load_duration_seconds", "Duration of loads", labels=["family"])
    for family in names:
        row = counts.get(family, {})
        sums = zip((*map(str, histogram.BOUNDS), "+Inf"), histogram.cumulative_counts(row), strict=True)
        times.add_metric([family], list(sums), row.get("load_seconds", 0))
    yield times


def _meter_metrics(counts: Counts) -> Iterator[Metric]:
    for meter in meters.registered():
        yield _counter(meter.name, meter.help, meter.label, meter.values(counts).items())


def _audit_metrics(rows: list[findings.Row]) -> Iterator[Metric]:
    labels = ["family", "layer"]
    for kind, (name, text) in AUDIT_COUNTERS.items():
        counter = CounterMetricFamily(name, text, labels=labels)
        for row in rows:
            counter.add_metric([row.family, row.layer], getattr(row, kind))
        yield counter
    largest = GaugeMetricFamily(
        "cache_audit_staleness_seconds", "The largest age of an answer whose source had another value", labels=labels
    )
    for row in rows:
        largest.add_metric([row.family, row.layer], row.staleness or 0)
    yield largest


def _app_gauges() -> Iterator[Metric]:
    families_of_gauges: dict[str, GaugeMetricFamily] = {}
    try:
        found = gauges.read()
    except StoreUnavailable:  # it went away a moment ago
        return
    for gauge in found:
        labels, values = ([gauge.label[0]], [gauge.label[1]]) if gauge.label else ([], [])
        family = families_of_gauges.setdefault(gauge.name, GaugeMetricFamily(gauge.name, gauge.help, labels=labels))
        family.add_metric(values, gauge.value)
    yield from families_of_gauges.values()


def _counter(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    counter = CounterMetricFamily(name, text, labels=[label])
    for value, amount in values:
        counter.add_metric([value], amount)
    return counter


class MetricsView(StrictView):
    """Metrics for Prometheus, for staff and for tokens of the scope metrics."""

    permission_classes = (CanReadMetrics,)
    for_metrics_tokens = True

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Accept any Accept header: metrics have one format, which no DRF renderer produces."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(StatsCollector())
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
