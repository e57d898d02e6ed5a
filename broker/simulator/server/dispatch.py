"""Handles a call: delay, route, rate limit, failure on demand, authorization, answer, quirks, log."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from broker.simulator.faults.faults import Faults, apply_fault, prevents_effect
from broker.simulator.faults.quirks import Quirks
from broker.simulator.server.call_log import Call, CallLog
from broker.simulator.server.handlers import Handlers
from broker.simulator.server.rate_limits import RateLimits
from broker.simulator.server.routes import Route, find_routes
from broker.simulator.server.sessions import Sessions
from broker.simulator.wire import Answer, Clock, Delivery, Request, http_error, ok

UNKNOWN = "unknown"


class Dispatcher:
    def __init__(
        self,
        *,
        handlers: Handlers,
        sessions: Sessions,
        faults: Faults,
        quirks: Quirks,
        limits: RateLimits | None,
        calls: CallLog,
        now: Clock,
        freeze_time: Callable[[], AbstractContextManager[None]],
        latency: float,
        hang: float,
        sleep: Callable[[float], object],
        on_call: Callable[[Call], None] | None,
    ) -> None:
        self._handlers = handlers
        self._sessions = sessions
        self._faults = faults
        self._quirks = quirks
        self._limits = limits
        self._calls = calls
        self._now = now
        self._freeze_time = freeze_time
        self._latency = latency
        self._hang = hang
        self._sleep = sleep
        self._on_call = on_call

    def __call__(self, request: Request) -> Answer:
        at = self._now()
        if self._latency:
            self._sleep(self._latency)
        with self._freeze_time():
            name, answer = self._route(request)
        call = Call(at, name, request.method, request.path, answer.status)
        self._calls.add(call)
        if self._on_call:
            self._on_call(call)
        if answer.delay:
            self._sleep(answer.delay)
        if answer.delivery is Delivery.HUNG:
            self._sleep(self._hang)
        return answer

    def _route(self, request: Request) -> tuple[str, Answer]:
        routes = find_routes(request.path)
        if not routes:
            return UNKNOWN, http_error(404, "There is no such route.")
        for route, part in routes:
            if route.verb == request.method:
                return route.name, self._quirks.apply(route.name, self._respond(route, request, part))
        return routes[0][0].name, http_error(405, f"{request.method} is not allowed here.")

    def _respond(self, route: Route, request: Request, part: str) -> Answer:
        is_active = self._sessions.is_active(request.bearer)
        session, own_part = request.bearer if is_active else "", part if route.limit_per_part else ""
        if self._limits and not self._limits.allow(
            session, route.family, part=own_part, overrides=self._quirks.limits()
        ):
            return http_error(429, "Too many requests")
        fault = self._faults.next_fault(route.name)
        if fault and prevents_effect(fault):
            return apply_fault(route.name, fault, ok([]))
        if route.private and not is_active:
            answer = http_error(401, "Unauthorized")
        else:
            answer = self._quirks.refusal(route.name, request) or route.handler(self._handlers, request, part)
        return apply_fault(route.name, fault, answer) if fault else answer
