"""What tests and operators may ask and tell over HTTP, under /simulator and from this machine only."""

from ipaddress import ip_address

import msgspec

from broker.simulator.calls import CallLog
from broker.simulator.faults import Fault, Faults
from broker.simulator.quirks import QUIRKS, Quirks
from broker.simulator.session import Sessions
from broker.simulator.wire import Answer, Request, http_error, json_answer

PREFIX = "/simulator"


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """A quirk to be switched on."""

    name: str


class Control:
    def __init__(self, calls: CallLog, faults: Faults, quirks: Quirks, sessions: Sessions) -> None:
        self._calls = calls
        self._faults = faults
        self._quirks = quirks
        self._sessions = sessions
        self._actions = {
            ("GET", "/simulator/calls"): self._list_calls,
            ("DELETE", "/simulator/calls"): self._clear_calls,
            ("GET", "/simulator/faults"): self._list_faults,
            ("POST", "/simulator/faults"): self._add_fault,
            ("DELETE", "/simulator/faults"): self._clear_faults,
            ("GET", "/simulator/quirks"): self._list_quirks,
            ("POST", "/simulator/quirks"): self._add_quirk,
            ("DELETE", "/simulator/quirks"): self._clear_quirks,
            ("DELETE", "/simulator/sessions"): self._end_sessions,
        }

    def __call__(self, request: Request) -> Answer:
        if not ip_address(request.peer).is_loopback:
            return http_error(403, "The simulator is controlled from its own machine only.")
        action = self._actions.get((request.method, request.path))
        return action(request) if action else http_error(404, "There is no such control.")

    def _list_calls(self, request: Request) -> Answer:
        return json_answer({"calls": self._calls.all()})

    def _clear_calls(self, request: Request) -> Answer:
        self._calls.clear()
        return self._list_calls(request)

    def _list_faults(self, request: Request) -> Answer:
        return json_answer({"faults": self._faults.all()})

    def _add_fault(self, request: Request) -> Answer:
        try:
            self._faults.add(msgspec.json.decode(request.body, type=Fault))
        except (msgspec.MsgspecError, ValueError) as error:
            return http_error(400, str(error))
        return self._list_faults(request)

    def _clear_faults(self, request: Request) -> Answer:
        self._faults.clear()
        return self._list_faults(request)

    def _list_quirks(self, request: Request) -> Answer:
        known = {name: quirk.says for name, quirk in QUIRKS.items()}
        return json_answer({"quirks": self._quirks.all(), "known": known})

    def _add_quirk(self, request: Request) -> Answer:
        try:
            self._quirks.add(msgspec.json.decode(request.body, type=Wish).name)
        except (msgspec.MsgspecError, ValueError) as error:
            return http_error(400, str(error))
        return self._list_quirks(request)

    def _clear_quirks(self, request: Request) -> Answer:
        self._quirks.clear()
        return self._list_quirks(request)

    def _end_sessions(self, request: Request) -> Answer:
        """As at midnight: whoever has a token has to log in again."""
        self._sessions.close_all()
        return json_answer({"sessions": []})
