"""What the feed subscribes: the watchlist, what is held, and what was read lately, up to a number of instruments."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from broker import conf, gateway
from broker.contracts.directory import symbol_with_series
from broker.contracts.master import clear_symbol_cache, resolve
from broker.errors import BrokerError, UnknownExchange, UnknownSymbol
from broker.iifl.mapping.contracts import INDEX
from broker.stream import topics
from broker.stream.topics import Kind
from broker.subscriptions import recent_reads, sources
from broker.subscriptions.recent_reads import DEPTH, OPEN_INTEREST, QUOTES, Instrument
from broker.values import Contract, Exchange, Holding, Position
from systemcache.errors import CacheError, StoreUnavailable
from systemcache.stats import counters

logger = logging.getLogger(__name__)

POSITIONS_INTERVAL, HOLDINGS_INTERVAL = 60.0, 300.0  # seconds between two looks
RESOLVED_FOR = 600.0  # seconds
UNKNOWN_FOR = 60.0
MAX_RESOLVED = 20_000
INDIA_VIX = "999920019"  # which the stream has under the derivatives' segment (iifl_stream §8)
# An index that changes every second while NSE is open: its packets distinguish a mute feed from quiet instruments.
HEARTBEAT_KEY = (str(Exchange.NSEEQ), "999920000")
HEARTBEAT = topics.of_instrument(Kind.INDEX, *HEARTBEAT_KEY)

Key = tuple[str, str]  # the exchange in the topic, and the broker's id


class Subscription(msgspec.Struct, frozen=True):
    """An instrument, and what of it is wanted besides its price."""

    exchange: str
    symbol: str
    instrument_id: str
    is_index: bool = False
    depth: bool = False
    open_interest: bool = False

    @property
    def key(self) -> Key:
        return (self.topic_exchange, self.instrument_id)

    @property
    def topic_exchange(self) -> str:
        is_vix = self.is_index and self.instrument_id == INDIA_VIX
        return str(Exchange.NSEFO) if is_vix else self.exchange

    def topics(self) -> Iterator[str]:
        if self.is_index:
            yield topics.of_instrument(Kind.INDEX, self.topic_exchange, self.instrument_id)
        yield topics.of_instrument(Kind.PRICE, self.topic_exchange, self.instrument_id)
        if self.open_interest:
            yield topics.of_instrument(Kind.OPEN_INTEREST, self.topic_exchange, self.instrument_id)


class Planner:
    """Says what to subscribe now. `plan` and `read_books` are for a thread each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._books: dict[str, tuple[float, list[Contract]]] = {}  # with the time of the next look
        self._resolved: dict[Instrument, tuple[float, Contract | None]] = {}  # with the time of the next look
        self._recent: dict[str, list[Instrument]] = {}

    def plan(self) -> list[Subscription]:
        """Return the instruments, the most important first."""
        try:
            self._recent = {kind: recent_reads.read_lately(kind) for kind in (QUOTES, DEPTH, OPEN_INTEREST)}
        except StoreUnavailable as error:
            logger.debug("feed: what was read lately is not known now: %s", error)
        depth, interest = (set(self._recent.get(kind, ())) for kind in (DEPTH, OPEN_INTEREST))
        found: dict[Key, Subscription] = {}
        names: dict[Instrument, str] = {}
        most = conf.stream_symbols()
        for contract in self._contracts():
            if len(found) >= most:
                break
            name = Instrument(contract.exchange, symbol_with_series(contract))
            if names.setdefault(name, contract.instrument_id) != contract.instrument_id:
                continue  # a name is one instrument's, in the cache too
            subscription = Subscription(
                exchange=contract.exchange,
                symbol=name.symbol,
                instrument_id=contract.instrument_id,
                is_index=contract.instrument_type == INDEX,
                depth=name in depth,
                open_interest=name in interest,
            )
            found.setdefault(subscription.key, subscription)
        return list(found.values())

    def read_books(self) -> bool:
        """Read what is held, which may take a call of the broker, if a look is due; return whether one was."""
        looks = [
            self._read_book("positions", POSITIONS_INTERVAL, lambda: gateway.positions().value),
            self._read_book("holdings", HOLDINGS_INTERVAL, lambda: gateway.holdings().value),
        ]
        return any(looks)

    def read_books_again(self) -> None:
        """What is held may have changed."""
        self._books = {name: (self._clock(), contracts) for name, (_, contracts) in self._books.items()}

    def resolve_again(self) -> None:
        """Names may belong to other instruments by now."""
        clear_symbol_cache()
        self._resolved.clear()

    def _contracts(self) -> Iterator[Contract]:
        yield from self._resolve(sources.instruments())
        for _, contracts in list(self._books.values()):
            yield from filter(gateway.can_be_quoted, contracts)
        for kind in (DEPTH, OPEN_INTEREST, QUOTES):
            yield from self._resolve(self._recent.get(kind, ()))

    def _resolve(self, instruments: Iterable[Instrument]) -> Iterator[Contract]:
        for instrument in instruments:
            due, contract = self._resolved.get(instrument, (float("-inf"), None))
            if self._clock() >= due:
                contract = self._look_up(instrument)
                lasts = RESOLVED_FOR if contract else UNKNOWN_FOR
                if len(self._resolved) >= MAX_RESOLVED:
                    self._resolved.clear()
                self._resolved[instrument] = (self._clock() + lasts, contract)
            if contract is not None and gateway.can_be_quoted(contract):
                yield contract

    def _look_up(self, instrument: Instrument) -> Contract | None:
        try:
            return resolve(instrument.symbol, instrument.exchange)
        except (UnknownSymbol, UnknownExchange):
            pass
        except BrokerError as error:  # the contract file cannot be fetched
            logger.info("feed: %s cannot be subscribed yet: %s", " ".join(instrument), error)
        return None

    def _read_book(self, name: str, interval: float, read: Callable[[], Sequence[Holding | Position]]) -> bool:
        due, contracts = self._books.get(name, (float("-inf"), []))
        if self._clock() < due:
            return False
        try:
            with counters.site_reads():
                rows = read()
            contracts = [gateway.contract_of(row) for row in rows]
        except (BrokerError, CacheError) as error:
            logger.debug("feed: the %s are not known now: %s", name, error)
        self._books[name] = (self._clock() + interval, contracts)
        return True


def topics_of(plan: Iterable[Subscription], user: str) -> list[str]:
    """Return all topics of a plan: the account's and the markets' first, then the instruments'."""
    plan = list(plan)
    exchanges = dict.fromkeys([str(Exchange.NSEEQ), *(each.topic_exchange for each in plan)])
    names = topics.of_account(user)
    names += [name for exchange in exchanges for name in topics.of_market_status(exchange)]
    names.append(HEARTBEAT)
    names += [name for each in plan for name in each.topics()]
    return list(dict.fromkeys(names))
