"""Which tables are watched, and which families show their rows."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from systemcache.families import Family


@dataclass(frozen=True, slots=True)
class WatchedTable:
    """A table whose writes invalidate.

    ignored: columns that nothing shows; an update of these alone invalidates nothing.
    shows_absence: whether values show that a row is absent, as lists do. Otherwise a new row replaces nothing.
    shown_while: the SQL condition, on both databases, under which a row may be shown; "" if it always may.
    """

    model: type[Model]
    families: tuple[Family[Any], ...]
    ignored: frozenset[str] = frozenset()
    shows_absence: bool = True
    shown_while: str = ""

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def tags(self) -> list[str]:
        """What a write's record holds: the families' names, sorted."""
        return sorted(family.name for family in self.families)

    def joined(self, other: "WatchedTable") -> "WatchedTable":
        """The same table with the other's families too: what may change one of them counts for all."""
        return WatchedTable(
            self.model,
            (*self.families, *(family for family in other.families if family not in self.families)),
            self.ignored & other.ignored,
            self.shows_absence or other.shows_absence,
            self.shown_while if self.shown_while == other.shown_while else "",
        )

    @property
    def columns(self) -> list[str]:
        """The columns that count."""
        return [name for name in map(_column, self.model._meta.concrete_fields) if name not in self.ignored]

    @property
    def keys(self) -> list[list[str]]:
        """The columns by which a new row can take an old one's place (REPLACE in SQLite)."""
        meta = self.model._meta
        names = [[field.name] for field in meta.concrete_fields if field.unique]
        names += map(list, meta.unique_together)
        names += [list(constraint.fields) for constraint in meta.total_unique_constraints]
        return [[_column(meta.get_field(name)) for name in key] for key in names]


def _column(field: Any) -> str:
    return str(field.column)


tables: dict[str, WatchedTable] = {}  # by name
