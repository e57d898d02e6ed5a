"""The broker's API, typed: one method per route, without caching."""

import threading
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from broker import conf
from broker.errors import BrokerAnswerUnclear, BrokerLoginRequired, BrokerRefused
from broker.iifl import endpoints, session
from broker.iifl.endpoints import Endpoint
from broker.iifl.mapping import books, envelope, margins, market, orders
from broker.iifl.mapping.fields import ORDER_ID, row, text, wire_date
from broker.iifl.rate_limiter import BrokerRateLimiter
from broker.iifl.session import TokenStore
from broker.iifl.transport import BeforeSend, HTTPTransport, Transport, noop
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
    OrderParams,
    OrderReceipt,
    Position,
    Profile,
    Quote,
    SpanMargin,
    Trade,
)
from systemcache import masking, process_state

SIMULATED_CODE = "SIMULATED"  # the auth code that the simulator accepts any number of times


class Client:
    """Reads raise BrokerError and are safe to repeat."""

    def __init__(self, transport: Transport, store: TokenStore) -> None:
        self._transport = transport
        self._tokens = store
        self._login_lock = threading.Lock()

    def login(self, auth_code: str) -> None:
        """Exchange the login page's code for the day's session, and save it if it is this account's.

        A code works once. Raises BrokerError; then nothing is kept.
        """
        with masking.also(auth_code):
            token = self._exchange(auth_code)
        masking.remember(token)
        profile = books.profile(self._call_authorized(endpoints.PROFILE, token, None, {}))
        if not session.may_be_of(conf.client_id(), token=token, shown_id=profile.client_id):
            raise BrokerLoginRequired("The broker opened a session of another client than this site's account")
        self._tokens.save(token)

    def _exchange(self, auth_code: str) -> str:
        checksum = session.checksum(conf.client_id(), auth_code, conf.app_secret())
        answer = self._transport.call(endpoints.LOGIN, body={"checkSum": checksum})
        try:
            token = text(row(envelope.result(answer)).get("userSession"))
        except BrokerRefused as refusal:
            raise BrokerLoginRequired(f"The broker refused the login ({refusal})") from None
        if not token or not token.isascii():  # it travels in a header
            raise BrokerAnswerUnclear("a login without userSession")
        return token

    def profile(self) -> Profile:
        return books.profile(self._read(endpoints.PROFILE))

    def probe(self) -> None:
        """Raise BrokerError unless the broker answers within a few seconds."""
        self._read(endpoints.PROBE)

    def require_session(self) -> None:
        """Log in, or raise BrokerLoginRequired, once before several parallel calls."""
        self._token()

    def forget_session(self) -> None:
        """Read the token from the database before the next call: another process may have replaced it."""
        self._tokens.reload()

    def logout(self) -> None:
        """End the session at the broker and here; if the broker fails, here only."""
        token = self._tokens.current()
        if token is None:
            return
        try:
            envelope.result(self._transport.call(endpoints.LOGOUT, token=token))
        finally:
            self._tokens.invalidate(token)

    def margins(self) -> Margins:
        """Return the pooled margins, or the sum of both segments for accounts without a pool (iifl_api §3.2)."""
        pooled = books.margins(self._read(endpoints.LIMITS))
        if books.has_funds(pooled):
            return pooled
        equity, derivatives = (self._read(route) for route in (endpoints.LIMITS_EQUITY, endpoints.LIMITS_FNO))
        return books.add_margins(books.margins(equity), books.margins(derivatives))

    def holdings(self) -> list[Holding]:
        return books.holdings(self._read(endpoints.HOLDINGS))

    def positions(self) -> list[Position]:
        return books.positions(self._read(endpoints.POSITIONS))

    def orders(self) -> list[Order]:
        return books.orders(self._read(endpoints.ORDERS))

    def order_history(self, order_id: str) -> list[Order]:
        """Return the states that an order went through today; empty if the broker does not know the order.

        Raises BrokerAnswerUnclear for an answer that is another order's.
        """
        history = books.orders(self._read(endpoints.ORDER_HISTORY, order_id=_check_order_id(order_id)))
        if any(order.order_id not in ("", order_id) for order in history):
            raise BrokerAnswerUnclear(f"an answer for another order than {order_id}")
        return history

    def place_order(self, contract: Contract, params: OrderParams, before_send: BeforeSend = noop) -> OrderReceipt:
        """Place an order, with a single call. After an error with `may_have_arrived` there may be an order.

        `before_send` runs right before the call; if it raises, nothing is sent.
        """
        return self._send_order(endpoints.PLACE_ORDER, before_send, [orders.order_body(contract, params)])

    def change_order(self, order_id: str, change: OrderChange, before_send: BeforeSend = noop) -> OrderReceipt:
        """See place_order. Raises BrokerAnswerUnclear if the receipt is for another order."""
        return _of_order(
            order_id,
            self._send_order(
                endpoints.CHANGE_ORDER, before_send, orders.change_body(change), order_id=_check_order_id(order_id)
            ),
        )

    def cancel_order(self, order_id: str, before_send: BeforeSend = noop) -> OrderReceipt:
        """See change_order."""
        return _of_order(
            order_id, self._send_order(endpoints.CANCEL_ORDER, before_send, order_id=_check_order_id(order_id))
        )

    def trades(self) -> list[Trade]:
        return books.trades(self._read(endpoints.TRADES))

    def candles(self, contract: Contract, interval: Interval, first: date, last: date) -> list[Candle]:
        """Return the candles of the days `first` to `last`, both included."""
        body = {
            "exchange": contract.exchange,
            "instrumentId": contract.instrument_id,
            "interval": endpoints.INTERVALS[interval],
            "fromDate": wire_date(first),
            # The broker requires fromDate < toDate (EC810), so request one more day and drop it below.
            "toDate": wire_date(last + timedelta(days=1)),
        }
        candles = market.candles(self._read(endpoints.CANDLES, body=body), interval, contract.exchange)
        return [candle for candle in candles if first <= candle.time.date() <= last]

    def quotes(self, contracts: Sequence[Contract]) -> dict[tuple[str, str], Quote]:
        """Return quotes by exchange and instrument id, without those that the broker does not know."""
        body = [_instrument_body(item) for item in contracts]
        return market.quotes(self._read(endpoints.QUOTES, body=body))

    def depth(self, contract: Contract) -> Depth:
        return market.depth(self._read(endpoints.DEPTH, body=_instrument_body(contract)))

    def open_interest(self, contract: Contract) -> OpenInterest:
        return market.open_interest(self._read(endpoints.OPEN_INTEREST, body=_instrument_body(contract)))

    def order_margin(self, contract: Contract, params: OrderParams) -> OrderMargin:
        return margins.order_margin(self._read(endpoints.ORDER_MARGIN, body=orders.order_body(contract, params)))

    def span_margin(self, legs: Sequence[Leg]) -> SpanMargin:
        """Raises BrokerRefused for shares (EC986, EC987)."""
        return margins.span_margin(self._read(endpoints.SPAN_MARGIN, body=margins.legs_body(legs)))

    def contract_file(self, exchange: str) -> Iterator[bytes]:
        """Stream the file as CSV (see mapping/contract_csv.py)."""
        return self._transport.download(endpoints.CONTRACT_FILE, exchange=exchange)

    def _send_order(
        self, endpoint: Endpoint, before_send: BeforeSend, body: object = None, **parts: str
    ) -> OrderReceipt:
        """Send a single call. If the session has ended, forget it and raise."""
        token = self._token()
        try:
            answer = self._transport.call(endpoint, token=token, body=body, before_send=before_send, **parts)
            return orders.receipt(answer)
        except BrokerLoginRequired:
            self._tokens.invalidate(token)
            raise

    def _read(self, endpoint: Endpoint, body: object = None, **parts: str) -> Any:
        token = self._token()
        try:
            return self._call_authorized(endpoint, token, body, parts)
        except BrokerLoginRequired:
            self._tokens.invalidate(token)
            if self._tokens.current() is None and not conf.simulated():
                raise
            # Another process has logged in meanwhile, or the simulator allows a new login.
            return self._call_authorized(endpoint, self._token(), body, parts)

    def _call_authorized(self, endpoint: Endpoint, token: str, body: object, parts: dict[str, str]) -> Any:
        answer = self._transport.call(endpoint, token=token, body=body, before_send=noop, **parts)
        envelope.raise_if_session_ended(answer)
        return answer

    def _token(self) -> str:
        token = self._tokens.current()
        if token is None and conf.simulated():
            with self._login_lock:  # one login for all threads, because the simulator limits logins as the broker does
                if self._tokens.current() is None:
                    self._tokens.save(self._exchange(SIMULATED_CODE))
                token = self._tokens.current()
        if token is None:
            raise BrokerLoginRequired
        return token


def _of_order(order_id: str, receipt: OrderReceipt) -> OrderReceipt:
    if receipt.order_id != order_id:
        raise BrokerAnswerUnclear(f"a receipt for the order {receipt.order_id}, where {order_id} was meant")
    return receipt


def _check_order_id(order_id: str) -> str:
    """Check an order id before it enters a path. Raises BrokerRefused with the broker's own code."""
    if not ORDER_ID.fullmatch(order_id):
        raise BrokerRefused("EC985", "the order id is not valid")
    return order_id


def _instrument_body(contract: Contract) -> dict[str, str]:
    return {"exchange": contract.exchange, "instrumentId": contract.instrument_id}


@cache
def default_client() -> Client:
    """Return the process's client, with its connection pool and its copy of the session token."""
    return Client(HTTPTransport(conf.base_url(), limiter=BrokerRateLimiter()), TokenStore())


process_state.on_reset(default_client.cache_clear)
