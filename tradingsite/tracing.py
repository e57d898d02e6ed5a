"""Traces for OpenTelemetry: a span for each request, and below it one for each part of its Server-Timing.

The spans are made when the request has its response, from the times that systemcache.timing takes in any case. So no
trace context exists while the request runs, and no call that it makes, to the broker or elsewhere, passes one on. Of a
request its method, route, scheme, status and X-Cache are sent, and nothing else that the caller chose.
"""

import logging
import os
import socket
import threading
from functools import lru_cache
from itertools import islice
from time import perf_counter, time_ns

from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, Tracer, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from systemcache import process_state, timing
from tradingsite import logs

logger = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
MAX_PARTS = 200  # spans below a request's own; an import makes thousands of queries
MAX_TRACEPARENT = 512  # characters
MAX_PATH = 500
STOP_TIMEOUT = 2.0  # seconds that the end of a process waits for the collector

_propagator = TraceContextTextMapPropagator()


class _Exporter:
    """This process's thread that exports, from its first request on. A forked child starts its own."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None

    def tracer(self) -> Tracer:
        with self._lock:
            if self._tracer is None:
                self._provider = _new_provider()
                self._tracer = self._provider.get_tracer("tradingsite", settings.VERSION)
                process_state.call_at_end(self.stop)
            return self._tracer

    def stop(self) -> None:
        """Export what is left, within STOP_TIMEOUT; the next request starts again."""
        with self._lock:
            provider, self._provider, self._tracer = self._provider, None, None
        if provider:
            exporting = threading.Thread(target=provider.shutdown, name="traces-stop", daemon=True)
            exporting.start()
            exporting.join(STOP_TIMEOUT)


def _new_provider() -> TracerProvider:
    """With the sampler, and for the exporter whatever else, that the OTEL_… variables name."""
    resource = Resource.create(
        {
            "service.name": settings.OTEL_SERVICE_NAME,
            "service.version": settings.VERSION,
            "host.name": socket.gethostname(),
            "process.pid": os.getpid(),
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)  # which would wait for half a minute
    exporter = OTLPSpanExporter(endpoint=f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


_exporter = process_state.register(_Exporter())
stop = _exporter.stop


def record(request: HttpRequest, response: HttpResponse, started: float, ended: float) -> None:
    """Queue the spans of a request for export; the times are perf_counter's. Neither waits for anybody nor fails."""
    try:
        _record(request, response, started, ended)
    except Exception:
        # An order may have been placed: its response must arrive.
        logger.exception("the trace of a request could not be recorded")


def _record(request: HttpRequest, response: HttpResponse, started: float, ended: float) -> None:
    epoch = time_ns() - round(1e9 * perf_counter())

    def at(moment: float) -> int:
        return epoch + round(1e9 * moment)

    tracer = _exporter.tracer()
    method = request.method if request.method in METHODS else "_OTHER"
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.response.status_code": response.status_code,
        "url.scheme": request.scheme or "",
    }
    if route := _route(request):
        attributes["http.route"] = route
    if "X-Cache" in response:
        attributes["cache.status"] = response["X-Cache"]
    root = tracer.start_span(
        f"{method} {route}".rstrip(),
        context=_context_of_caller(request),
        kind=SpanKind.SERVER,
        attributes=attributes,
        start_time=at(started),
    )
    if not root.is_recording():
        return
    request.META[logs.TRACE_ID] = format_trace_id(root.get_span_context().trace_id)
    below = set_span_in_context(root, Context())
    for name, label, part_started, part_ended in islice(timing.collected() or (), MAX_PARTS):
        part = tracer.start_span(
            name, context=below, attributes={"label": label} if label else None, start_time=at(part_started)
        )
        part.end(at(part_ended))
    if response.status_code >= 500:
        root.set_status(StatusCode.ERROR)
    root.end(at(ended))


def _context_of_caller(request: HttpRequest) -> Context:
    """What `traceparent` says. Without `tracestate`, in which callers may put what they like."""
    header = request.META.get("HTTP_TRACEPARENT", "")
    if not header or len(header) > MAX_TRACEPARENT:
        return Context()
    return _propagator.extract({"traceparent": header}, Context())


def _route(request: HttpRequest) -> str:
    """The pattern of the URL, such as /api/broker/orders/<str:order_id>/; empty if there is none."""
    if request.resolver_match:
        return _readable(request.resolver_match.route)
    # A hit is answered before the URL is resolved.
    return _resolved(request.path_info) if len(request.path_info) <= MAX_PATH else ""


@lru_cache(maxsize=1_000)
def _resolved(path: str) -> str:
    for candidate in (path, f"{path}/"):
        try:
            return _readable(resolve(candidate).route)
        except Resolver404:
            continue
    return ""


@lru_cache(maxsize=1_000)
def _readable(route: str) -> str:
    return simplify_regex(route)
