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
    trade_rows,
)
from broker.simulator.codes import EXCHANGES, ec, empty_book
from broker.simulator.contracts import Contract, Contracts
from broker.simulator.counter import Counter
from broker.simulator.depth import depth_row, open_interest_row
from broker.simulator.history import RefusedRequestError, read_history_request
from broker.simulator.market import Market, Snapshot
from broker.simulator.needs import order_margin_row, span_margin_row
from broker.simulator.positions import Position, positions_of
from broker.simulator.quotes import quote, unknown_row
from broker.simulator.session import Sessions
from broker.simulator.wire import Answer, Request, Row, http_error, json_answer, login_refused, ok


class Desk:
    """One method per route of the table; `part` is what the path carries, such as an order's number."""

    def __init__(
        self, sessions: Sessions, account: Account, counter: Counter, market: Market, contracts: Contracts
    ) -> None:
        self._sessions = sessions
        self._account = account
        self._counter = counter
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

    def place_orders(self, request: Request, part: str) -> Answer:
        """Each order of the list by itself: some may be refused."""
        body = _body(request)
        if not isinstance(body, list) or not body:
            return ec("EC005")
        return ok([self._counter.place(item) for item in body])

    def change_order(self, request: Request, part: str) -> Answer:
        return ok(self._counter.change(part, _body(request)))

    def cancel_order(self, request: Request, part: str) -> Answer:
        return ok(self._counter.cancel(part))

    def cancel_orders(self, request: Request, part: str) -> Answer:
        return ok(self._counter.cancel_all())

    def order(self, request: Request, part: str) -> Answer:
        order = self._account.books().order(part)
        return _book("order", [order_history_row(order, self._account.client_id)] if order else [])

    def trades(self, request: Request, part: str) -> Answer:
        client_id = self._account.client_id
        orders = self._account.books().orders
        return _book("trades", [row for order in orders for row in trade_rows(order, client_id)])

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

    def market_depth(self, request: Request, part: str) -> Answer:
        found = self._priced(_body(request))
        return found if isinstance(found, Answer) else ok(depth_row(*found))

    def open_interest(self, request: Request, part: str) -> Answer:
        """Bare, as the documents show it."""
        found = self._priced(_body(request))
        return found if isinstance(found, Answer) else json_answer(open_interest_row(*found))

    def order_margin(self, request: Request, part: str) -> Answer:
        """Bare, as the documents show it."""
        body = _body(request)
        found = self._priced(body)
        quantity = _quantity(body)
        if isinstance(found, Answer) or quantity is None:
            return found if isinstance(found, Answer) else ec("EC949", as_list=False)
        _, snapshot = found
        product = str(body.get("product")) if isinstance(body, Mapping) else ""
        return json_answer(order_margin_row(self._account.books(), product, quantity * snapshot.price))

    def span_margin(self, request: Request, part: str) -> Answer:
        """Bare, as the documents show it."""
        body = _body(request)
        if not isinstance(body, list) or not body:
            return ec("EC005", as_list=False)
        total = 0
        for leg in body:
            found, quantity = self._priced(leg), _quantity(leg)
            if isinstance(found, Answer):
                return found
            if found[0].exchange in ("NSEEQ", "BSEEQ") or quantity is None:
                return ec("EC949" if quantity is None else "EC986", as_list=False)
            total += quantity * found[1].price
        return json_answer(span_margin_row(total))

    def _priced(self, asked: object) -> tuple[Contract, Snapshot] | Answer:
        """The instrument that a body names, with its price; or why there is none."""
        named = asked if isinstance(asked, Mapping) else {}
        exchange, number = named.get("exchange"), named.get("instrumentId") or named.get("InstrumentId")
        if not exchange or not number:
            return ec("EC900" if not exchange else "EC941", as_list=False)
        if exchange not in EXCHANGES:
            return ec("EC901", as_list=False)
        contract = self._contracts.find(str(exchange), str(number))
        snapshot = self._market.snapshot(contract) if contract else None
        if contract is None or snapshot is None:
            return ec("EC947", as_list=False)
        return contract, snapshot

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


def _quantity(asked: object) -> int | None:
    """A positive whole number, written as one or as text."""
    text = str(asked.get("quantity")) if isinstance(asked, Mapping) else ""
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _book(route: str, rows: list[Row]) -> Answer:
    """An empty book is told as an EC row, as the broker does."""
    return ok(rows) if rows else empty_book(route)
