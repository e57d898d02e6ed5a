"""/metrics: the statistics of all processes in Prometheus's text form."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.views import APIView

from systemcache import families, load_times, meters, stats, store, tally
from systemcache.breaker import STATES
from systemcache.errors import StoreUnavailable
from systemcache.tally import Counts

COUNTERS = {
    "hits": ("cache_hits", "Reads answered by Redis"),
    "near_hits": ("cache_near_hits", "Reads answered by a process's own copy"),
    "misses": ("cache_misses", "Reads that the cache could not answer"),
    "stale": ("cache_stale", "Values served past their TTL because their source failed"),
    "bypasses": ("cache_bypasses", "Reads that did not ask the cache"),
    "load_errors": ("cache_load_errors", "Loads that failed"),
    "waits": ("cache_waits", "Misses that another caller's load answered"),
    "lease_waits": ("cache_lease_waits", "Slices of waiting for another process's load"),
    "refused": ("cache_refused", "Loads that were not stored because something was dropped meanwhile"),
    "undecodable": ("cache_undecodable", "Stored entries that did not decode"),
}
# Of Redis: our name, its name in INFO, help.
GAUGES = (
    ("cache_redis_memory_bytes", "used_memory", "Memory that Redis uses"),
    ("cache_redis_max_memory_bytes", "maxmemory", "Memory that Redis may use; 0 without a limit"),
    ("cache_redis_clients", "connected_clients", "Connections to Redis"),
    ("cache_redis_uptime_seconds", "uptime_in_seconds", "Since Redis was started"),
)


class StatsCollector(Collector):
    """One reading of the statistics of all processes.

    While Redis is away there are no counts: those of the process that answers alone would look like a restart, and what
    comes after like a flood.
    """

    def collect(self) -> Iterator[Metric]:
        try:
            counts, info = stats.counted(), tally.info()
        except StoreUnavailable:
            yield _gauge("cache_redis_up", "Whether Redis answers", 0)
        else:
            yield _gauge("cache_redis_up", "Whether Redis answers", 1)
            yield from _of_redis(info)
            yield from _of_families(counts)
            yield from _of_meters(counts)
        yield _of_breaker()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _of_redis(info: dict[str, Any]) -> Iterator[Metric]:
    for name, field, text in GAUGES:
        yield _gauge(name, text, float(info.get(field, 0)))
    evicted = float(info.get("evicted_keys", 0))
    yield CounterMetricFamily("cache_redis_evicted_keys", "Keys that Redis pushed out", value=evicted)


def _of_breaker() -> Metric:
    """Of the process that answers: each has its own."""
    states = GaugeMetricFamily(
        "cache_breaker_state",
        "1 for the state of the breaker before Redis, in the process that answers",
        labels=["state"],
    )
    now = store.breaker.state
    for state in STATES:
        states.add_metric([state], int(state == now))
    return states


def _of_families(counts: Counts) -> Iterator[Metric]:
    names = [family.name for family in families.registered()]
    for event, (name, text) in COUNTERS.items():
        yield _counter(name, text, "family", ((family, counts.get(family, {}).get(event, 0)) for family in names))
    times = HistogramMetricFamily("cache_load_duration_seconds", "How long loads took", labels=["family"])
    for family in names:
        found = counts.get(family, {})
        sums = zip((*map(str, load_times.BOUNDS), "+Inf"), load_times.cumulated(found), strict=True)
        times.add_metric([family], list(sums), found.get("load_seconds", 0))
    yield times


def _of_meters(counts: Counts) -> Iterator[Metric]:
    for meter in meters.registered():
        yield _counter(meter.name, meter.help, meter.label, meter.counted(counts).items())


def _counter(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    counter = CounterMetricFamily(name, text, labels=[label])
    for value, amount in values:
        counter.add_metric([value], amount)
    return counter


class MetricsView(APIView):
    """For Prometheus: a staff member's token or session."""

    permission_classes = (IsAdminUser,)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever is asked for: they have one form, which none of the renderers makes."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(StatsCollector())
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
