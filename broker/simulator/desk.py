"""What each route answers."""

from collections.abc import Mapping

import msgspec

from broker.simulator.account import Account
from broker.simulator.books import (
    holding_row,
    limits_row,
    order_history_row,
    order_row,
    position_row,
    profile_row,
    trade_row,
)
from broker.simulator.codes import ec, empty_book
from broker.simulator.contracts import Contracts
from broker.simulator.history import RefusedRequestError, read_history_request
from broker.simulator.market import Market
from broker.simulator.positions import Position, positions_of
from broker.simulator.quotes import quote, unknown_row
from broker.simulator.session import Sessions
from broker.simulator.wire import Answer, Request, Row, http_error, json_answer, login_refused, ok


class Desk:
    """One method per route of the table; `part` is what the path carries, such as an order's number."""

    def __init__(self, sessions: Sessions, account: Account, market: Market, contracts: Contracts) -> None:
        self._sessions = sessions
        self._account = account
        self._market = market
        self._contracts = contracts

    def open_session(self, request: Request, part: str) -> Answer:
        body = _body(request)
        claimed = body.get("checkSum") if isinstance(body, dict) else None
        token = self._sessions.open(claimed) if isinstance(claimed, str) else None
        if token is None:
            return login_refused("Invalid checkSum.")
        return json_answer({"status": "Ok", "userSession": token})

    def logout(self, request: Request, part: str) -> Answer:
        self._sessions.close(request.bearer)
        return ok({"status": "Success", "message": "Success"})

    def profile(self, request: Request, part: str) -> Answer:
        return ok(profile_row(self._account.client_id))

    def limits(self, request: Request, part: str) -> Answer:
        return ok(limits_row(self._account.books()))

    def holdings(self, request: Request, part: str) -> Answer:
        return _book("holdings", [holding_row(holding) for holding in self._account.books().holdings])

    def positions(self, request: Request, part: str) -> Answer:
        return _book("positions", [self._position(row) for row in positions_of(self._account.books().orders)])

    def orders(self, request: Request, part: str) -> Answer:
        client_id = self._account.client_id
        return _book("orders", [order_row(order, client_id) for order in self._account.books().orders])

    def order(self, request: Request, part: str) -> Answer:
        order = self._account.books().order(part)
        return _book("order", [order_history_row(order, self._account.client_id)] if order else [])

    def trades(self, request: Request, part: str) -> Answer:
        client_id = self._account.client_id
        filled = [order for order in self._account.books().orders if order.filled]
        return _book("trades", [trade_row(order, client_id) for order in filled])

    def historical_data(self, request: Request, part: str) -> Answer:
        body = _body(request)
        if not isinstance(body, dict) or not body:
            return ec("EC005")
        try:
            asked = read_history_request(body, self._contracts)
        except RefusedRequestError as refused:
            return ec(refused.code)
        candles = self._market.candles(asked.contract, asked.interval, asked.first, asked.last)
        return ok([{"candles": [candle.row() for candle in candles]}])

    def market_quotes(self, request: Request, part: str) -> Answer:
        body = _body(request)
        if not isinstance(body, list) or not body:
            return ec("EC005")
        return ok([self._quote(asked) for asked in body])

    def contract_file(self, request: Request, part: str) -> Answer:
        content = self._contracts.download(part)
        if content is None:
            return http_error(404, "There is no such contract file.")
        return Answer(200, content, "text/csv" if part.endswith(".csv") else "application/json")

    def _position(self, position: Position) -> Row:
        snapshot = self._market.snapshot(position.contract)
        return position_row(position, snapshot.previous_close if snapshot else 0)

    def _quote(self, asked: object) -> Row:
        if not isinstance(asked, Mapping):
            return unknown_row()
        number = asked.get("instrumentId") or asked.get("InstrumentId")
        return quote(self._market, self._contracts, str(asked.get("exchange")), str(number))


def _body(request: Request) -> object:
    """The JSON sent; None when it is none."""
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None


def _book(route: str, rows: list[Row]) -> Answer:
    """An empty book is told as an EC row, as the broker does."""
    return ok(rows) if rows else empty_book(route)
