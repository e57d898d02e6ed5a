"""Refreshes a contract file: streams it into the table, checks it, then replaces the old contracts (iifl_api §5)."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from datetime import time as time_of_day
from itertools import islice
from typing import NamedTuple

from broker import clock, conf
from broker.clock import IST
from broker.contracts import replace
from broker.contracts.replace import Claim
from broker.csv_rows import MalformedRow
from broker.errors import BrokerAnswerUnclear, BrokerError, BrokerTimeout
from broker.iifl import endpoints, meters
from broker.iifl.mapping import contract_csv
from broker.iifl.mapping.contracts import contract
from broker.values import Contract, ContractFileInfo

logger = logging.getLogger(__name__)

Download = Callable[[str], Iterable[bytes]]

# Seconds before each retry, as other clients wait (iifl_api §5); shorter if somebody is waiting for a response.
COMMAND_RETRY_DELAYS = (2.0, 4.0, 8.0)
REQUEST_RETRY_DELAYS = (0.5,)
DOWNLOAD_TIMEOUT = 120.0  # seconds, including the time to write the rows; large files take 10 to 20
MIN_ROWS_RATIO = 0.5  # of the rows that the file had before; with fewer, it counts as incomplete
# A few names with a comma or a quotation mark cost their own rows; with a larger share, the file is not as documented.
MAX_MALFORMED_RATIO = 0.02
MALFORMED_EXAMPLES = 5  # malformed rows that messages name
PUBLISHED_AT = time_of_day(8, 0)  # IST; the files of the day are there by then
EMPTY_FILE_RECHECK = timedelta(hours=1)


class RefreshResult(NamedTuple):
    """`malformed` counts the rows that were left out, `examples` names the first of them."""

    info: ContractFileInfo
    seconds: float
    malformed: int
    examples: str


def is_due(info: ContractFileInfo, now: datetime) -> bool:
    """Whether the broker has published a newer file; an empty file is checked every hour."""
    today = datetime.combine(now.astimezone(IST).date(), PUBLISHED_AT, tzinfo=IST)
    published = today if now >= today else today - timedelta(days=1)
    return info.refreshed_at < published or (not info.rows and info.refreshed_at < now - EMPTY_FILE_RECHECK)


def refresh(
    file: str,
    download: Download,
    *,
    retry_delays: Iterable[float] = COMMAND_RETRY_DELAYS,
    accept_short: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> RefreshResult:
    """Replace the file's contracts. Raises BrokerError, such as RefreshUnderWay, and then keeps the old rows.

    After an error that may pass (a 5xx, no answer) it tries again, after each of `retry_delays` in turn.
    """
    with replace.claim_file(file, lambda: clock.now()) as claim:
        for delay in retry_delays:
            try:
                return _attempt(claim, download, accept_short)
            except BrokerError as error:
                if not error.retryable:
                    raise
                logger.info("broker: contract file %s failed, retrying in %g s: %s", file, delay, error)
            sleep(delay)
        return _attempt(claim, download, accept_short)


@meters.count_call(endpoints.CONTRACT_FILE.name)
def _attempt(claim: Claim, download: Download, accept_short: bool) -> RefreshResult:
    started = time.perf_counter()
    generation = claim.begin_generation()
    body = _TimedDownload(download(claim.file))
    contracts = _ContractReader(claim.file, body)
    rows = 0
    while batch := list(islice(contracts, replace.BATCH_SIZE)):
        claim.write(generation, batch)
        rows += len(batch)
    source = conf.base_url()
    if contracts.malformed:
        logger.warning("broker: %d malformed rows of %s: %s", contracts.malformed, claim.file, contracts.examples())
    if contracts.malformed > MAX_MALFORMED_RATIO * contracts.lines:
        raise BrokerAnswerUnclear(
            f"a contract file with {contracts.malformed} malformed rows of {contracts.lines}: {contracts.examples()}"
        )
    if contracts.lines and not rows:
        raise BrokerAnswerUnclear(f"a contract file of {contracts.lines} rows without a contract")
    previous = 0 if accept_short else claim.previous_rows(source)
    if rows < MIN_ROWS_RATIO * previous:  # a file that was empty may stay empty: some segments are not traded
        raise BrokerAnswerUnclear(f"a contract file of {rows} rows where there were {previous}")
    seconds = time.perf_counter() - started
    now = claim.activate(generation, source=source, rows=rows, size=body.size, seconds=seconds)
    info = ContractFileInfo(exchange=claim.file, rows=rows, refreshed_at=now.astimezone(IST))
    return RefreshResult(info, seconds, contracts.malformed, contracts.examples())


class _TimedDownload:
    """Counts the bytes of a download, and raises BrokerTimeout if it takes too long."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        deadline = time.monotonic() + DOWNLOAD_TIMEOUT
        for chunk in self._chunks:
            self.size += len(chunk)
            if time.monotonic() > deadline:
                raise BrokerTimeout(DOWNLOAD_TIMEOUT)
            yield chunk


class _ContractReader:
    """Yields the file's contracts without duplicates; `lines` counts all its rows, `malformed` those left out."""

    def __init__(self, file: str, body: Iterable[bytes]) -> None:
        self._contracts = self._read(file, body)
        self._examples: list[str] = []
        self.lines = 0
        self.malformed = 0

    def __iter__(self) -> Iterator[Contract]:
        return self._contracts

    def examples(self) -> str:
        return "; ".join(self._examples)

    def _read(self, file: str, body: Iterable[bytes]) -> Iterator[Contract]:
        seen: set[int] = set()  # of hashes: the names of the largest file would take several times the memory
        for number, row in contract_csv.rows(body, self._count_malformed):
            try:
                mapped = contract(file, row)
            except MalformedRow as error:
                self._count_malformed(number, error)
                continue
            self.lines += 1
            if mapped is None:
                continue
            identity = hash((mapped.exchange, mapped.instrument_id, mapped.trading_symbol))
            if identity not in seen:
                seen.add(identity)
                yield mapped

    def _count_malformed(self, number: int, error: MalformedRow) -> None:
        self.lines += 1
        self.malformed += 1
        if len(self._examples) < MALFORMED_EXAMPLES:
            self._examples.append(f"line {number} has {error}")
