"""What finished writes have made true, held against what is read: no read may show what a write has replaced.

All of a crowd lives in one process and on one clock, so "a read that begins after the write was answered" is exact.
A row has one writer, whose versions count up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic


@dataclass(slots=True)
class Row:
    """`version`: of the last finished write; `since`: when that was answered. `ends`: its deletion has begun."""

    version: int
    since: float
    ends: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Floor:
    """What a read that begins now may not fall short of."""

    versions: dict[object, tuple[int, float]]
    ended: dict[object, float]
    at: float


class Ledger:
    """`whole`: what is read shows every row, so that a missing one is an old state too."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._rows: dict[object, Row] = {}

    def written(self, key: object, version: int) -> None:
        self._rows[key] = Row(version, monotonic())

    def deleting(self, key: object) -> None:
        self._rows[key].ends = True

    def deleted(self, key: object) -> None:
        row = self._rows[key]
        row.ended, row.since = True, monotonic()

    def floor(self) -> Floor:
        rows = self._rows.items()
        standing = {key: (row.version, row.since) for key, row in rows if not row.ends}
        return Floor(standing, {key: row.since for key, row in rows if row.ended}, monotonic())

    def older(self, shown: Mapping[object, int], floor: Floor) -> Iterable[tuple[str, float]]:
        """What a read shows that had been replaced when it began, and seconds since when."""
        for key, since in floor.ended.items():
            if key in shown:
                yield f"{key} was deleted", floor.at - since
        for key, (version, since) in floor.versions.items():
            found = shown.get(key)
            if found is None and self._whole and not self._rows[key].ends:
                yield f"{key} is missing", floor.at - since
            if found is not None and found < version:
                yield f"{key} shows {found}, not {version}", floor.at - since
