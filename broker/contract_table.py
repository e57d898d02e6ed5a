"""Reading the table of contracts: a file's state, exact look-ups by index, pages.

Only rows of this site's broker are seen (`source`), and only those of a file's live generation.
"""

from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import Upper
from django.db.models.lookups import Exact

from broker import conf, models
from broker.values import IST, Contract, ContractFileInfo

FIELDS = Contract.__struct_fields__
LOOKS = 5  # at a page, while refreshes replace it


class Page(NamedTuple):
    """Part of a file's contracts; `found` counts all that the search finds."""

    info: ContractFileInfo
    found: int
    contracts: list[Contract]


def info(file: str) -> ContractFileInfo | None:
    """How the file stands; None when it was never refreshed from this source."""
    state = _state(file)
    return _info(state) if state else None


def every_info() -> list[ContractFileInfo]:
    """How the files stand that were refreshed from this source."""
    found = models.ContractFile.objects.filter(source=conf.base_url(), refreshed_at__isnull=False)
    return [_info(state) for state in found]


def by_symbol(file: str, name: str) -> list[Contract]:
    """Contracts of exactly this symbol (in upper case), in the file's order."""
    return _named(file, "symbol", name)


def by_trading_symbol(file: str, name: str) -> list[Contract]:
    """Contracts of exactly this trading symbol (in upper case), in the file's order."""
    return _named(file, "trading_symbol", name)


def page(file: str, search: str, start: int, size: int) -> Page | None:
    """Contracts whose symbol or name holds the text in any case, by trading symbol; None for a file not in the table.

    It takes several statements, so it looks again when a refresh has replaced the rows meanwhile.
    """
    for _ in range(LOOKS):
        state = _state(file)
        if state is None:
            return None
        rows = _searched(state, search)
        found = rows.count() if search else state.rows
        part = Page(_info(state), found, _contracts(rows[start : start + size]))
        if _generation(file) == state.generation:
            break
    return part


def _searched(state: models.ContractFile, search: str) -> QuerySet[models.Contract]:
    rows = models.Contract.objects.filter(file=state.file, generation=state.generation)
    if search:
        rows = rows.filter(Q(trading_symbol__icontains=search) | Q(name__icontains=search))
    return rows.order_by(Upper("trading_symbol"), "id")


def _named(file: str, column: str, name: str) -> list[Contract]:
    """In one statement, so that what it sees of a file is whole."""
    live = Subquery(_known(file).values("generation"))
    rows = models.Contract.objects.filter(Exact(Upper(column), name), file=file, generation=live)
    return _contracts(rows.order_by("id"))


def _known(file: str) -> QuerySet[models.ContractFile]:
    return models.ContractFile.objects.filter(file=file, source=conf.base_url(), refreshed_at__isnull=False)


def _state(file: str) -> models.ContractFile | None:
    return _known(file).first()


def _generation(file: str) -> int | None:
    return _known(file).values_list("generation", flat=True).first()


def _info(state: models.ContractFile) -> ContractFileInfo:
    assert state.refreshed_at is not None  # noqa: S101 - _known asks for it
    return ContractFileInfo(exchange=state.file, rows=state.rows, refreshed_at=state.refreshed_at.astimezone(IST))


def _contracts(rows: QuerySet[models.Contract]) -> list[Contract]:
    return [_contract(values) for values in rows.values(*FIELDS)]


def _contract(values: dict[str, object]) -> Contract:
    for name in ("strike_price", "tick_size"):
        values[name] = _short(values[name])
    return Contract(**values)  # type: ignore[arg-type]  # the columns have the fields' types


def _short(number: object) -> Decimal | None:
    """Without the zeros that the column's width adds."""
    if not isinstance(number, Decimal):
        return None
    text = f"{number:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
