"""How much of the machine other work takes while a day is played: then its figures are not the site's alone."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from time import monotonic

TICKS = os.sysconf("SC_CLK_TCK")
IDLE = (3, 4)  # places of idle and iowait in /proc/stat


class Processors:
    def __init__(self) -> None:
        self._last = (monotonic(), 0.0, 0.0)

    def others(self, ours: Iterable[int]) -> float:
        """Processors taken, since it was asked last, by what is neither this process's family nor among `ours`."""
        whole, family = _busy(), _of_family(set(ours))
        (before, whole_before, family_before), self._last = self._last, (monotonic(), whole, family)
        return max(0.0, (whole - whole_before) - (family - family_before)) / (self._last[0] - before)


def _busy() -> float:
    """Seconds that all processors have worked so far."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    return sum(count for place, count in enumerate(ticks) if place not in IDLE) / TICKS


def _of_family(ours: set[int]) -> float:
    """Seconds that `ours`, this process and its descendants have worked."""
    found: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            found[int(folder.name)] = int(words[1]), (int(words[11]) + int(words[12])) / TICKS
    known = ours | {os.getpid()}
    while more := {pid for pid, (parent, _) in found.items() if parent in known} - known:
        known |= more
    return sum(seconds for pid, (_, seconds) in found.items() if pid in known)
