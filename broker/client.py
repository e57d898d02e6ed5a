"""The broker's API, typed: one method a route. Knows no cache."""

import re
import threading
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from broker import conf, endpoints, tokens
from broker.endpoints import Endpoint
from broker.errors import BrokerAnswerUnclear, BrokerLoginRequired, BrokerRefused
from broker.limits import SharedLimiter
from broker.mapping import books, deals, envelope, market, needs
from broker.mapping.fields import row, text, wire_date
from broker.tokens import TokenStore
from broker.transport import HTTPTransport, Ready, Transport, nothing
from broker.values import (
    Candle,
    Contract,
    Depth,
    Holding,
    Interval,
    Leg,
    Margins,
    OpenInterest,
    Order,
    OrderChange,
    OrderMargin,
    OrderReceipt,
    Position,
    Profile,
    Quote,
    SpanMargin,
    Trade,
    WantedOrder,
)

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
SIMULATED_CODE = "SIMULATED"  # the auth code that the simulator takes, any number of times


class Client:
    """Reads raise BrokerError's children and are safe to repeat."""

    def __init__(self, transport: Transport, store: TokenStore) -> None:
        self._transport = transport
        self._tokens = store
        self._logging_in = threading.Lock()

    def login(self, auth_code: str) -> None:
        """Exchanges the code of the login page for the session of the day, and keeps it. A code works once."""
        checksum = tokens.checksum(conf.client_id(), auth_code, conf.app_secret())
        answer = self._transport.call(endpoints.LOGIN, body={"checkSum": checksum})
        try:
            token = text(row(envelope.result(answer)).get("userSession"))
        except BrokerRefused as refusal:
            raise BrokerLoginRequired(f"The broker refused the login ({refusal})") from None
        if not token or not token.isascii():  # it travels in a header
            raise BrokerAnswerUnclear("a login without userSession")
        self._tokens.keep(token)

    def profile(self) -> Profile:
        return books.profile(self._read(endpoints.PROFILE))

    def probe(self) -> None:
        """Whether the broker answers: raises BrokerError's children if it does not so soon."""
        self._read(endpoints.PROBE)

    def require_session(self) -> None:
        """Before several calls at once: one login, or one BrokerLoginRequired, for all of them."""
        self._token()

    def logout(self) -> None:
        """Ends the session, here and at the broker; here in any case."""
        token = self._tokens.current()
        if token is None:
            return
        try:
            envelope.result(self._transport.call(endpoints.LOGOUT, token=token))
        finally:
            self._tokens.drop(token)

    def margins(self) -> Margins:
        """Pooled; where the pool is empty, equity and derivatives together: non-residents have them apart (§3.2)."""
        pooled = books.margins(self._read(endpoints.LIMITS))
        if books.has_funds(pooled):
            return pooled
        equity, derivatives = (self._read(route) for route in (endpoints.LIMITS_EQUITY, endpoints.LIMITS_FNO))
        return books.added(books.margins(equity), books.margins(derivatives))

    def holdings(self) -> list[Holding]:
        return books.holdings(self._read(endpoints.HOLDINGS))

    def positions(self) -> list[Position]:
        return books.positions(self._read(endpoints.POSITIONS))

    def orders(self) -> list[Order]:
        return books.orders(self._read(endpoints.ORDERS))

    def order_history(self, order_id: str) -> list[Order]:
        """The states that an order went through today; none for an order that the broker does not know."""
        return books.orders(self._read(endpoints.ORDER_HISTORY, order_id=_checked(order_id)))

    def place_order(self, contract: Contract, wanted: WantedOrder, ready: Ready = nothing) -> OrderReceipt:
        """Never repeated. An error whose `may_have_arrived` is set leaves open whether there is an order now.

        `ready` is called right before it is sent; its error keeps it from being so.
        """
        return self._change(endpoints.PLACE_ORDER, ready, [deals.order_body(contract, wanted)])

    def change_order(self, order_id: str, change: OrderChange, ready: Ready = nothing) -> OrderReceipt:
        """As place_order."""
        return self._change(endpoints.CHANGE_ORDER, ready, deals.change_body(change), order_id=_checked(order_id))

    def cancel_order(self, order_id: str, ready: Ready = nothing) -> OrderReceipt:
        """As place_order."""
        return self._change(endpoints.CANCEL_ORDER, ready, order_id=_checked(order_id))

    def trades(self) -> list[Trade]:
        return books.trades(self._read(endpoints.TRADES))

    def candles(self, contract: Contract, interval: Interval, first: date, last: date) -> list[Candle]:
        """Candles of the days `first` to `last`, both included."""
        body = {
            "exchange": contract.exchange,
            "instrumentId": contract.instrument_id,
            "interval": endpoints.INTERVALS[interval],
            "fromDate": wire_date(first),
            # The broker wants fromDate < toDate (EC810): a day more is asked for, and cut off again.
            "toDate": wire_date(last + timedelta(days=1)),
        }
        found = market.candles(self._read(endpoints.CANDLES, body=body))
        return [candle for candle in found if first <= candle.time.date() <= last]

    def quotes(self, contracts: Sequence[Contract]) -> dict[tuple[str, str], Quote]:
        """By exchange and instrument id; what the broker does not know is missing."""
        body = [_instrument(item) for item in contracts]
        return market.quotes(self._read(endpoints.QUOTES, body=body))

    def depth(self, contract: Contract) -> Depth:
        return market.depth(self._read(endpoints.DEPTH, body=_instrument(contract)))

    def open_interest(self, contract: Contract) -> OpenInterest:
        return market.open_interest(self._read(endpoints.OPEN_INTEREST, body=_instrument(contract)))

    def order_margin(self, contract: Contract, wanted: WantedOrder) -> OrderMargin:
        return needs.order_margin(self._read(endpoints.ORDER_MARGIN, body=deals.order_body(contract, wanted)))

    def span_margin(self, legs: Sequence[Leg]) -> SpanMargin:
        """Raises BrokerRefused for shares (EC986, EC987)."""
        return needs.span_margin(self._read(endpoints.SPAN_MARGIN, body=needs.legs_body(legs)))

    def contract_file(self, exchange: str) -> Iterator[bytes]:
        """The file as CSV, in pieces as they come (see mapping/contract_csv.py)."""
        return self._transport.download(endpoints.CONTRACT_FILE, exchange=exchange)

    def _change(self, endpoint: Endpoint, ready: Ready, body: object = None, **parts: str) -> OrderReceipt:
        """One call and no other: a dead session is dropped, and the error goes to the caller."""
        token = self._token()
        try:
            answer = self._transport.call(endpoint, token=token, body=body, ready=ready, **parts)
            return deals.receipt(answer)
        except BrokerLoginRequired:
            self._tokens.drop(token)
            raise

    def _read(self, endpoint: Endpoint, body: object = None, **parts: str) -> Any:
        token = self._token()
        try:
            return self._authorized(endpoint, token, body, parts)
        except BrokerLoginRequired:
            self._tokens.drop(token)
            if self._tokens.current() is None and not conf.simulated():
                raise
            # Another process has logged in meanwhile, or the simulator lets us do so now.
            return self._authorized(endpoint, self._token(), body, parts)

    def _authorized(self, endpoint: Endpoint, token: str, body: object, parts: dict[str, str]) -> Any:
        answer = self._transport.call(endpoint, token=token, body=body, ready=nothing, **parts)
        envelope.refuse_dead_session(answer)
        return answer

    def _token(self) -> str:
        token = self._tokens.current()
        if token is None and conf.simulated():
            token = self._simulated_login()
        if token is None:
            raise BrokerLoginRequired
        return token

    def _simulated_login(self) -> str | None:
        """One login for all threads that find no session: the simulator limits logins as the broker does."""
        with self._logging_in:
            if self._tokens.current() is None:
                self.login(SIMULATED_CODE)
            return self._tokens.current()


def _checked(order_id: str) -> str:
    """Before it enters a path. Raises BrokerRefused with the broker's own code for a wrong one."""
    if not ORDER_ID.fullmatch(order_id):
        raise BrokerRefused("EC985", "the order id is not valid")
    return order_id


def _instrument(contract: Contract) -> dict[str, str]:
    return {"exchange": contract.exchange, "instrumentId": contract.instrument_id}


@cache
def default_client() -> Client:
    """This process's client: one pool of connections, one memory of the session."""
    return Client(HTTPTransport(conf.base_url(), limiter=SharedLimiter()), TokenStore())
