"""/metrics: the statistics in Prometheus's text form."""

from collections.abc import Iterable

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.views import APIView

from systemcache import stats

COUNTERS = {
    "hits": ("cache_hits", "Reads answered from the cache"),
    "misses": ("cache_misses", "Reads that the cache could not answer"),
    "stale": ("cache_stale", "Values served past their TTL because their source failed"),
    "bypasses": ("cache_bypasses", "Reads that did not ask the cache"),
    "loads": ("cache_loads", "Loads from the source"),
    "load_seconds": ("cache_load_seconds", "Time spent in loads"),
    "load_errors": ("cache_load_errors", "Loads that failed"),
    "waits": ("cache_waits", "Misses that another caller's load answered"),
    "lease_waits": ("cache_lease_waits", "Slices of waiting for another process's load"),
    "refused": ("cache_refused", "Loads that were not stored because something was dropped meanwhile"),
    "undecodable": ("cache_undecodable", "Stored entries that did not decode"),
}


class StatsCollector(Collector):
    """One reading of the statistics of all processes."""

    def collect(self) -> Iterable[Metric]:
        snapshot = stats.snapshot()
        yield GaugeMetricFamily("cache_redis_up", "Whether Redis answers", value=int(snapshot["connected"]))
        for event, (name, text) in COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=["family"])
            for family, row in snapshot["families"].items():
                counter.add_metric([family], row[event])
            yield counter


class MetricsView(APIView):
    """For Prometheus: a staff member's token or session."""

    permission_classes = (IsAdminUser,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(StatsCollector())
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
