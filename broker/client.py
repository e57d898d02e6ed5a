"""The broker's API, typed: one method a route. Knows no cache."""

import threading
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from broker import conf, endpoints, tokens
from broker.endpoints import Endpoint
from broker.errors import BrokerAnswerUnclear, BrokerLoginRequired, BrokerRefused
from broker.mapping import books, envelope, market
from broker.mapping.contracts import contracts
from broker.mapping.fields import row, text, wire_date
from broker.tokens import TokenStore
from broker.transport import HTTPTransport, Transport
from broker.values import Candle, Contract, Holding, Interval, Margins, Order, Position, Profile, Quote, Trade

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

    def margins(self) -> Margins:
        return books.margins(self._read(endpoints.LIMITS))

    def holdings(self) -> list[Holding]:
        return books.holdings(self._read(endpoints.HOLDINGS))

    def positions(self) -> list[Position]:
        return books.positions(self._read(endpoints.POSITIONS))

    def orders(self) -> list[Order]:
        return books.orders(self._read(endpoints.ORDERS))

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
        body = [{"exchange": item.exchange, "instrumentId": item.instrument_id} for item in contracts]
        return market.quotes(self._read(endpoints.QUOTES, body=body))

    def contract_file(self, exchange: str) -> list[Contract]:
        return contracts(self._transport.call(endpoints.CONTRACT_FILE, exchange=exchange))

    def _read(self, endpoint: Endpoint, body: object = None) -> Any:
        token = self._token()
        try:
            return self._authorized(endpoint, token, body)
        except BrokerLoginRequired:
            self._tokens.drop(token)
            if self._tokens.current() is None and not conf.simulated():
                raise
            # Another process has logged in meanwhile, or the simulator lets us do so now.
            return self._authorized(endpoint, self._token(), body)

    def _authorized(self, endpoint: Endpoint, token: str, body: object) -> Any:
        answer = self._transport.call(endpoint, token=token, body=body)
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


@cache
def default_client() -> Client:
    """This process's client: one pool of connections, one memory of the session."""
    return Client(HTTPTransport(conf.base_url()), TokenStore())
