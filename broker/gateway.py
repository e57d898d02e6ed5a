"""Cached reads of the broker: the door for the floors above."""

import logging
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

import msgspec
from django.db import connection

from broker import contract_table, history, limits, order_log, refresh, tokens
from broker.cache_families import (
    CONTRACTS,
    DEPTH,
    HOLDINGS,
    MARGINS,
    OPEN_INTEREST,
    ORDER_HISTORY,
    ORDERS,
    POSITIONS,
    PROFILE,
    QUOTES,
    STATUS,
    TRADES,
)
from broker.client import default_client
from broker.contract_table import Page
from broker.errors import BrokerError, RefreshUnderWay, UnknownExchange
from broker.refresh import Refreshed
from broker.symbols import SymbolDirectory
from broker.values import (
    CONTRACT_FILES,
    BrokerStatus,
    Candle,
    Contract,
    ContractFileInfo,
    Depth,
    Exchange,
    Holding,
    Interval,
    Leg,
    Margins,
    OpenInterest,
    Order,
    OrderMargin,
    Position,
    Profile,
    Quote,
    SpanMargin,
    Trade,
    WantedOrder,
)
from systemcache import invalidation
from systemcache.batch import fetch_many
from systemcache.codec import Entry
from systemcache.errors import InvalidKeyPart
from systemcache.fetch import bypass, fetch
from systemcache.fetched import Fetched
from systemcache.keys import Params
from systemcache.recent import Recent

PROBE_PATIENCE = 2.0  # seconds that a probe waits for its turn: a page waits for it
QUOTES_PER_CALL = 25
M = TypeVar("M", Depth, OpenInterest)
RENEW_EVERY = 300.0  # seconds between two tries of one process at a contract file that is due

logger = logging.getLogger(__name__)


def holdings() -> Fetched[list[Holding]]:
    return fetch(HOLDINGS, {}, lambda: default_client().holdings())


def positions() -> Fetched[list[Position]]:
    return fetch(POSITIONS, {}, lambda: default_client().positions())


def margins() -> Fetched[Margins]:
    return fetch(MARGINS, {}, lambda: default_client().margins())


def orders() -> Fetched[list[Order]]:
    return fetch(ORDERS, {}, order_book)


def order_book() -> list[Order]:
    """The book as it is now. Requests whose answer never came are looked for in it."""
    book = default_client().orders()
    order_log.settle(book)
    return book


def order_history(order_id: str) -> Fetched[list[Order]]:
    """The states that an order went through today; none for an order that the broker does not know."""
    return fetch(ORDER_HISTORY, {"order_id": order_id}, lambda: default_client().order_history(order_id))


def trades() -> Fetched[list[Trade]]:
    return fetch(TRADES, {}, lambda: default_client().trades())


def profile() -> Fetched[Profile]:
    return fetch(PROFILE, {}, lambda: default_client().profile())


def contracts(exchange: str) -> Fetched[ContractFileInfo]:
    """How the exchange's contracts stand in the table, where they are after this: a new morning's file is fetched.

    Raises UnknownExchange for one that the broker has no file of.
    """
    if exchange not in CONTRACT_FILES:
        raise UnknownExchange(exchange, list(CONTRACT_FILES))
    found = fetch(CONTRACTS, {"exchange": exchange}, lambda: _this_mornings(exchange))
    known = contract_table.info(exchange)
    if known is None or _may_be_renewed(known):
        # Redis has outlived the table's rows, or a new morning's file is out since they were asked for.
        found = bypass(CONTRACTS, lambda: _this_mornings(exchange))
    return found


def contract_page(exchange: str, search: str, start: int, size: int) -> tuple[Fetched[ContractFileInfo], Page]:
    """Part of the exchange's contracts, by trading symbol, and how old they are. Raises UnknownExchange."""
    state = contracts(exchange)
    page = contract_table.page(exchange, search, start, size)
    if page is None:
        raise RefreshUnderWay(exchange)
    old = refresh.is_due(page.info, tokens.now())
    entry = Entry(page.info.refreshed_at, state.ttl, msgspec.json.encode(page.info))
    return Fetched(ContractFileInfo, entry, "stale" if old else state.state, value=page.info), page


def refresh_contracts(exchange: str, *, pauses: Sequence[float], accept_short: bool = False) -> Refreshed:
    """Fetches a contract file now, whatever its age; see refresh.refresh. Raises BrokerError's children."""
    done = refresh.refresh(
        exchange,
        lambda file: default_client().contract_file(file),
        pauses=pauses,
        accept_short=accept_short,
    )
    forget_symbols()
    return done


def announce_contracts() -> None:
    """Every process sees the refreshed files' states. Raises StoreUnavailable."""
    invalidation.drop(CONTRACTS.name)


def _this_mornings(exchange: str) -> ContractFileInfo:
    """The table's file, refreshed first when the broker has published a new one; the old one when that fails."""
    known = contract_table.info(exchange)
    if known and not _may_be_renewed(known):
        return known
    _tried.keep(exchange, True, RENEW_EVERY)
    try:
        return refresh_contracts(exchange, pauses=refresh.BRIEF).info
    except BrokerError as error:
        if known is None:
            raise
        logger.warning("broker: contracts of %s are those of %s: %s", exchange, known.refreshed_at, error)
        return known


def _may_be_renewed(known: ContractFileInfo) -> bool:
    """Not in somebody's transaction: with SQLite nobody else could write until the download ends."""
    due = refresh.is_due(known, tokens.now())
    return due and not _tried.get(known.exchange) and not connection.in_atomic_block


_directory = SymbolDirectory(contracts)
_tried: Recent[bool] = Recent()


