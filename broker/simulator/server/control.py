"""Control of the simulator over HTTP, under /simulator and from this machine only."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from ipaddress import ip_address
from typing import Protocol

import msgspec

from broker.simulator.faults.faults import Fault, Faults
from broker.simulator.faults.quirks import QUIRKS, Quirks
from broker.simulator.options import SimulatorError
from broker.simulator.server.call_log import CallLog
from broker.simulator.server.sessions import Sessions
from broker.simulator.stream.server import StreamServer
from broker.simulator.wire import Answer, Request, Row, http_error, json_answer

PREFIX = "/simulator"
ORDERS = "/simulator/orders"

Handler = Callable[[Request], Answer]


class Operations(Protocol):
    """What can be done to the running simulator besides making it fail; ValueErrors are answered with 400."""

    @property
    def stream(self) -> StreamServer: ...

    def replayed_session(self) -> date | None: ...

    def set_price(self, symbol: str, rupees: Decimal | float | str) -> None: ...

    def release_prices(self) -> None: ...

    def place_order(self, order: Mapping[str, object]) -> Row: ...

    def change_order(self, number: str, **fields: object) -> Row: ...

    def cancel_order(self, number: str) -> Row: ...

    def fill_order(self, number: str, quantity: int, rupees: Decimal | float | str) -> Row: ...

    def reject_order(self, number: str, reason: str) -> Row: ...


class QuirkRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A quirk to switch on."""

    name: str


class PriceRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A price, in rupees, that a symbol is to have."""

    symbol: str
    price: Decimal


class StatusRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A market status that an exchange, or all, are to have."""

    code: int
    exchange: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.code < 2**16:
            raise ValueError("The code must have 16 bits.")


class PacketRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A payload to publish, in hexadecimal digits."""

    topic: str
    payload: str
    retain: bool = False


class FillRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A part of an order that is filled at this price in rupees."""

    quantity: int
    price: Decimal


class RejectRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The exchange's reason for rejecting an order."""

    reason: str


class Control:
    def __init__(
        self, calls: CallLog, faults: Faults, quirks: Quirks, sessions: Sessions, operations: Operations
    ) -> None:
        self._calls = calls
        self._faults = faults
        self._quirks = quirks
        self._sessions = sessions
        self._operations = operations
        self._resources: dict[str, tuple[tuple[str, ...], Handler]] = {
            "/simulator/calls": (("GET", "DELETE"), self._handle_calls),
            "/simulator/faults": (("GET", "POST", "DELETE"), self._handle_faults),
            "/simulator/quirks": (("GET", "POST", "DELETE"), self._handle_quirks),
            "/simulator/sessions": (("DELETE",), self._end_sessions),
            "/simulator/stream": (("GET", "DELETE"), self._handle_stream),
            "/simulator/packets": (("POST",), self._send_packet),
            "/simulator/status": (("POST",), self._set_status),
            "/simulator/prices": (("POST", "DELETE"), self._handle_prices),
            ORDERS: (("POST",), self._place_order),
            f"{ORDERS}/{{}}": (("PUT", "DELETE"), self._change_order),
            f"{ORDERS}/{{}}/fill": (("POST",), self._fill_order),
            f"{ORDERS}/{{}}/reject": (("POST",), self._reject_order),
        }

    def __call__(self, request: Request) -> Answer:
        if not ip_address(request.peer).is_loopback:
            return http_error(403, "The simulator is controlled from its own machine only.")
        methods, handle = self._resources.get(_pattern(request.path), ((), None))
        if handle is None or request.method not in methods:
            return http_error(404, "There is no such control route.")
        try:
            return handle(request)
        except (msgspec.MsgspecError, ValueError, ArithmeticError, SimulatorError) as error:
            return http_error(400, str(error))

    def _handle_calls(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self._calls.clear()
        return json_answer({"calls": self._calls.all()})

    def _handle_faults(self, request: Request) -> Answer:
        if request.method == "POST":
            self._faults.add(msgspec.json.decode(request.body, type=Fault))
        elif request.method == "DELETE":
            self._faults.clear()
        return json_answer({"faults": self._faults.all()})

    def _handle_quirks(self, request: Request) -> Answer:
        if request.method == "POST":
            self._quirks.add(msgspec.json.decode(request.body, type=QuirkRequest).name)
        elif request.method == "DELETE":
            self._quirks.clear()
        known = {name: quirk.description for name, quirk in QUIRKS.items()}
        return json_answer({"quirks": self._quirks.all(), "known": known})

    def _end_sessions(self, request: Request) -> Answer:
        """End all sessions, as at midnight: clients must log in again."""
        self._sessions.close_all()
        return json_answer({"sessions": []})

    def _handle_stream(self, request: Request) -> Answer:
        stream = self._operations.stream
        if request.method == "DELETE":
            stream.drop_connections()
        state = {
            "url": stream.url,
            "replayed_session": self._operations.replayed_session(),
            "published": stream.published(),
            "clients": stream.clients(),
        }
        return json_answer(state)

    def _send_packet(self, request: Request) -> Answer:
        packet = msgspec.json.decode(request.body, type=PacketRequest)
        self._operations.stream.push(packet.topic, bytes.fromhex(packet.payload), retain=packet.retain)
        return json_answer({"published": self._operations.stream.published()})

    def _set_status(self, request: Request) -> Answer:
        status = msgspec.json.decode(request.body, type=StatusRequest)
        self._operations.stream.set_market_status(status.code, status.exchange)
        return json_answer(status)

    def _handle_prices(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self._operations.release_prices()
            return json_answer({})
        price = msgspec.json.decode(request.body, type=PriceRequest)
        self._operations.set_price(price.symbol, price.price)
        return json_answer(price)

    def _place_order(self, request: Request) -> Answer:
        return json_answer(self._operations.place_order(_fields(request)))

    def _change_order(self, request: Request) -> Answer:
        number = _order_number(request)
        if request.method == "DELETE":
            return json_answer(self._operations.cancel_order(number))
        return json_answer(self._operations.change_order(number, **_fields(request)))

    def _fill_order(self, request: Request) -> Answer:
        fill = msgspec.json.decode(request.body, type=FillRequest)
        return json_answer(self._operations.fill_order(_order_number(request), fill.quantity, fill.price))

    def _reject_order(self, request: Request) -> Answer:
        reason = msgspec.json.decode(request.body, type=RejectRequest).reason
        return json_answer(self._operations.reject_order(_order_number(request), reason))


def _pattern(path: str) -> str:
    """Return the path with {} in place of an order's number."""
    if not path.startswith(f"{ORDERS}/"):
        return path
    _, slash, action = path.removeprefix(f"{ORDERS}/").partition("/")
    return f"{ORDERS}/{{}}{slash}{action}"


def _order_number(request: Request) -> str:
    return request.path.removeprefix(f"{ORDERS}/").partition("/")[0]


def _fields(request: Request) -> dict[str, object]:
    return msgspec.json.decode(request.body, type=dict[str, object])
