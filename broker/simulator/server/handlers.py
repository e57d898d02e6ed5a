"""The handlers of the routes."""

from collections.abc import Mapping

import msgspec

from broker.simulator.account.account import Account
from broker.simulator.account.order_entry import OrderEntry
from broker.simulator.account.positions import Position, positions_of
from broker.simulator.candle_request import RefusedRequestError, read_candle_request
from broker.simulator.codes import EXCHANGES, ec, empty_book
from broker.simulator.market import Market, Snapshot
from broker.simulator.prices.contracts import Contract, Contracts
from broker.simulator.rows.books import (
    holding_row,
    limits_row,
    order_history_row,
    order_row,
    position_row,
    profile_row,
    trade_rows,
)
from broker.simulator.rows.depth import depth_row, open_interest_row
from broker.simulator.rows.margins import order_margin_row, span_margin_row
from broker.simulator.rows.quotes import quote_row, unknown_row
from broker.simulator.server.sessions import Sessions
from broker.simulator.wire import Answer, Request, Row, http_error, json_answer, login_refused, ok


class Handlers:
    """One method per route; `part` is the variable part of the path, such as an order's number."""

    def __init__(
        self, sessions: Sessions, account: Account, order_entry: OrderEntry, market: Market, contracts: Contracts
    ) -> None:
        self._sessions = sessions
        self._account = account
        self._order_entry = order_entry
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
        """Place each order of the list by itself, because some may be refused."""
        body = _body(request)
        if not isinstance(body, list) or not body:
            return ec("EC005")
        return ok([self._order_entry.place(item) for item in body])

    def change_order(self, request: Request, part: str) -> Answer:
        return ok(self._order_entry.change(part, _body(request)))

    def cancel_order(self, request: Request, part: str) -> Answer:
        return ok(self._order_entry.cancel(part))

    def cancel_orders(self, request: Request, part: str) -> Answer:
        return ok(self._order_entry.cancel_all())

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
            query = read_candle_request(body, self._contracts)
        except RefusedRequestError as error:
            return ec(error.code)
        candles = self._market.candles(query.contract, query.interval, query.first, query.last)
        return ok([{"candles": [candle.row() for candle in candles]}])

    def market_quotes(self, request: Request, part: str) -> Answer:
        body = _body(request)
        if not isinstance(body, list) or not body:
            return ec("EC005")
        return ok([self._quote(item) for item in body])

    def market_depth(self, request: Request, part: str) -> Answer:
        priced = self._price(_body(request))
        return priced if isinstance(priced, Answer) else ok(depth_row(*priced))

    def open_interest(self, request: Request, part: str) -> Answer:
        """Answer without an envelope, as the documents show."""
        priced = self._price(_body(request))
        return priced if isinstance(priced, Answer) else json_answer(open_interest_row(*priced))

    def order_margin(self, request: Request, part: str) -> Answer:
        """Answer without an envelope, as the documents show."""
        body = _body(request)
        priced = self._price(body)
        quantity = _quantity_or_none(body)
        if isinstance(priced, Answer) or quantity is None:
            return priced if isinstance(priced, Answer) else ec("EC949", as_list=False)
        _, snapshot = priced
        product = str(body.get("product")) if isinstance(body, Mapping) else ""
        return json_answer(order_margin_row(self._account.books(), product, quantity * snapshot.price))

    def span_margin(self, request: Request, part: str) -> Answer:
        """Answer without an envelope, as the documents show."""
        body = _body(request)
        if not isinstance(body, list) or not body:
            return ec("EC005", as_list=False)
        total = 0
        for leg in body:
            priced, quantity = self._price(leg), _quantity_or_none(leg)
            if isinstance(priced, Answer):
                return priced
            contract, snapshot = priced
            if contract.exchange in ("NSEEQ", "BSEEQ") or quantity is None:
                return ec("EC949" if quantity is None else "EC986", as_list=False)
            total += quantity * snapshot.price
        return json_answer(span_margin_row(total))

    def _price(self, body: object) -> tuple[Contract, Snapshot] | Answer:
        """Return the instrument in a body with its price, or the EC code if there is none."""
        fields = body if isinstance(body, Mapping) else {}
        exchange, number = fields.get("exchange"), fields.get("instrumentId") or fields.get("InstrumentId")
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

    def _quote(self, instrument: object) -> Row:
        if not isinstance(instrument, Mapping):
            return unknown_row()
        number = instrument.get("instrumentId") or instrument.get("InstrumentId")
        return quote_row(self._market, self._contracts, str(instrument.get("exchange")), str(number))


def _body(request: Request) -> object:
    """Return the JSON body, or None if it is not JSON."""
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None


def _quantity_or_none(body: object) -> int | None:
    """Return the quantity, which may be a number or text, or None unless it is a positive whole number."""
    text = str(body.get("quantity")) if isinstance(body, Mapping) else ""
    return int(text[:12]) or None if text.isascii() and text.isdigit() else None


def _book(route: str, rows: list[Row]) -> Answer:
    """Return the rows, or for an empty book an EC row, as the broker does."""
    return ok(rows) if rows else empty_book(route)
