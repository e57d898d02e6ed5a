"""Cached reads of the broker: the door for the floors above."""

from collections.abc import Sequence
from datetime import date

import msgspec

from broker import tokens
from broker.cache_families import (
    CANDLES,
    CONTRACTS,
    HOLDINGS,
    MARGINS,
    ORDERS,
    POSITIONS,
    PROFILE,
    QUOTES,
    STATUS,
    TRADES,
)
from broker.client import default_client
from broker.errors import BrokerError, UnknownExchange
from broker.symbols import SymbolDirectory
from broker.values import (
    CONTRACT_FILES,
    BrokerStatus,
    Candle,
    Contract,
    Exchange,
    Holding,
    Interval,
    Margins,
    Order,
    Position,
    Profile,
    Quote,
    Trade,
)
from systemcache import conf as cache_conf
from systemcache.batch import fetch_many
from systemcache.errors import InvalidKeyPart
from systemcache.fetch import fetch
from systemcache.fetched import Fetched
from systemcache.keys import Params

QUOTES_PER_CALL = 25


def holdings() -> Fetched[list[Holding]]:
    return fetch(HOLDINGS, {}, lambda: default_client().holdings())


def positions() -> Fetched[list[Position]]:
    return fetch(POSITIONS, {}, lambda: default_client().positions())


def margins() -> Fetched[Margins]:
    return fetch(MARGINS, {}, lambda: default_client().margins())


def orders() -> Fetched[list[Order]]:
    return fetch(ORDERS, {}, lambda: default_client().orders())


def trades() -> Fetched[list[Trade]]:
    return fetch(TRADES, {}, lambda: default_client().trades())


def profile() -> Fetched[Profile]:
    return fetch(PROFILE, {}, lambda: default_client().profile())


def contracts(exchange: str) -> Fetched[list[Contract]]:
    """A whole contract file. Raises UnknownExchange for one that the broker has no file of."""
    if exchange not in CONTRACT_FILES:
        raise UnknownExchange(exchange, list(CONTRACT_FILES))
    return fetch(CONTRACTS, {"exchange": exchange}, lambda: default_client().contract_file(exchange))


_directory = SymbolDirectory(lambda exchange: contracts(exchange).value)


def forget_symbols() -> None:
    """The next look-up of a symbol reads its contract file anew."""
    _directory.forget()


def resolve(symbol: str, exchange: str = Exchange.NSEEQ) -> Contract:
    """The contract of exactly this symbol, such as M&M or RELINFRA-BE. Raises UnknownSymbol, UnknownExchange."""
    return _directory.resolve(symbol, exchange)


def candles(
    symbol: str, interval: Interval, first: date, last: date, exchange: str = Exchange.NSEEQ
) -> Fetched[list[Candle]]:
    """Candles of the days `first` to `last`; a range whose last candle may still change is kept for a minute only."""
    contract = resolve(symbol, exchange)
    is_open = interval.is_open(last, tokens.now().date())
    return fetch(
        CANDLES,
        {"symbol": key_symbol(contract), "interval": interval, "from_date": first, "to_date": last},
        lambda: default_client().candles(contract, interval, first, last),
        ttl=cache_conf.ttl("candles_today") if is_open else None,
    )


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
        default_client().profile()
    except BrokerError as error:
        return BrokerStatus(up=False, detail=str(error))
    return BrokerStatus(up=True, detail="")
