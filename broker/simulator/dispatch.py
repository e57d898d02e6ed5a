"""The way of one call: wait, route, limit, fail on demand, authorise, answer, reword, log."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from broker.simulator.calls import Call, CallLog
from broker.simulator.desk import Desk
from broker.simulator.faults import Faults, comes_before, failed
from broker.simulator.limits import RateLimits
from broker.simulator.quirks import Quirks
from broker.simulator.routes import Route, find_routes
from broker.simulator.session import Sessions
from broker.simulator.wire import Answer, Clock, Delivery, Request, http_error, ok

UNKNOWN = "unknown"


class Dispatcher:
    def __init__(
        self,
        *,
        desk: Desk,
        sessions: Sessions,
        faults: Faults,
        quirks: Quirks,
        limits: RateLimits | None,
        calls: CallLog,
        now: Clock,
        moment: Callable[[], AbstractContextManager[None]],
        latency: float,
        hang: float,
        sleep: Callable[[float], object],
        on_call: Callable[[Call], None] | None,
    ) -> None:
        self._desk = desk
        self._sessions = sessions
        self._faults = faults
        self._quirks = quirks
        self._limits = limits
        self._calls = calls
        self._now = now
        self._moment = moment
        self._latency = latency
        self._hang = hang
        self._sleep = sleep
        self._on_call = on_call

    def __call__(self, request: Request) -> Answer:
        at = self._now()
        if self._latency:
            self._sleep(self._latency)
        with self._moment():
            name, answer = self._routed(request)
        self._log(Call(at, name, request.method, request.path, answer.status))
        if answer.delay:
            self._sleep(answer.delay)
        if answer.delivery is Delivery.HUNG:
            self._sleep(self._hang)
        return answer

    def _routed(self, request: Request) -> tuple[str, Answer]:
        found = find_routes(request.path)
        if not found:
            return UNKNOWN, http_error(404, "There is no such route.")
        for route, part in found:
            if route.verb == request.method:
                return route.name, self._quirks.reworded(route.name, self._answered(route, request, part))
        return found[0][0].name, http_error(405, f"{request.method} is not possible here.")

    def _answered(self, route: Route, request: Request, part: str) -> Answer:
        alive = self._sessions.alive(request.bearer)
        if not self._within_limits(route, request.bearer if alive else "", part):
            return http_error(429, "Too many requests")
        fault = self._faults.take(route.name)
        if fault and comes_before(fault):
            return failed(route.name, fault, ok([]))
        answer = self._authorised(route, request, part, alive)
        return failed(route.name, fault, answer) if fault else answer

    def _within_limits(self, route: Route, session: str, part: str) -> bool:
        if self._limits is None:
            return True
        own_part = part if route.limit_per_part else ""
        return self._limits.allow(session, route.family, part=own_part, instead=self._quirks.limits())

    def _authorised(self, route: Route, request: Request, part: str, alive: bool) -> Answer:
        if route.private and not alive:
            return http_error(401, "Unauthorized")
        return self._quirks.refusal(route.name, request) or route.handler(self._desk, request, part)

    def _log(self, call: Call) -> None:
        self._calls.add(call)
        if self._on_call:
            self._on_call(call)
