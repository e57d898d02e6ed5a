"""What apps count beside the families, over all processes, for the metrics: each under a name and one label."""

from dataclasses import dataclass

from systemcache import stats
from systemcache.tally import METER, Counts


@dataclass(frozen=True, slots=True)
class Meter:
    """Only ever goes up. `name` is the metric's, with its unit and without `_total`: broker_limiter_wait_seconds."""

    name: str
    help: str
    label: str

    def add(self, value: str, amount: float = 1) -> None:
        """Counts under this value of the label."""
        stats.count(METER + self.name, value, amount)

    def counted(self, counts: Counts) -> dict[str, float]:
        """By value of the label; known values are there before anything was counted."""
        return dict.fromkeys(_registry.get(self, ()), 0.0) | counts.get(METER + self.name, {})


_registry: dict[Meter, tuple[str, ...]] = {}


def register(meter: Meter, values: tuple[str, ...] = ()) -> None:
    """Makes a meter known, in AppConfig.ready(), with the values of its label that are known beforehand.

    Prometheus does not see the first count of what it has not seen at 0.
    """
    _registry[meter] = values


def registered() -> list[Meter]:
    return list(_registry)
