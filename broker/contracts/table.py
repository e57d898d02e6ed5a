"""Queries of the contract table: a file's state, exact look-ups by index, pages.

They see only rows of this site's broker (`source`), and only a file's live generation.
"""

from typing import NamedTuple

from django.db.models import Case, Q, QuerySet, Subquery, When
from django.db.models.functions import Length, Upper
from django.db.models.lookups import Exact

from broker import conf, models, money
from broker.clock import IST
from broker.values import Contract, ContractFileInfo

CONTRACT_FIELDS = Contract.__struct_fields__
PAGE_ATTEMPTS = 5  # to read a page while refreshes replace the rows


class Page(NamedTuple):
    """Some of a file's contracts; `total` is how many the search finds."""

    info: ContractFileInfo
    total: int
    contracts: list[Contract]


def info(file: str) -> ContractFileInfo | None:
    """Describe the file; None if it was never refreshed from this source."""
    return _to_info(_file_state(file))


def all_info() -> list[ContractFileInfo]:
    """Describe the files that were refreshed from this source."""
    return [*filter(None, map(_to_info, models.ContractFile.objects.filter(source=conf.base_url())))]


def by_symbol(file: str, name: str) -> list[Contract]:
    """Find contracts with exactly this symbol (in upper case), in the file's order."""
    return _live_contracts(file, "symbol", name)


def by_trading_symbol(file: str, name: str) -> list[Contract]:
    """Find contracts with exactly this trading symbol (in upper case), in the file's order."""
    return _live_contracts(file, "trading_symbol", name)


def page(file: str, search: str, start: int, size: int) -> Page | None:
    """Find contracts whose symbol or name contains the text, ordered by trading symbol; None without such a file.

    This takes several statements, so it starts again if a refresh has replaced the rows in between.
    """
    part = None
    for _ in range(PAGE_ATTEMPTS):
        state = _file_state(file)
        file_info = _to_info(state)
        if state is None or file_info is None:
            return None
        rows = models.Contract.objects.filter(file=state.file, generation=state.generation)
        if search:
            rows = rows.filter(Q(trading_symbol__icontains=search) | Q(name__icontains=search))
        total = rows.count() if search else state.rows
        rows = rows.order_by(Upper("trading_symbol"), "id")
        part = Page(file_info, total, _to_contracts(rows[start : start + size]))
        if _refreshed(file).values_list("generation", flat=True).first() == state.generation:
            break
    return part


def search(file: str, text: str, size: int, exchange: str = "") -> list[Contract]:
    """Find contracts whose symbol or name contains the text, the likeliest first, in one statement.

    `exchange` keeps those contracts of the file that this exchange quotes.
    """
    live = Subquery(_refreshed(file).values("generation"))
    rows = models.Contract.objects.filter(
        Q(trading_symbol__icontains=text) | Q(name__icontains=text), file=file, generation=live
    )
    if exchange:
        rows = rows.filter(exchange=exchange)
    likely = Case(
        When(symbol__iexact=text, then=0),
        When(symbol__istartswith=text, then=1),
        When(name__istartswith=text, then=2),
        default=3,
    )
    return _to_contracts(rows.order_by(likely, Length("symbol"), Upper("trading_symbol"), "id")[:size])


def rank(contract: Contract, text: str) -> tuple[int, int, str]:
    """The order of `search`, for contracts that several searches have found."""
    symbol, name, wanted = contract.symbol.upper(), contract.name.upper(), text.upper()
    tests = (symbol == wanted, symbol.startswith(wanted), name.startswith(wanted), True)
    return tests.index(True), len(symbol), contract.trading_symbol.upper()


def _live_contracts(file: str, column: str, name: str) -> list[Contract]:
    """Query in one statement, so that it sees the rows of one generation."""
    live = Subquery(_refreshed(file).values("generation"))
    rows = models.Contract.objects.filter(Exact(Upper(column), name), file=file, generation=live)
    return _to_contracts(rows.order_by("id"))


def _refreshed(file: str) -> QuerySet[models.ContractFile]:
    return models.ContractFile.objects.filter(file=file, source=conf.base_url(), refreshed_at__isnull=False)


def _file_state(file: str) -> models.ContractFile | None:
    return _refreshed(file).first()


def _to_info(state: models.ContractFile | None) -> ContractFileInfo | None:
    if state is None or state.refreshed_at is None:
        return None
    return ContractFileInfo(exchange=state.file, rows=state.rows, refreshed_at=state.refreshed_at.astimezone(IST))


def _to_contracts(rows: QuerySet[models.Contract]) -> list[Contract]:
    contracts = []
    for values in rows.values(*CONTRACT_FIELDS):
        for name in ("strike_price", "tick_size"):  # the column's width adds zeros
            values[name] = None if values[name] is None else money.price(values[name])
        contracts.append(Contract(**values))
    return contracts
