"""Contract files into the table: downloaded in a stream, checked, swapped in whole or not at all (iifl_api §5)."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from datetime import time as time_of_day
from itertools import islice
from typing import NamedTuple

from broker import conf, contract_swap, endpoints, meters, tokens
from broker.contract_swap import Claim
from broker.errors import BrokerAnswerUnclear, BrokerError, BrokerTimeout
from broker.mapping import contract_csv
from broker.mapping.contracts import contract
from broker.values import IST, Contract, ContractFileInfo

logger = logging.getLogger(__name__)

Download = Callable[[str], Iterable[bytes]]

# Seconds before each further try, as other clients wait (iifl_api §5); somebody who waits for a page is told sooner.
PATIENT = (2.0, 4.0, 8.0)
BRIEF = (0.5,)
LONGEST_DOWNLOAD = 120.0  # seconds, writing the rows included; large files take 10 to 20
SHORTEST_PART = 0.5  # of the rows that the file had: below, it is taken for a part of itself
PUBLISHED_AT = time_of_day(8, 0)  # IST: each morning's files are there by then
EMPTY_LIFE = timedelta(hours=1)


class Refreshed(NamedTuple):
    info: ContractFileInfo
    seconds: float


def is_due(info: ContractFileInfo, now: datetime) -> bool:
    """Whether the broker has published a file since; one without contracts is looked at every hour."""
    today = datetime.combine(now.astimezone(IST).date(), PUBLISHED_AT, tzinfo=IST)
    published = today if now >= today else today - timedelta(days=1)
    return info.refreshed_at < published or (not info.rows and info.refreshed_at < now - EMPTY_LIFE)


def refresh(
    file: str,
    download: Download,
    *,
    pauses: Iterable[float] = PATIENT,
    accept_short: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> Refreshed:
    """Replaces the file's contracts. Raises BrokerError's children, RefreshUnderWay among them: the old rows stay then.

    A broker that fails in a way that passes (a 5xx, nothing at all) is asked again after each of `pauses`.
    """
    with contract_swap.claimed(file, lambda: tokens.now()) as claim:
        for pause in pauses:
            try:
                return _attempt(claim, download, accept_short)
            except BrokerError as error:
                if not error.retryable:
                    raise
                logger.info("broker: the contract file %s is asked for again in %g s: %s", file, pause, error)
            sleep(pause)
        return _attempt(claim, download, accept_short)


@meters.call(endpoints.CONTRACT_FILE.name)
def _attempt(claim: Claim, download: Download, accept_short: bool) -> Refreshed:
    started = time.perf_counter()
    generation = claim.begin()
    body = _Body(download(claim.file))
    table = _Table(claim.file, body)
    rows = 0
    while batch := list(islice(table, contract_swap.BATCH)):
        claim.write(generation, batch)
        rows += len(batch)
    source = conf.base_url()
    _refuse_short(rows, table.lines, 0 if accept_short else claim.former_rows(source))
    seconds = time.perf_counter() - started
    now = claim.switch(generation, source=source, rows=rows, size=body.size, seconds=seconds)
    return Refreshed(ContractFileInfo(exchange=claim.file, rows=rows, refreshed_at=now.astimezone(IST)), seconds)


def _refuse_short(rows: int, lines: int, former: int) -> None:
    """A file that was empty may be empty still: the broker's list has segments that are not traded."""
    if lines and not rows:
        raise BrokerAnswerUnclear(f"a contract file of {lines} rows without a contract")
    if rows < SHORTEST_PART * former:
        raise BrokerAnswerUnclear(f"a contract file of {rows} rows where there were {former}")


class _Body:
    """Counts what passes, and gives up a download that does not end."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        deadline = time.monotonic() + LONGEST_DOWNLOAD
        for piece in self._pieces:
            self.size += len(piece)
            if time.monotonic() > deadline:
                raise BrokerTimeout(LONGEST_DOWNLOAD)
            yield piece


class _Table:
    """The file's contracts, each once; `lines` counts its rows, good or not."""

    def __init__(self, file: str, body: Iterable[bytes]) -> None:
        self._contracts = self._read(file, body)
        self.lines = 0

    def __iter__(self) -> Iterator[Contract]:
        return self._contracts

    def _read(self, file: str, body: Iterable[bytes]) -> Iterator[Contract]:
        seen: set[int] = set()  # hashes: the largest file's names themselves would take several times as much
        for row in contract_csv.rows(body):
            self.lines += 1
            found = contract(file, row)
            if found is None:
                continue
            mark = hash((found.exchange, found.instrument_id, found.trading_symbol))
            if mark not in seen:
                seen.add(mark)
                yield found
