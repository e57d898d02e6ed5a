"""Meters: counters that apps define for the metrics, with one label each, summed over all processes."""

from dataclasses import dataclass

from systemcache.stats import counters
from systemcache.stats.counters import METER_PREFIX
from systemcache.storage.totals import Counts


@dataclass(frozen=True, slots=True)
class Meter:
    """A counter. `name` is the metric's name with its unit and without `_total`: limiter_wait_seconds."""

    name: str
    help: str
    label: str

    def add(self, value: str, amount: float = 1) -> None:
        """Count under this label value."""
        counters.count(METER_PREFIX + self.name, value, amount)

    def values(self, counts: Counts) -> dict[str, float]:
        """Amounts by label value. Label values given at registration are present from the start."""
        return dict.fromkeys(_registry.get(self, ()), 0.0) | counts.get(METER_PREFIX + self.name, {})


_registry: dict[Meter, tuple[str, ...]] = {}


def register(meter: Meter, values: tuple[str, ...] = ()) -> None:
    """Register a meter, in AppConfig.ready(), with the label values that are known in advance.

    Prometheus misses the first increment of a series that it has not scraped at 0 before.
    """
    _registry[meter] = values


def registered() -> list[Meter]:
    return list(_registry)
