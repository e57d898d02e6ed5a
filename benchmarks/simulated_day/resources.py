"""Whether memory stays flat, and nothing that is opened stays open.

Threads and connections stand in pools that grow with the largest crowd that ever waited, up to a bound, and the worst
of a day comes late. So they are judged by their bound, by standing still while all is well at the day's end, and, but
for connections, which pools keep, by being given back when the crowd has gone. Those to Redis are opened again after
each time that it was killed, and stand still late: they are never more than the threads that use them.
"""

import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from benchmarks.simulated_day.samples import Sample
from benchmarks.simulated_day.servers import THREADS, WORKERS
from benchmarks.simulated_day.verdicts import Verdict

FLAT = 1.10  # memory in the last fifth, and once the crowd has gone, over that in the second fifth
FIFTHS = 5
QUIET = 40.0  # seconds at the end in which nothing fails and nothing is recovered from
SLACK = 3  # threads or connections: whoever looks, and what comes and goes
SHIFT = 20  # files: how many more of a hundred callers may have their connections at this worker
OTHERS = 20  # threads of a worker that serve no request: Granian's own, recovery, listener, statistics, those of a pool
POOL = 20  # connections of a worker to PostgreSQL, at the most (settings.DATABASES)
REDIS_POOL = THREADS + 10  # and to Redis (settings.CACHES)
ANY = float("inf")
BROKER_POOL = 16  # and to the broker (broker.transport)

Of = Callable[[Sample], float | None]


def judged(samples: Sequence[Sample], began: float, ended: float) -> list[Verdict]:
    """Of samples over the whole day; those after `ended` show what is left without a crowd."""
    during = [sample for sample in samples if began <= sample.at < ended]
    after = [sample for sample in samples if sample.at >= ended]
    found = [_memory(f"worker {number}", during, after, pid) for number, pid in enumerate(during[0].memory, start=1)]
    threads = max(sum(sample.threads.values()) for sample in during)
    for name, bound, slack, of in _counted(list(during[0].memory), threads):
        found.append(_bounded(name, during, bound, of, slack))
        if name.startswith("worker"):
            found.append(_given_back(name, samples, began, ended, of))
    return found


def beside(samples: Sequence[Sample], began: float, ended: float) -> Verdict:
    """What other work took of the machine; no promise of the site's."""
    during = [sample for sample in samples if began <= sample.at < ended]
    medians = " ".join(f"{_median(fifth, lambda sample: sample.others):.1f}" for fifth in _fifths(during))
    return Verdict(f"processors of {os.cpu_count()} that other work took, by fifths", medians, True)


def _memory(name: str, during: Sequence[Sample], after: Sequence[Sample], pid: int) -> Verdict:
    def of(sample: Sample) -> float | None:
        return sample.memory.get(pid)

    medians = [_median(fifth, of) for fifth in _fifths(during)]
    last, left = medians[-1] / medians[1], _median(after[-3:], of) / medians[1]
    text = " ".join(f"{median:.0f}" for median in medians)
    return Verdict(
        f"{name}: memory",
        f"MB by fifths {text}; last / second {last:.3f}, when all have gone {left:.3f}; {FLAT:g} at the most",
        last <= FLAT and left <= FLAT,
    )


def _count(what: str, pid: int, sample: Sample) -> float | None:
    counts: dict[int, int] = getattr(sample, what)
    return counts.get(pid)


def _counted(workers: Sequence[int], threads: int) -> Iterable[tuple[str, float, float, Of]]:
    """Each with its bound, and by how much it may grow in the end."""
    for number, pid in enumerate(workers, start=1):
        yield f"worker {number}: threads", THREADS + OTHERS, SLACK, partial(_count, "threads", pid)
        files = THREADS + OTHERS + POOL + REDIS_POOL + BROKER_POOL
        yield f"worker {number}: open files", files, SHIFT, partial(_count, "files", pid)
    yield "connections to Redis", min(threads, WORKERS * REDIS_POOL), ANY, lambda sample: sample.redis
    yield "connections to PostgreSQL", WORKERS * (POOL + 1), SLACK, lambda sample: sample.database
    yield "connections to the broker", WORKERS * BROKER_POOL, SLACK, lambda sample: sample.broker


def _bounded(name: str, during: Sequence[Sample], bound: float, of: Of, slack: float) -> Verdict:
    """Within its bound all day, and no more at the end of the last quiet stretch than at its beginning."""
    quiet = [sample for sample in during if sample.at >= during[-1].at - QUIET]
    half = len(quiet) // 2
    first, last = _median(quiet[:half], of), _median(quiet[half:], of)
    highest = max((value for sample in during if (value := of(sample)) is not None), default=0)
    medians = " ".join(f"{_median(fifth, of):.0f}" for fifth in _fifths(during))
    text = f"by fifths {medians}; highest {highest:.0f} of {bound:.0f}; in the end {first:.0f} -> {last:.0f}"
    return Verdict(name, text, highest <= bound and last <= first + slack)


def _given_back(name: str, samples: Sequence[Sample], began: float, ended: float, of: Of) -> Verdict:
    """When the crowd has gone there are no more than when the day was warm."""
    during = [sample for sample in samples if began <= sample.at < ended]
    before = [sample for sample in samples if sample.at < began][-3:]
    after = [sample for sample in samples if sample.at >= ended][-3:]
    early, left = _median(_fifths(during)[1], of), _median(after, of)
    text = f"{_median(before, of):.0f} before the crowd, {early:.0f} in the second fifth, {left:.0f} after"
    return Verdict(f"{name}, once the crowd has gone", text, left <= early + SLACK)


def _fifths(during: Sequence[Sample]) -> list[Sequence[Sample]]:
    length = max(1, len(during) // FIFTHS)
    return [during[place * length : (place + 1) * length] for place in range(FIFTHS)]


def _median(samples: Sequence[Sample], of: Of) -> float:
    values = [value for sample in samples if (value := of(sample)) is not None]
    return statistics.median(values) if values else 0.0