def forget_symbols() -> None:
    """The next look-up of a symbol goes to the table."""
    _directory.forget()
    _tried.clear()


def resolve(symbol: str, exchange: str = Exchange.NSEEQ) -> Contract:
    """The contract of exactly this symbol, such as M&M or RELINFRA-BE. Raises UnknownSymbol, UnknownExchange.

    An index (NIFTY 50) is found in INDICES and under the exchange that quotes it.
    """
    return _directory.resolve(symbol, exchange)


def candles(
    symbol: str, interval: Interval, first: date, last: date, exchange: str = Exchange.NSEEQ
) -> Fetched[list[Candle]]:
    """Candles of the days `first` to `last`, both included. Raises UnknownSymbol, UnknownExchange."""
    contract = resolve(symbol, exchange)
    return history.candles(contract, key_symbol(contract), interval, first, last)


def _plain(contract: Contract) -> str:
    """The symbol, with its series where that is not the plain share's: RELIANCE, RELINFRA-BE."""
    return contract.symbol if contract.series in ("EQ", "") else contract.trading_symbol


def key_symbol(contract: Contract) -> str:
    """How a key without an exchange names a contract: of another exchange than NSE's shares as SYMBOL@EXCHANGE."""
    plain = _plain(contract)
    return plain if contract.exchange == Exchange.NSEEQ else f"{plain}@{contract.exchange}"


def quotes(symbols: Sequence[str], exchange: str = Exchange.NSEEQ) -> list[Fetched[Quote] | None]:
    """Prices now, in the order asked for; None where the broker quotes nothing. Raises UnknownSymbol."""
    return quotes_of([resolve(symbol, exchange) for symbol in symbols])


def quotes_of(contracts: Sequence[Contract]) -> list[Fetched[Quote] | None]:
    """Prices now, in the order of the contracts; None where the broker quotes nothing."""
    by_key = {(contract.exchange, _plain(contract)): contract for contract in contracts}
    wanted = [_quote_params(contract) for contract in contracts]

    def load(missing: list[Params]) -> list[Quote | None]:
        return _load_quotes([by_key[str(item["exchange"]), str(item["symbol"])] for item in missing])

    return fetch_many(QUOTES, wanted, load)


def depth(symbol: str, exchange: str = Exchange.NSEEQ) -> Fetched[Depth]:
    """The order book of an instrument. Raises UnknownSymbol, UnknownExchange."""
    contract = resolve(symbol, exchange)
    return fetch(DEPTH, _quote_params(contract), lambda: _of(contract, default_client().depth(contract)))


def open_interest(symbol: str, exchange: str = Exchange.NSEFO) -> Fetched[OpenInterest]:
    """Open contracts of a derivative. Raises UnknownSymbol, UnknownExchange."""
    contract = resolve(symbol, exchange)
    return fetch(
        OPEN_INTEREST, _quote_params(contract), lambda: _of(contract, default_client().open_interest(contract))
    )


def order_margin(symbol: str, exchange: str, wanted: WantedOrder) -> OrderMargin:
    """What an order would need, with the positions of this moment: asked for anew each time."""
    return default_client().order_margin(resolve(symbol, exchange), wanted)


def span_margin(legs: Sequence[tuple[str, str, str, int]]) -> SpanMargin:
    """What a combination would need; each leg is symbol, exchange, side, quantity."""
    return default_client().span_margin(
        [
            Leg(contract=resolve(symbol, exchange), side=side, quantity=quantity)
            for symbol, exchange, side, quantity in legs
        ]
    )


def _of(contract: Contract, found: M) -> M:
    """Named as we name it: the answer tells an id alone."""
    return msgspec.structs.replace(found, symbol=_plain(contract), exchange=contract.exchange)


def can_be_quoted(contract: Contract) -> bool:
    """Whether a quote can be kept under its name: a book's row carries whatever name the broker gives, or none."""
    try:
        QUOTES.key(_quote_params(contract))
    except InvalidKeyPart:
        return False
    return bool(contract.instrument_id)


def _quote_params(contract: Contract) -> Params:
    return {"exchange": contract.exchange, "symbol": _plain(contract)}


def contract_of(row: Holding | Position) -> Contract:
    """As much of a contract as a book's row tells: enough to ask for its price."""
    return Contract(
        exchange=row.exchange,
        symbol=row.symbol,
        series=row.trading_symbol.removeprefix(row.symbol).removeprefix("-"),
        trading_symbol=row.trading_symbol,
        instrument_id=row.instrument_id,
        name=row.name,
        instrument_type="",
        option_type="",
        strike_price=None,
        expiry=None,
        lot_size=0,
        tick_size=None,
    )


def _load_quotes(contracts: Sequence[Contract]) -> list[Quote | None]:
    found: list[Quote | None] = []
    for start in range(0, len(contracts), QUOTES_PER_CALL):
        batch = contracts[start : start + QUOTES_PER_CALL]
        answers = default_client().quotes(batch)
        found += [_named(answers.get((item.exchange, item.instrument_id)), item) for item in batch]
    return found


def _named(quote: Quote | None, contract: Contract) -> Quote | None:
    return quote and msgspec.structs.replace(quote, symbol=_plain(contract))


def status() -> BrokerStatus:
    """Whether the broker answers, as it was a few seconds ago at the most."""
    return fetch(STATUS, {}, _probe).value


def _probe() -> BrokerStatus:
    try:
        with limits.patience(PROBE_PATIENCE):
            default_client().probe()
    except BrokerError as error:
        return BrokerStatus(up=False, detail=str(error))
    return BrokerStatus(up=True, detail="")
